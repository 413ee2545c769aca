package oracle

// How each part of a message lies on the wire: writers and readers, in pairs.

func (w *writer) round(r Round) {
	w.uint(uint64(r.Network))
	w.uint(r.Epoch)
	w.uint(r.Seq)
}

func (r *reader) round() (round Round) {
	network := r.uint()
	if network >= uint64(len(sources)) {
		r.err = errUnreadable
		network = 0
	}
	round.Network = Network(network)
	round.Epoch = r.uint()
	round.Seq = r.uint()
	return round
}

func (w *writer) observation(o Observation) {
	w.byte(o.Node)
	w.int(o.Value)
	w.bytes(o.Sig[:])
}

func (r *reader) observation() Observation {
	return Observation{Node: r.byte(), Value: r.int(), Sig: r.sig()}
}

func (r *reader) sig() Sig { return Sig(r.take(len(Sig{}))) }

func (w *writer) signer(s Signer) {
	w.byte(s.Node)
	w.bytes(s.Sig[:])
}

func (r *reader) signer() Signer { return Signer{Node: r.byte(), Sig: r.sig()} }

func (r *reader) signers() []Signer {
	signers := make([]Signer, r.count(65))
	for at := range signers {
		signers[at] = r.signer()
	}
	return signers
}

func (w *writer) body(b Body) {
	w.round(b.Round)
	w.uint(uint64(len(b.Observations)))
	for _, seen := range b.Observations {
		w.observation(seen)
	}
	w.int(b.Median)
}

func (r *reader) body() Body {
	body := Body{Round: r.round()}
	body.Observations = make([]Observation, r.count(66))
	for at := range body.Observations {
		body.Observations[at] = r.observation()
	}
	body.Median = r.int()
	return body
}

func (w *writer) message(m Message) {
	switch {
	case m.Share != nil:
		w.uint(0)
		w.round(m.Share.Round)
		w.observation(m.Share.Observation)
	case m.Proposal != nil:
		w.uint(1)
		w.body(m.Proposal.Body)
		w.signer(m.Proposal.By)
	default:
		w.uint(2)
		w.round(m.Endorsement.Round)
		w.uint(m.Endorsement.Tag)
		w.signer(m.Endorsement.By)
		w.bytes(m.Endorsement.Seal[:])
	}
}

func (r *reader) message() (m Message) {
	switch r.uint() {
	case 0:
		m.Share = &Share{Round: r.round(), Observation: r.observation()}
	case 1:
		m.Proposal = &Proposal{Body: r.body(), By: r.signer()}
	case 2:
		m.Endorsement = &Endorsement{Round: r.round(), Tag: r.uint(), By: r.signer(), Seal: r.sig()}
	default:
		r.err = errUnreadable
		m.Share = &Share{}
	}
	return m
}
