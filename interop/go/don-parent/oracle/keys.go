package oracle

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	"github.com/decred/dcrd/dcrec/secp256k1/v4/ecdsa"
)

// A Node is a node's number within its network, from 0.
type Node = byte

// A Sig is a secp256k1 signature (ECDSA over SHA-256, low s): r and s, big-endian.
type Sig [64]byte

// A Key is a node's private key.
type Key struct{ secret *secp256k1.PrivateKey }

// LoadKey reads a key in hex.
func LoadKey(path string) (Key, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return Key{}, err
	}
	secret, err := hex.DecodeString(strings.TrimSpace(string(text)))
	var scalar secp256k1.ModNScalar
	if err != nil || len(secret) != 32 || scalar.SetByteSlice(secret) || scalar.IsZero() {
		return Key{}, fmt.Errorf("%s holds no secp256k1 key", path)
	}
	return Key{secp256k1.NewPrivateKey(&scalar)}, nil
}

func (k Key) sign(bytes []byte) (sig Sig) {
	digest := sha256.Sum256(bytes)
	signature := ecdsa.Sign(k.secret, digest[:])
	r, s := signature.R(), signature.S()
	r.PutBytesUnchecked(sig[:32])
	s.PutBytesUnchecked(sig[32:])
	return sig
}

// A Roster holds the public keys of all networks' nodes: what a verifier must know, and all that it knows.
type Roster map[Network][]*secp256k1.PublicKey

// LoadRoster reads a roster's file: network -> public keys in hex, in the order of the nodes' numbers.
func LoadRoster(path string) (Roster, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var networks map[string][]string
	if err := json.Unmarshal(text, &networks); err != nil {
		return nil, fmt.Errorf("%s is no roster: %w", path, err)
	}
	roster := Roster{}
	for name, keys := range networks {
		network, err := NetworkOf(name)
		if err != nil {
			return nil, err
		}
		if len(keys) < 4 || len(keys) > 255 {
			return nil, fmt.Errorf("network %s has %d nodes: 4 to 255 are possible", name, len(keys))
		}
		for _, text := range keys {
			bytes, err := hex.DecodeString(text)
			if err != nil {
				return nil, fmt.Errorf("a key of %s is no hex: %w", name, err)
			}
			key, err := secp256k1.ParsePubKey(bytes)
			if err != nil {
				return nil, fmt.Errorf("a key of %s is no public key: %w", name, err)
			}
			roster[network] = append(roster[network], key)
		}
	}
	return roster, nil
}

// Nodes answers how many the network has.
func (r Roster) Nodes(network Network) int { return len(r[network]) }

// Faults answers how many faulty nodes the network bears: the largest f with n >= 3f + 1.
func (r Roster) Faults(network Network) int { return max(0, r.Nodes(network)-1) / 3 }

// signed answers whether that node signed these bytes.
func (r Roster) signed(network Network, node Node, bytes []byte, sig Sig) bool {
	if int(node) >= r.Nodes(network) {
		return false
	}
	var first, second secp256k1.ModNScalar
	if first.SetByteSlice(sig[:32]) || second.SetByteSlice(sig[32:]) || second.IsOverHalfOrder() {
		return false
	}
	digest := sha256.Sum256(bytes)
	return ecdsa.NewSignature(&first, &second).Verify(digest[:], r[network][node])
}

// origin is the node's in the heads of its messages.
func (r Roster) origin(network Network, node Node) ([32]byte, bool) {
	if int(node) >= r.Nodes(network) {
		return [32]byte{}, false
	}
	return sha256.Sum256(r[network][node].SerializeCompressed()), true
}

// Known answers whether the roster has this very node, with its key.
func (i Identity) Known() bool {
	return int(i.Node) < i.Roster.Nodes(i.Network) && i.Roster[i.Network][i.Node].IsEqual(i.Key.secret.PubKey())
}

// Origin is the node's own in the heads of its messages.
func (i Identity) Origin() [32]byte {
	origin, _ := i.Roster.origin(i.Network, i.Node)
	return origin
}
