// Small-parent verifies, consumes, and outlives its agent, which it finds at an address; or starts it as a plugin of hashicorp/go-plugin.
//
//	small-parent [grpc://]HOST:PORT|unix:/path [TOKEN_FILE]
//	small-parent plugin PMQ CONFIG
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	pb "pmq/interop/attachpb"
)

const verify, consume = 1, 2

// What may wait here without an answer.
var window = &pb.Window{Messages: 1024, Bytes: 16 << 20}

// A frame of the agent's: attach.max_frame_payload, and what stands around it. Without this gRPC in Go takes 4 MiB.
const longest = 20 << 20

func judge(payload []byte) *pb.Verdict {
	if strings.HasPrefix(string(payload), "report") {
		return &pb.Verdict{Result: pb.Verdict_ACCEPT}
	}
	return &pb.Verdict{Result: pb.Verdict_REJECT, Reason: 7, Text: "unknown prefix"}
}

// session is one with the agent; it moves the cursor, from which the next one goes on.
func session(ctx context.Context, connection grpc.ClientConnInterface, cursor *pb.Cursor) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := pb.NewAttachClient(connection).Session(ctx, grpc.MaxCallRecvMsgSize(longest))
	if err != nil {
		return err
	}
	wanted := &pb.Wanted{Network: "weather", Roles: verify | consume, Verify: window, Consume: window, Consumer: "printer", Cursor: cursor}
	hello := &pb.Hello{Version: 1, Software: "small-parent.go", Networks: []*pb.Wanted{wanted}}
	// io.EOF says only that the call has ended: Recv says how.
	if err := stream.Send(&pb.Frame{Body: &pb.Frame_Hello{Hello: hello}}); err != nil && err != io.EOF {
		return err
	}
	var number uint64
	var index uint32
	for {
		frame, err := stream.Recv()
		if err != nil {
			return err
		}
		answer := &pb.Frame{Session: number}
		switch body := frame.Body.(type) {
		case *pb.Frame_Welcome:
			if len(body.Welcome.GetNetworks()) != 1 {
				return fmt.Errorf("a welcome to %d networks, where one was asked for", len(body.Welcome.GetNetworks()))
			}
			network := body.Welcome.Networks[0]
			number, index = frame.Session, network.Index
			cursor.Stream, cursor.Counter = network.Cursor.GetStream(), network.Cursor.GetCounter()
			fmt.Fprintln(os.Stderr, "attached to weather")
		case *pb.Frame_Validate:
			verdicts := &pb.Verdicts{}
			for _, offer := range body.Validate.Offers {
				verdict := judge(offer.Payload)
				verdict.Network, verdict.Ticket = offer.Network, offer.Ticket
				verdicts.Verdicts = append(verdicts.Verdicts, verdict)
			}
			answer.Body = &pb.Frame_Verdicts{Verdicts: verdicts}
		case *pb.Frame_Deliver, *pb.Frame_Gaps, *pb.Frame_Unverified:
			for _, message := range frame.GetDeliver().GetMessages() {
				fmt.Println(message.Topic, string(message.Payload))
				cursor.Counter = message.Counter
			}
			for _, gap := range frame.GetGaps().GetGaps() {
				fmt.Printf("gap: %d messages are missing, reason %d\n", gap.Count, gap.Reason)
				cursor.Counter = gap.To
			}
			for _, record := range frame.GetUnverified().GetRecords() {
				fmt.Printf("%s: %d without a verdict, reason %d\n", record.Topic, record.Count, record.Cause)
				cursor.Counter = record.Counter
			}
			answer.Body = &pb.Frame_Acks{Acks: &pb.Acks{Acks: []*pb.Ack{{Network: index, Counter: cursor.Counter}}}}
		case *pb.Frame_Ping:
			answer.Body = &pb.Frame_Pong{Pong: body.Ping}
		case *pb.Frame_Refuse:
			for _, refuse := range body.Refuse.Refusals {
				fmt.Fprintf(os.Stderr, "refused (code %d): %s\n", refuse.Code, refuse.Text)
				// Version, role, network, group: another attempt does not mend it. Replaced (11): two of a name would drive each other out for ever.
				if refuse.Fatal && slices.Contains([]uint32{1, 2, 3, 11, 18}, refuse.Code) {
					return status.Error(codes.PermissionDenied, refuse.Text)
				}
			}
		}
		if answer.Body == nil {
			continue
		}
		if err := stream.Send(answer); err != nil && err != io.EOF {
			return err
		}
	}
}

// Another attempt ends in the same way. ResourceExhausted is what a message above this end's limit ends in, OutOfRange one above the agent's.
var final = []codes.Code{
	codes.InvalidArgument, codes.Unauthenticated, codes.PermissionDenied, codes.ResourceExhausted, codes.OutOfRange, codes.FailedPrecondition, codes.Unimplemented,
}

// outlive attaches again and again, until the agent refuses this parent for good.
func outlive(ctx context.Context, connection grpc.ClientConnInterface) error {
	cursor := &pb.Cursor{}
	for {
		err := session(ctx, connection, cursor)
		if slices.Contains(final, status.Code(err)) {
			return fmt.Errorf("refused: %w", err)
		}
		fmt.Fprintln(os.Stderr, "again, since:", err)
		time.Sleep(200 * time.Millisecond)
	}
}

// usage is an argument that cannot work.
type usage string

func (what usage) Error() string {
	return string(what) + "\nusage: small-parent [grpc://]HOST:PORT|unix:/path [TOKEN_FILE] | small-parent plugin PMQ CONFIG"
}

// place is what gRPC calls an address of an agent. It would look for anything else for ever.
func place(address string) (string, error) {
	address = strings.TrimPrefix(address, "grpc://")
	if path, unix := strings.CutPrefix(address, "unix:"); unix {
		// The system's bound.
		if !strings.HasPrefix(path, "/") || len(path) > 107 {
			return "", usage(fmt.Sprintf("%q is no absolute path of a socket", path))
		}
		return address, nil
	}
	host, port, err := net.SplitHostPort(address)
	if number, wrong := strconv.ParseUint(port, 10, 16); err != nil || host == "" || strings.Contains(host, "/") || wrong != nil || number == 0 {
		return "", usage(fmt.Sprintf("%q is no address of an agent", address))
	}
	return address, nil
}

// read answers the token in a file, as it fits into a call's metadata.
func read(file string) (string, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return "", usage(err.Error())
	}
	token := strings.TrimSpace(string(content))
	unfit := func(r rune) bool { return r < ' ' || r > '~' }
	if token == "" || strings.ContainsFunc(token, unfit) {
		return "", usage(fmt.Sprintf("%s holds no token of printable ASCII", file))
	}
	return token, nil
}

func dial(address, token string) error {
	address, err := place(address)
	if err != nil {
		return err
	}
	connection, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer connection.Close()
	ctx := context.Background()
	if token != "" {
		ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+token)
	}
	return outlive(ctx, connection)
}

// launch starts the agent, both ends prove who they are, and either goes when the other does.
func launch(program, config string) error {
	client := plugin.NewClient(&plugin.ClientConfig{
		HandshakeConfig:  plugin.HandshakeConfig{ProtocolVersion: 1, MagicCookieKey: "PMQ_PLUGIN", MagicCookieValue: "4b7e0c1a9d5f42c8b6a3e9d17c05f8e2"},
		Plugins:          plugin.PluginSet{"agent": &agent{}},
		Cmd:              exec.Command(program, "run", "-c", config),
		AllowedProtocols: []plugin.Protocol{plugin.ProtocolGRPC},
		AutoMTLS:         true,
	})
	defer client.Kill()
	protocol, err := client.Client()
	if err != nil {
		return err
	}
	connection, err := protocol.Dispense("agent")
	if err != nil {
		return err
	}
	return session(context.Background(), connection.(*grpc.ClientConn), &pb.Cursor{})
}

// agent is go-plugin's name for the connection.
type agent struct{ plugin.NetRPCUnsupportedPlugin }

func (agent) GRPCServer(*plugin.GRPCBroker, *grpc.Server) error {
	return fmt.Errorf("the agent is a program of its own")
}

func (agent) GRPCClient(_ context.Context, _ *plugin.GRPCBroker, connection *grpc.ClientConn) (any, error) {
	return connection, nil
}

func run(args []string) error {
	switch {
	case len(args) == 3 && args[0] == "plugin":
		return launch(args[1], args[2])
	case len(args) == 1:
		return dial(args[0], "")
	case len(args) == 2 && args[0] != "plugin":
		token, err := read(args[1])
		if err != nil {
			return err
		}
		return dial(args[0], token)
	}
	return usage("no such arguments")
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		if errors.As(err, new(usage)) {
			os.Exit(64)
		}
		os.Exit(1)
	}
}
