package oracle

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

type vectors struct {
	Roster json.RawMessage
	Keys   []string
	Cases  []struct {
		What, Topic, Bytes string
		Valid              bool
	}
}

// load reads what the nodes in Rust have written down; answers the roster and the nodes' keys, too.
func load(t *testing.T) (vectors, Roster, []Key) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "..", "..", "src", "demo", "oracle", "vectors.json"))
	if err != nil {
		t.Fatal(err)
	}
	var v vectors
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write := func(name string, text []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	roster, err := LoadRoster(write("roster.json", v.Roster))
	if err != nil {
		t.Fatal(err)
	}
	var keys []Key
	for _, secret := range v.Keys {
		key, err := LoadKey(write("key", []byte(secret)))
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, key)
	}
	return v, roster, keys
}

func TestMessagesAreJudgedAsTheNodesInRustDo(t *testing.T) {
	v, roster, _ := load(t)
	valid := 0
	for _, one := range v.Cases {
		sealed, err := hex.DecodeString(one.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		if err := roster.Check(one.Topic, sealed); (err == nil) != one.Valid {
			t.Errorf("%s: %v", one.What, err)
		}
		if one.Valid {
			valid++
		}
	}
	if valid < 5 || len(v.Cases) < valid+20 {
		t.Fatalf("%d cases, %d of them valid: that is not all", len(v.Cases), valid)
	}
}

// eachValid hands every valid message to do.
func eachValid(t *testing.T, v vectors, do func(what, topic string, sealed []byte)) {
	t.Helper()
	for _, one := range v.Cases {
		if !one.Valid {
			continue
		}
		sealed, err := hex.DecodeString(one.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		do(one.What, one.Topic, sealed)
	}
}

func TestMessagesAreWrittenAsTheNodesInRustDo(t *testing.T) {
	v, roster, keys := load(t)
	eachValid(t, v, func(what, topic string, sealed []byte) {
		_, reports, err := ofTopic(topic)
		if err != nil {
			t.Fatal(err)
		}
		var again []byte
		if reports {
			report, err := OpenReport(sealed)
			if err != nil {
				t.Fatal(err)
			}
			// Signatures are deterministic, so they are the same bytes.
			for at, signer := range report.Signers {
				report.Signers[at].Sig = keys[signer.Node].sign(report.Body.signedBytes())
			}
			again = report.Seal()
		} else {
			message, err := OpenMessage(sealed)
			if err != nil {
				t.Fatal(err)
			}
			_, node, _ := message.about()
			origin, _ := roster.origin(Weather, node)
			again = message.Seal(origin)
		}
		if !slices.Equal(again, sealed) {
			t.Errorf("%s is written otherwise", what)
		}
	})
}

func TestNoByteOfAMessageCanBeLeftOutOrChanged(t *testing.T) {
	v, roster, _ := load(t)
	eachValid(t, v, func(what, topic string, sealed []byte) {
		for at := range sealed {
			if roster.Check(topic, sealed[:at]) == nil {
				t.Fatalf("%s: %d bytes are enough", what, at)
			}
			// An endorsement's signature of the report stands in front of its seal, and can be checked only with the report.
			unchecked := what == "an endorsement" && at >= len(sealed)-128 && at < len(sealed)-64
			for _, bit := range []byte{0x01, 0x40, 0x80} {
				sealed[at] ^= bit
				if (roster.Check(topic, sealed) == nil) != unchecked {
					t.Fatalf("%s: bit %x of byte %d", what, bit, at)
				}
				sealed[at] ^= bit
			}
		}
	})
}
