// Package agent starts real agents for tests: `pmq run` on loopback, in a directory of its own.
package agent

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// Soon is how long anything that must come may take.
const Soon = 30 * time.Second

const network = `version = 1
name = "weather"
topics = ["weather.*"]
subscribe = ["weather.reports"]
[[stage]]
use = "validation-queue"
[[stage]]
use = "delivery"
`

// An Agent is a running `pmq run`. It ends with the test.
type Agent struct {
	// Address of its gRPC services, over TCP on loopback.
	GRPC string
	// Listen is its address in the overlay.
	Listen string

	dir     string
	ops     int
	command *exec.Cmd
}

// Program is the agent's: $PMQ, or the debug build.
func Program(t *testing.T) string {
	path := os.Getenv("PMQ")
	if path == "" {
		path = filepath.Join("..", "..", "..", "target", "debug", "pmq")
	}
	path, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func freePort(t *testing.T) int {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}

// write makes the files of an agent that dials peers, with further sections of its own.
func write(t *testing.T, dir, listen, more string, peers []string) {
	t.Helper()
	quoted, err := json.Marshal(append([]string{}, peers...))
	if err != nil {
		t.Fatal(err)
	}
	config := fmt.Sprintf(`version = 1
networks = ["%s/weather.toml"]
[gossip]
identity = "%s/identity.key"
listen = ["%s"]
peers = %s
publish_wait = "5s"
[attach.unix]
path = "%s/run/agent.sock"
%s`, dir, dir, listen, quoted, dir, more)
	for name, text := range map[string]string{"weather.toml": network, "pmq.toml": config} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// Config makes the files of an agent that somebody else starts, which dials peers; answers the path of the agent's file.
func Config(t *testing.T, peers ...string) string {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, "/ip4/127.0.0.1/tcp/0", "[ops]\nenabled = false\n", peers)
	return filepath.Join(dir, "pmq.toml")
}

// Start starts an agent that dials peers and takes everybody over TCP on loopback, and waits until parents may attach.
func Start(t *testing.T, peers ...string) *Agent {
	t.Helper()
	port := freePort(t)
	return start(t, port, fmt.Sprintf("[attach.grpc]\nbind = [\"grpc://127.0.0.1:%d\"]\ntrust_loopback = true\n", port), peers)
}

// StartToken starts an agent that takes whoever shows the content of the file token, which it makes in dir.
func StartToken(t *testing.T, dir string) *Agent {
	t.Helper()
	path := filepath.Join(dir, "token")
	if err := os.WriteFile(path, []byte("0123456789abcdef"), 0o600); err != nil {
		t.Fatal(err)
	}
	port := freePort(t)
	attach := "[attach.grpc]\nbind = [\"grpc://127.0.0.1:%d\"]\n[[attach.grpc.token]]\nname = \"self\"\nfile = \"%s\"\n"
	return start(t, port, fmt.Sprintf(attach, port, path), nil)
}

// StartTLS starts an agent that shows the certificate of the PEM files own.crt and own.key in dir, and takes whoever holds that of client.crt.
func StartTLS(t *testing.T, dir string, peers ...string) *Agent {
	t.Helper()
	port := freePort(t)
	return start(t, port, fmt.Sprintf(`[attach.grpc]
bind = ["grpcs://127.0.0.1:%d"]
[attach.grpc.tls]
certificate_file = "%[2]s/own.crt"
key_file = "%[2]s/own.key"
[[attach.grpc.client]]
name = "client"
certificate_file = "%[2]s/client.crt"
[[attach.grant]]
certificate = "client"
`, port, dir), peers)
}

func start(t *testing.T, grpc int, attach string, peers []string) *Agent {
	t.Helper()
	dir, ops := t.TempDir(), freePort(t)
	write(t, dir, "/ip4/127.0.0.1/tcp/0", fmt.Sprintf("%s[ops]\nlisten = \"127.0.0.1:%d\"\n", attach, ops), peers)
	agent := &Agent{GRPC: fmt.Sprintf("127.0.0.1:%d", grpc), dir: dir, ops: ops}
	t.Cleanup(agent.Kill)
	agent.Run(t)
	return agent
}

// Run starts it, or starts it again, and waits until parents may attach.
func (a *Agent) Run(t *testing.T) {
	t.Helper()
	log, err := os.OpenFile(filepath.Join(a.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	a.command = exec.Command(Program(t), "run", "-c", "pmq.toml")
	a.command.Dir, a.command.Stderr = a.dir, log
	if err := a.command.Start(); err != nil {
		t.Fatalf("%v: build the agent first, with cargo build", err)
	}
	a.Listen = whenReady(t, a.ops, log.Name())
}

// Kill ends it by SIGKILL. It may have ended already.
func (a *Agent) Kill() {
	if a.command != nil && a.command.Process != nil {
		_ = a.command.Process.Kill()
		_ = a.command.Wait()
	}
}

// whenReady asks the agent's health until parents may attach, and answers where it listens in the overlay.
func whenReady(t *testing.T, ops int, log string) string {
	t.Helper()
	type health struct {
		Subsystems struct {
			Attach struct{ Ready bool }
			Gossip struct{ Detail struct{ Listen []string } }
		}
	}
	for deadline := time.Now().Add(Soon); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		answer, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/health", ops))
		if err != nil {
			continue // It is not up yet.
		}
		var told health
		err = json.NewDecoder(answer.Body).Decode(&told)
		answer.Body.Close()
		if err == nil && told.Subsystems.Attach.Ready && len(told.Subsystems.Gossip.Detail.Listen) > 0 {
			return told.Subsystems.Gossip.Detail.Listen[0]
		}
	}
	text, _ := os.ReadFile(log)
	t.Fatalf("the agent is not ready:\n%s", text)
	return ""
}
