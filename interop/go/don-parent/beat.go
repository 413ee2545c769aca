package main

import (
	"crypto/sha256"
	"encoding/binary"
	"math"
	"math/rand/v2"

	"pmq/interop/don-parent/oracle"
)

// A beat says when rounds begin: at a rate from a common start, for a while. Numbers start at 1.
type beat struct {
	rate  float64
	last  uint64
	phase int64
	start int64
	next  uint64
}

// newBeat begins part of a beat later than the common start: networks know nothing of each other's rounds.
func newBeat(rate, seconds, part float64) *beat {
	return &beat{rate: rate, last: uint64(math.Floor(rate * seconds)), phase: int64(part / rate * 1e9), next: 1}
}

// begin says when the first one was; a process that comes later takes part from the next one on.
func (b *beat) begin(start, now int64) {
	b.start = start + b.phase
	b.next = 1
	if gone := now - b.start; gone > 0 {
		b.next = uint64(float64(gone)/1e9*b.rate) + 2
	}
}

// due answers the next one if its time has come.
func (b *beat) due(now int64) (uint64, bool) {
	at := b.start + int64(float64(b.next-1)/b.rate*1e9)
	if b.start == 0 || b.next > b.last || now < at {
		return 0, false
	}
	b.next++
	return b.next - 1, true
}

// observe is what a node's instrument shows for a true value: the same for the same seed, another for every node and round.
func observe(truth int64, seed uint64, round oracle.Round, node oracle.Node) int64 {
	of := binary.LittleEndian.AppendUint64([]byte("don-parent\x00"), seed)
	of = append(of, byte(round.Network), node)
	of = binary.LittleEndian.AppendUint64(of, round.Epoch)
	of = binary.LittleEndian.AppendUint64(of, round.Seq)
	noise := round.Network.Noise()
	return truth + rand.New(rand.NewChaCha8(sha256.Sum256(of))).Int64N(2*noise+1) - noise
}
