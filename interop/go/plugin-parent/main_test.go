package main

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"pmq/interop/agent"
)

// parent is this program as a process of its own, and the agent's number, which it says.
type parent struct {
	command *exec.Cmd
	lines   *bufio.Scanner
	agent   int
}

func build(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "plugin-parent")
	if out, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return program
}

// start runs the parent beside a neighbour, and waits until its agent has done its work.
func start(t *testing.T, flags ...string) *parent {
	t.Helper()
	config := agent.Config(t, agent.Start(t).Listen)
	command := exec.Command(build(t), append(flags, config)...)
	command.Env = append(os.Environ(), "PMQ="+agent.Program(t))
	command.Stderr = os.Stderr
	out, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	if !lines.Scan() {
		t.Fatalf("the parent says nothing: %v", command.Wait())
	}
	number, found := strings.CutPrefix(lines.Text(), "works ")
	pid, err := strconv.Atoi(number)
	if !found || err != nil {
		t.Fatalf("the parent says %q", lines.Text())
	}
	return &parent{command, lines, pid}
}

// ended waits until no process of that number is left.
func ended(t *testing.T, pid int) {
	t.Helper()
	for deadline := time.Now().Add(agent.Soon); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
		if err != nil || strings.Contains(string(stat), ") Z ") {
			return
		}
	}
	_ = syscall.Kill(pid, syscall.SIGKILL)
	t.Fatalf("agent %d has stayed behind", pid)
}

func TestTheAgentWorksAndIsKilled(t *testing.T) {
	for _, flags := range [][]string{nil, {"-mtls"}} {
		parent := start(t, flags...)
		if !parent.lines.Scan() || !strings.HasPrefix(parent.lines.Text(), "killed in ") || !strings.HasSuffix(parent.lines.Text(), "exited true") {
			t.Fatalf("%v: %q", flags, parent.lines.Text())
		}
		if err := parent.command.Wait(); err != nil {
			t.Fatal(err)
		}
		ended(t, parent.agent)
	}
}

func TestNoAgentStaysBehindAParentThatIsKilled(t *testing.T) {
	for _, flags := range [][]string{{"-hang"}, {"-hang", "-mtls"}} {
		parent := start(t, flags...)
		if err := parent.command.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = parent.command.Wait()
		ended(t, parent.agent)
	}
}
