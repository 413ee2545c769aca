package main

import (
	"bufio"
	"context"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	running "pmq/interop/agent"
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
