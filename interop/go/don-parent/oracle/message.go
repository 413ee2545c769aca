package oracle

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math"
	"math/bits"
	"slices"
)

// An Observation is one node's, signed.
type Observation struct {
	Node Node
	// In thousandths of the unit.
	Value int64
	Sig   Sig
}

// A Round of one network: what a report is known by everywhere.
type Round struct {
	Network Network
	Epoch   uint64
	// From 1.
	Seq uint64
}

// A Body is a round's result: what a quorum signs.
type Body struct {
	Round Round
	// Sorted by node.
	Observations []Observation
	// Lower median.
	Median int64
}

// A Signer is one node's signature over a body.
type Signer struct {
	Node Node
	Sig  Sig
}

// A Report is a body with those who vouch for it, sorted by node.
type Report struct {
	Body    Body
	Signers []Signer
}

// An Endorsement is a node's signature over a proposal; its seal is one over round and tag, for those who have not seen the proposal yet.
type Endorsement struct {
	Round Round
	Tag   uint64
	By    Signer
	Seal  Sig
}

// A Message of an internal topic: exactly one of the three.
type Message struct {
	Share       *Share
	Proposal    *Proposal
	Endorsement *Endorsement
}

// A Share is a node's observation, to its own network.
type Share struct {
	Round       Round
	Observation Observation
}

// A Proposal is a transmitter's result, for the others to sign.
type Proposal struct {
	Body Body
	By   Signer
}

// numbersPerRound is how many numbers one round takes on an internal topic.
const numbersPerRound = 4

// about answers whose message it is, of which round, and its number within the node's own sequence.
func (m Message) about() (round Round, node Node, number uint64) {
	var kind uint64
	switch {
	case m.Share != nil:
		round, node, kind = m.Share.Round, m.Share.Observation.Node, 0
	case m.Proposal != nil:
		round, node, kind = m.Proposal.Body.Round, m.Proposal.By.Node, 1
	default:
		round, node, kind = m.Endorsement.Round, m.Endorsement.By.Node, 2
	}
	return round, node, number64(round.Seq, kind)
}

// number64 is the highest of all beyond 64 bits.
func number64(seq, kind uint64) uint64 {
	high, low := bits.Mul64(seq, numbersPerRound)
	number, carry := bits.Add64(low, kind, 0)
	if high > 0 || carry > 0 {
		return math.MaxUint64
	}
	return number
}

// observed are the bytes that a node signs for its observation.
func (r Round) observed(node Node, value int64) []byte {
	bytes := append([]byte("pmq demo observation\x00"), byte(r.Network))
	bytes = binary.LittleEndian.AppendUint64(bytes, r.Epoch)
	bytes = binary.LittleEndian.AppendUint64(bytes, r.Seq)
	bytes = append(bytes, node)
	return binary.LittleEndian.AppendUint64(bytes, uint64(value))
}

// signedBytes are what a node signs for a report.
func (b Body) signedBytes() []byte {
	w := writer("pmq demo report\x00")
	w.body(b)
	return w
}

// tag is a digest of the content without the quorum's signatures.
func (b Body) tag() uint64 {
	digest := sha256.Sum256(b.signedBytes())
	return binary.LittleEndian.Uint64(digest[:])
}

// sealed are the bytes under an endorsement's seal.
func sealedBytes(round Round, tag uint64) []byte {
	w := writer("pmq demo endorsement\x00")
	w.round(round)
	w.uint(tag)
	return w
}

// median is the lower one.
func median(observations []Observation) int64 {
	values := make([]int64, len(observations))
	for at, seen := range observations {
		values[at] = seen.Value
	}
	if len(values) == 0 {
		return 0
	}
	slices.Sort(values)
	return values[(len(values)-1)/2]
}

// Fingerprint is a short name for exactly these bytes.
func Fingerprint(bytes []byte) string {
	digest := sha256.Sum256(bytes)
	return hex.EncodeToString(digest[:16])
}

// networkOrigin is the network's in the heads of its reports: transmitters change, the numbering is the network's own.
func networkOrigin(network Network) (origin [32]byte) {
	copy(origin[:], network.String())
	return origin
}

// Seal makes the message of a report's topic.
func (r Report) Seal() []byte {
	var content, signatures writer
	content.body(r.Body)
	signatures.uint(uint64(len(r.Signers)))
	for _, signer := range r.Signers {
		signatures.signer(signer)
	}
	round := r.Body.Round
	return seal(header{networkOrigin(round.Network), round.Epoch, round.Seq}, content, signatures)
}

// Seal makes the message of an internal topic; the origin is the node's.
func (m Message) Seal(origin [32]byte) []byte {
	round, _, number := m.about()
	var w writer
	w.message(m)
	return seal(header{origin, round.Epoch, number}, w, nil)
}

// OpenReport takes a report apart. Nothing of it is checked.
func OpenReport(sealed []byte) (Report, error) {
	_, report, err := openReport(sealed)
	return report, err
}

// OpenMessage takes an internal message apart. Nothing of it is checked.
func OpenMessage(sealed []byte) (Message, error) {
	_, message, err := openMessage(sealed)
	return message, err
}

func openReport(sealed []byte) (header, Report, error) {
	head, content, signatures, err := split(sealed)
	if err != nil {
		return head, Report{}, err
	}
	body, signers := reader{rest: content}, reader{rest: signatures}
	report := Report{Body: body.body(), Signers: signers.signers()}
	if err := body.end(); err != nil {
		return head, Report{}, err
	}
	return head, report, signers.end()
}

func openMessage(sealed []byte) (header, Message, error) {
	head, content, signatures, err := split(sealed)
	if err != nil || len(signatures) > 0 {
		return head, Message{}, errUnreadable
	}
	r := reader{rest: content}
	message := r.message()
	return head, message, r.end()
}
