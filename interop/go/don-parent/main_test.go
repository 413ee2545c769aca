package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"pmq/interop/agent"
)

// Three of four nodes are in Go, and the parent of the fourth is killed twice: without any one of them there would be no quorum meanwhile. The dishonest node sits
// beside one of them.
func TestTheDemoGoesOnWithParentsInGo(t *testing.T) {
	demo := exec.Command(agent.Program(t), "demo", "--output", "json", "--networks", "1", "--seconds", "16", "--attach", "mixed", "--go-parents", "3")
	demo.Dir = filepath.Join("..", "..", "..")
	var errors strings.Builder
	demo.Stderr = &errors
	answer, err := demo.Output()
	if err != nil {
		t.Fatalf("%v: %s\n%s", err, errors.String(), answer)
	}
	var summary struct {
		GoParents int `json:"go_parents"`
		Networks  []struct {
			Published, Lost  int
			InvalidSent      int `json:"invalid_sent"`
			InvalidDelivered int `json:"invalid_delivered"`
			Verdicts         struct{ Reject int }
		}
	}
	if err := json.Unmarshal(answer, &summary); err != nil {
		t.Fatal(err)
	}
	network := summary.Networks[0]
	if summary.GoParents != 3 || network.Published < 40 || network.Lost != 0 || network.InvalidSent == 0 || network.InvalidDelivered != 0 ||
		network.Verdicts.Reject == 0 {
		t.Fatalf("%s\n%s", answer, errors.String())
	}
}

func TestASetupThatIsNotForThisProgramIsTold(t *testing.T) {
	dir := t.TempDir()
	write := func(text string) string {
		path := filepath.Join(dir, "parent.json")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for text, want := range map[string]string{
		`{`:                    "is no setup of a demo's parent",
		`{"part":"dishonest"}`: "is not for a parent in Go",
		`{"part":"member","rate":5,"input":"none","networks":["weather"],"network":"tides","facts":"` + filepath.Join(dir, "facts") + `"}`: `there is no network "tides"`,
	} {
		if err := run(write(text), strings.NewReader("")); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestABeatKeepsItsTimeAndWhoComesLateWaitsForTheNext(t *testing.T) {
	const second = int64(1e9)
	clock := newBeat(5, 20, 0)
	if _, due := clock.due(second); due {
		t.Fatal("it has not begun")
	}
	clock.begin(second, second)
	for seq := uint64(1); seq <= 100; seq++ {
		at := second + int64(seq-1)*second/5
		if _, early := clock.due(at - 1000); early {
			t.Fatalf("round %d is early", seq)
		}
		if got, due := clock.due(at); !due || got != seq {
			t.Fatalf("round %d: %d, %v", seq, got, due)
		}
	}
	if seq, due := clock.due(1000 * second); due {
		t.Fatalf("round %d is behind the last", seq)
	}
	late := newBeat(5, 20, 0)
	late.begin(second, 3*second+second/10)
	if seq, due := late.due(3*second + second/5); !due || seq != 12 {
		t.Fatalf("%d, %v", seq, due)
	}
}
