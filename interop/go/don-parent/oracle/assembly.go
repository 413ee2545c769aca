package oracle

import (
	"slices"
	"time"
)

// kept is how many rounds are; an older one is given up, and one further ahead is not begun.
const kept = 64

// An Identity is who a node is.
type Identity struct {
	Network Network
	Node    Node
	Key     Key
	Roster  Roster
}

// An Output is to be published: a report or an internal message.
type Output struct {
	Report  *Report
	Message *Message
}

type state struct {
	// When it began here; zero while only others have spoken.
	began        time.Time
	shares       map[Node]Observation
	signed       *Body
	endorsements map[Node]endorsed
	proposed     bool
	finished     bool
}

type endorsed struct {
	tag uint64
	by  Signer
}

// An Assembly makes reports of observations, as one node sees it:
//
//  1. Every node observes and sends its share.
//  2. The transmitter, node round mod n, proposes the first n-f shares with their median.
//  3. Every node signs the first proposal of a round that it sees, and no other one.
//  4. The transmitter publishes the report when n-f nodes have signed.
//
// When the report has not come after the takeover time, the next node is transmitter too. Not for several goroutines at once.
type Assembly struct {
	me       Identity
	epoch    uint64
	takeover time.Duration
	newest   uint64
	rounds   map[uint64]*state
}

// NewAssembly begins without any round.
func NewAssembly(me Identity, epoch uint64, takeover time.Duration) *Assembly {
	return &Assembly{me: me, epoch: epoch, takeover: takeover, rounds: map[uint64]*state{}}
}

func (a *Assembly) quorum() int {
	return a.me.Roster.Nodes(a.me.Network) - a.me.Roster.Faults(a.me.Network)
}

func (a *Assembly) round(seq uint64) Round { return Round{a.me.Network, a.epoch, seq} }

func (a *Assembly) at(seq uint64) *state {
	if a.rounds[seq] == nil {
		a.rounds[seq] = &state{shares: map[Node]Observation{}, endorsements: map[Node]endorsed{}}
	}
	return a.rounds[seq]
}

func (a *Assembly) keeps(seq uint64) bool { return seq+kept > a.newest && seq <= a.newest+kept }

// Begin begins a round with what this node observed.
func (a *Assembly) Begin(seq uint64, value int64, now time.Time) []Output {
	round, node := a.round(seq), a.me.Node
	a.newest = max(a.newest, seq)
	for old := range a.rounds {
		if !a.keeps(old) {
			delete(a.rounds, old)
		}
	}
	state := a.at(seq)
	if !state.began.IsZero() {
		return nil
	}
	state.began = now
	seen := Observation{node, value, a.me.Key.sign(round.observed(node, value))}
	state.shares[node] = seen
	return append([]Output{{Message: &Message{Share: &Share{round, seen}}}}, a.advance(seq, now)...)
}

// Hear takes a verified message of the internal topic.
func (a *Assembly) Hear(message Message, now time.Time) []Output {
	round, node, _ := message.about()
	// Own messages come back by loopback: they are known.
	if round != a.round(round.Seq) || node == a.me.Node || !a.keeps(round.Seq) {
		return nil
	}
	state := a.at(round.Seq)
	var out []Output
	switch {
	case message.Share != nil:
		if _, known := state.shares[node]; !known {
			state.shares[node] = message.Share.Observation
		}
	case message.Endorsement != nil:
		if _, known := state.endorsements[node]; !known {
			state.endorsements[node] = endorsed{message.Endorsement.Tag, message.Endorsement.By}
		}
	default:
		body := message.Proposal.Body
		tag := body.tag()
		state.endorsements[node] = endorsed{tag, message.Proposal.By}
		// A node that came in the middle of a round cannot know what it signed before: it sits that round out.
		if state.signed == nil && !state.began.IsZero() {
			by := a.sign(state, body, tag)
			seal := a.me.Key.sign(sealedBytes(round, tag))
			out = append(out, Output{Message: &Message{Endorsement: &Endorsement{round, tag, by, seal}}})
		}
	}
	return append(out, a.advance(round.Seq, now)...)
}

func (a *Assembly) sign(state *state, body Body, tag uint64) Signer {
	by := Signer{a.me.Node, a.me.Key.sign(body.signedBytes())}
	state.endorsements[a.me.Node] = endorsed{tag, by}
	state.signed = &body
	return by
}

// Finished is told that the round's report was delivered: nothing is left to do.
func (a *Assembly) Finished(round Round) {
	if round == a.round(round.Seq) && a.keeps(round.Seq) {
		a.at(round.Seq).finished = true
	}
}

// Tick lets time pass: this node may have become a transmitter.
func (a *Assembly) Tick(now time.Time) (out []Output) {
	for seq := range a.rounds {
		out = append(out, a.advance(seq, now)...)
	}
	return out
}

// isTransmitter answers whether this node's turn has come. It keeps its turn.
func (a *Assembly) isTransmitter(seq uint64, began, now time.Time) bool {
	nodes := uint64(a.me.Roster.Nodes(a.me.Network))
	turn := (uint64(a.me.Node) + nodes - seq%nodes) % nodes
	return int64(turn) <= int64(now.Sub(began)/a.takeover)
}

func (a *Assembly) advance(seq uint64, now time.Time) (out []Output) {
	state := a.rounds[seq]
	if state == nil || state.finished || state.began.IsZero() || !a.isTransmitter(seq, state.began, now) {
		return nil
	}
	if !state.proposed {
		if state.signed == nil && len(state.shares) >= a.quorum() {
			observations := inOrder(state.shares)[:a.quorum()]
			body := Body{a.round(seq), observations, median(observations)}
			a.sign(state, body, body.tag())
		}
		if own, signed := state.endorsements[a.me.Node]; signed {
			state.proposed = true
			out = append(out, Output{Message: &Message{Proposal: &Proposal{*state.signed, own.by}}})
		}
	}
	if state.signed == nil {
		return out
	}
	tag := state.signed.tag()
	var named, signers []Signer
	for _, one := range inOrder(state.endorsements) {
		if one.tag == tag {
			named = append(named, one.by)
		}
	}
	if len(named) < a.quorum() {
		return out
	}
	// The tag alone does not prove the signature: only now, with the body at hand, it can be checked.
	signedBytes := state.signed.signedBytes()
	for _, by := range named {
		if a.me.Roster.signed(a.me.Network, by.Node, signedBytes, by.Sig) {
			signers = append(signers, by)
		}
	}
	if len(signers) >= a.quorum() {
		state.finished = true
		out = append(out, Output{Report: &Report{*state.signed, signers[:a.quorum()]}})
	}
	return out
}

// inOrder answers what the nodes said, sorted by node.
func inOrder[V any](said map[Node]V) []V {
	nodes := make([]Node, 0, len(said))
	for node := range said {
		nodes = append(nodes, node)
	}
	slices.Sort(nodes)
	values := make([]V, len(nodes))
	for at, node := range nodes {
		values[at] = said[node]
	}
	return values
}
