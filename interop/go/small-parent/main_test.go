package main

import (
	"bufio"
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	running "pmq/interop/agent"
	pb "pmq/interop/attachpb"
	p2pmq "pmq/interop/p2pmqpb"
)

// start runs this program; answers the lines that it says, on both of its streams.
func start(t *testing.T, args ...string) <-chan string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "small-parent")
	if out, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	command := exec.Command(program, args...)
	out, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	command.Stderr = command.Stdout
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
	})
	said := make(chan string, 1024)
	go func() {
		defer close(said)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			said <- lines.Text()
		}
	}()
	return said
}

// until answers what was delivered up to the line that ends so.
func until(t *testing.T, said <-chan string, end string) (delivered []string) {
	t.Helper()
	deadline := time.After(running.Soon)
	for {
		select {
		case line, more := <-said:
			if strings.HasPrefix(line, "weather.reports ") {
				delivered = append(delivered, line)
			}
			if strings.HasSuffix(line, end) || strings.HasPrefix(line, end) {
				return delivered
			}
			if !more {
				t.Fatalf("it has ended without %q", end)
			}
		case <-deadline:
			t.Fatalf("nothing ends with %q", end)
		}
	}
}

func publish(t *testing.T, address string, texts ...string) {
	t.Helper()
	connection, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	ctx, cancel := context.WithTimeout(context.Background(), running.Soon)
	defer cancel()
	for _, text := range texts {
		if _, err := p2pmq.NewControlServiceClient(connection).Publish(ctx, &p2pmq.PublishRequest{Topic: "weather.reports", Data: []byte(text)}); err != nil {
			t.Fatal(err)
		}
	}
}

var both = []string{"weather.reports report 1", "weather.reports report 2"}

func TestItVerifiesConsumesAndOutlivesItsAgent(t *testing.T) {
	near := running.Start(t)
	far := running.Start(t, near.Listen)
	said := start(t, far.GRPC)
	until(t, said, "attached to weather")
	publish(t, near.GRPC, "report 1", "forged", "report 2")
	if got := until(t, said, "report 2"); !slices.Equal(got, both) {
		t.Fatalf("%q", got)
	}
	far.Kill()
	far.Run(t)
	until(t, said, "attached to weather")
	publish(t, near.GRPC, "report 3")
	until(t, said, "report 3")
}

func TestItStartsItsAgentAsAPlugin(t *testing.T) {
	near := running.Start(t)
	said := start(t, "plugin", running.Program(t), running.Config(t, near.Listen))
	until(t, said, "attached to weather")
	publish(t, near.GRPC, "report 1", "forged", "report 2")
	if got := until(t, said, "report 2"); !slices.Equal(got, both) {
		t.Fatalf("%q", got)
	}
}

func TestARefusalEndsIt(t *testing.T) {
	dir := t.TempDir()
	agent := running.StartToken(t, dir)
	until(t, start(t, agent.GRPC), "refused: ")
	first := start(t, "grpc://"+agent.GRPC, filepath.Join(dir, "token"))
	until(t, first, "attached to weather")
	// Another one of its name takes its place, and it does not take it back.
	second := start(t, agent.GRPC, filepath.Join(dir, "token"))
	until(t, second, "attached to weather")
	until(t, first, "refused: ")
	if line, more := <-first; more {
		t.Fatalf("it goes on: %q", line)
	}
}

// An agent whose calls end with these statuses, one after the other.
type ending struct {
	pb.UnimplementedAttachServer
	statuses []error
	calls    int
}

func (e *ending) Session(grpc.BidiStreamingServer[pb.Frame, pb.Frame]) error {
	e.calls++
	return e.statuses[min(e.calls, len(e.statuses))-1]
}

func TestAFinalStatusEndsItAndAPassingOneDoesNot(t *testing.T) {
	for _, code := range []codes.Code{codes.ResourceExhausted, codes.OutOfRange, codes.PermissionDenied, codes.Unauthenticated, codes.InvalidArgument} {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		agent := &ending{statuses: []error{status.Error(codes.Unavailable, "going"), nil, status.Error(code, "the same again")}}
		server := grpc.NewServer()
		pb.RegisterAttachServer(server, agent)
		go server.Serve(listener)
		ended := make(chan error, 1)
		go func() { ended <- dial(listener.Addr().String(), "") }()
		select {
		case err := <-ended:
			if status.Code(err) != code || !strings.HasPrefix(err.Error(), "refused: ") {
				t.Errorf("%v: %v", code, err)
			}
		case <-time.After(running.Soon):
			t.Errorf("%v: it goes on", code)
		}
		server.Stop()
		if agent.calls != 3 {
			t.Errorf("%v: %d attempts", code, agent.calls)
		}
	}
}

func TestArgumentsThatCannotWorkAreRefused(t *testing.T) {
	dir := t.TempDir()
	file := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	const sound = "127.0.0.1:8001"
	for _, args := range [][]string{
		{}, {"plugin"}, {"plugin", "pmq"}, {"one", "two", "three"},
		{""}, {"nowhere"}, {":8001"}, {"127.0.0.1:"}, {"127.0.0.1:0"}, {"127.0.0.1:65536"}, {"127.0.0.1:port"}, {"http://127.0.0.1:8001"}, {"grpcs://127.0.0.1:8001"},
		{"unix:"}, {"unix:relative"}, {"unix:/" + strings.Repeat("x", 107)},
		{sound, filepath.Join(dir, "none")}, {sound, dir}, {sound, file("empty", "\n")}, {sound, file("lines", "two\nlines")}, {sound, file("binary", "\xff\xfe")},
	} {
		ended := make(chan error, 1)
		go func() { ended <- run(args) }()
		select {
		case err := <-ended:
			if !errors.As(err, new(usage)) || !strings.Contains(err.Error(), "usage: small-parent") {
				t.Errorf("%q: %v", args, err)
			}
		case <-time.After(5 * time.Second):
			t.Errorf("%q: taken", args)
		}
	}
	for _, address := range []string{sound, "grpc://" + sound, "[::1]:8001", "localhost:8001", "unix:/run/pmq/grpc.sock"} {
		if _, err := place(address); err != nil {
			t.Error(err)
		}
	}
}

func TestItSaysByItsExitCodeThatArgumentsCannotWork(t *testing.T) {
	command := exec.Command("go", "run", ".", "nowhere")
	out, err := command.CombinedOutput()
	// `go run` ends with 1 and prints the program's own code.
	if err == nil || !strings.Contains(string(out), "exit status 64") {
		t.Fatalf("%v: %s", err, out)
	}
}
