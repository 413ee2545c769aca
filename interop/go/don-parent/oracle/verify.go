package oracle

import (
	"bytes"
	"errors"
	"fmt"
)

// Check answers what is wrong with a message of that topic, or nil. Sequence numbers are not its business: the agent's window has the thresholds.
func (r Roster) Check(topic string, sealed []byte) error {
	network, reports, err := ofTopic(topic)
	if err != nil {
		return err
	}
	if reports {
		return r.checkReport(network, sealed)
	}
	return r.checkMessage(network, sealed)
}

var (
	errHeader = errors.New("the header says otherwise than the content")
	// No signature covers how a content is written.
	errEncoding = errors.New("the bytes are not those of this content")
)

func (r Roster) checkReport(network Network, sealed []byte) error {
	head, report, err := openReport(sealed)
	if err != nil {
		return err
	}
	round := report.Body.Round
	if round.Network != network {
		return fmt.Errorf("a message of %s on another network's topic", round.Network)
	}
	if head != (header{networkOrigin(network), round.Epoch, round.Seq}) {
		return errHeader
	}
	if !bytes.Equal(report.Seal(), sealed) {
		return errEncoding
	}
	if err := quorum("signatures", len(report.Signers), func(at int) Node { return report.Signers[at].Node }, r.Faults(network)+1); err != nil {
		return err
	}
	if err := r.checkBody(report.Body); err != nil {
		return err
	}
	signed := report.Body.signedBytes()
	for _, signer := range report.Signers {
		if !r.signed(network, signer.Node, signed, signer.Sig) {
			return unsigned("the report", signer.Node)
		}
	}
	return nil
}

func (r Roster) checkMessage(network Network, sealed []byte) error {
	head, message, err := openMessage(sealed)
	if err != nil {
		return err
	}
	round, node, number := message.about()
	if round.Network != network {
		return fmt.Errorf("a message of %s on another network's topic", round.Network)
	}
	origin, known := r.origin(network, node)
	if !known {
		return unsigned("the message", node)
	}
	if head != (header{origin, round.Epoch, number}) {
		return errHeader
	}
	if !bytes.Equal(message.Seal(origin), sealed) {
		return errEncoding
	}
	switch {
	case message.Share != nil:
		seen := message.Share.Observation
		if !r.signed(network, node, round.observed(node, seen.Value), seen.Sig) {
			return unsigned("an observation", node)
		}
	case message.Proposal != nil:
		if err := r.checkBody(message.Proposal.Body); err != nil {
			return err
		}
		if !r.signed(network, node, message.Proposal.Body.signedBytes(), message.Proposal.By.Sig) {
			return unsigned("the report", node)
		}
	default:
		if !r.signed(network, node, sealedBytes(round, message.Endorsement.Tag), message.Endorsement.Seal) {
			return unsigned("an endorsement", node)
		}
	}
	return nil
}

// checkBody asks for enough observations that an honest node's lies in the middle, the right median, and every observer's signature.
func (r Roster) checkBody(body Body) error {
	network := body.Round.Network
	node := func(at int) Node { return body.Observations[at].Node }
	if err := quorum("observations", len(body.Observations), node, r.Nodes(network)-r.Faults(network)); err != nil {
		return err
	}
	if right := median(body.Observations); body.Median != right {
		return fmt.Errorf("median %d, the observations say %d", body.Median, right)
	}
	for _, seen := range body.Observations {
		if !r.signed(network, seen.Node, body.Round.observed(seen.Node, seen.Value), seen.Sig) {
			return unsigned("an observation", seen.Node)
		}
	}
	return nil
}

// quorum asks for distinct nodes, in order so that one content has one encoding, and enough of them.
func quorum(what string, have int, node func(int) Node, need int) error {
	for at := 1; at < have; at++ {
		if node(at-1) >= node(at) {
			return fmt.Errorf("%d distinct nodes in order, then node %d again or out of it: %s", at, node(at), what)
		}
	}
	if have < need {
		return fmt.Errorf("%s of %d distinct nodes, at least %d are needed", what, have, need)
	}
	return nil
}

func unsigned(what string, node Node) error {
	return fmt.Errorf("%s is not signed by node %d", what, node)
}
