// Plugin-parent is a parent that starts its agent as a plugin of hashicorp/go-plugin, verifies, listens and publishes, and takes the agent along when it ends.
//
//	plugin-parent [-mtls] [-hang] CONFIG
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	pb "pmq/interop/p2pmqpb"
)

// Handshake is what an agent asks of a host: docs/attach.md, "go-plugin".
var Handshake = plugin.HandshakeConfig{ProtocolVersion: 1, MagicCookieKey: "PMQ_PLUGIN", MagicCookieValue: "4b7e0c1a9d5f42c8b6a3e9d17c05f8e2"}

// services is the plugin's connection, with which every service of the agent can be called.
type services struct{ plugin.NetRPCUnsupportedPlugin }

func (services) GRPCServer(*plugin.GRPCBroker, *grpc.Server) error {
	return fmt.Errorf("the agent is a program of its own")
}

func (services) GRPCClient(_ context.Context, _ *plugin.GRPCBroker, connection *grpc.ClientConn) (any, error) {
	return connection, nil
}

func main() {
	mtls := flag.Bool("mtls", false, "both ends prove who they are (AutoMTLS)")
	hang := flag.Bool("hang", false, "stay, once the agent works")
	flag.Parse()
	if err := run(*mtls, *hang, flag.Arg(0)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(mtls, hang bool, config string) error {
	program := os.Getenv("PMQ")
	client := plugin.NewClient(&plugin.ClientConfig{
		HandshakeConfig:  Handshake,
		Plugins:          plugin.PluginSet{"agent": &services{}},
		Cmd:              exec.Command(program, "run", "-c", config),
		AllowedProtocols: []plugin.Protocol{plugin.ProtocolGRPC},
		AutoMTLS:         mtls,
		Logger:           hclog.New(&hclog.LoggerOptions{Name: "host", Output: os.Stderr, Level: hclog.Info}),
	})
	defer client.Kill()
	protocol, err := client.Client()
	if err != nil {
		return err
	}
	if err := protocol.Ping(); err != nil {
		return fmt.Errorf("the health of \"plugin\": %w", err)
	}
	dispensed, err := protocol.Dispense("agent")
	if err != nil {
		return err
	}
	if err := work(dispensed.(*grpc.ClientConn)); err != nil {
		return err
	}
	fmt.Println("works", client.ReattachConfig().Pid)
	if hang {
		select {}
	}
	begun := time.Now()
	client.Kill()
	fmt.Printf("killed in %v, exited %v\n", time.Since(begun).Round(time.Millisecond), client.Exited())
	return nil
}

// work publishes a message, which comes to the own listener, and opens a verifier's stream.
func work(connection *grpc.ClientConn) error {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if _, err := pb.NewValidationRouterClient(connection).Handle(ctx); err != nil {
		return err
	}
	listener, err := pb.NewMsgRouterClient(connection).Listen(ctx, &pb.ListenRequest{})
	if err != nil {
		return err
	}
	answer, err := pb.NewControlServiceClient(connection).Publish(ctx, &pb.PublishRequest{Topic: "weather.reports", Data: []byte("report")})
	if err != nil {
		return err
	}
	message, err := listener.Recv()
	if err != nil {
		return err
	}
	if message.GetMessageId() != answer.GetMessageId() {
		return fmt.Errorf("published %q, heard %q", answer.GetMessageId(), message.GetMessageId())
	}
	return nil
}
