package main

import (
	"context"
	"slices"
	"time"

	"pmq/interop/don-parent/oracle"
	pb "pmq/interop/p2pmqpb"
)

// takePart observes, signs and transmits until ctx ends.
func (p *parent) takePart(ctx context.Context, starts <-chan int64) {
	s := p.setup
	// Three rounds' distance, and time enough for two exchanges on a busy machine.
	takeover := time.Duration(min(max(3/s.Rate, 0.6), 2) * float64(time.Second))
	assembly := oracle.NewAssembly(p.me, s.Epoch, takeover)
	place := max(0, slices.Index(s.Networks, s.Network))
	clock := newBeat(s.Rate, s.Seconds, float64(place)/float64(len(s.Networks)))
	ticks := time.NewTicker(tick)
	defer ticks.Stop()
	// Places in this process's stream: the messages have no cursor of their own.
	stream, counter := uint64(now()), uint64(0)
	for {
		var out []oracle.Output
		select {
		case <-ctx.Done():
			return
		case start := <-starts:
			clock.begin(start, now())
		case message := <-p.delivered:
			counter++
			out = p.deliver(assembly, message, [2]uint64{stream, counter})
		case <-ticks.C:
			at := now()
			for seq, due := clock.due(at); due; seq, due = clock.due(at) {
				round := oracle.Round{Network: p.me.Network, Epoch: s.Epoch, Seq: seq}
				truth := p.rows[(seq-1)%uint64(len(p.rows))]
				out = append(out, assembly.Begin(seq, observe(truth, s.Seed, round, p.me.Node), moment(at))...)
			}
			out = append(out, assembly.Tick(moment(at))...)
		}
		p.send(ctx, out)
	}
}

// deliver writes a delivered report down, and lets the rounds know of it.
func (p *parent) deliver(assembly *oracle.Assembly, message *pb.Message, place [2]uint64) []oracle.Output {
	topic, data := message.GetTopic(), message.GetData()
	if topic == p.me.Network.Shares() {
		// The agent delivers what a verifier of its parent has accepted, so it can be read.
		heard, err := oracle.OpenMessage(data)
		if err != nil {
			return nil
		}
		return assembly.Hear(heard, moment(now()))
	}
	delivered := fact{Fact: "delivered", Print: oracle.Fingerprint(data), Place: &place}
	report, err := oracle.OpenReport(data)
	if err != nil {
		delivered = fact{Fact: "trouble", What: "delivered on " + topic + ": " + err.Error()}
	} else {
		delivered.Round = roundOf(report.Body.Round)
	}
	if err := p.ledger.write(delivered); err != nil {
		p.fail(err)
		return nil
	}
	if err == nil {
		assembly.Finished(report.Body.Round)
	}
	return nil
}

// send publishes each of them beside the others.
func (p *parent) send(ctx context.Context, out []oracle.Output) {
	for _, one := range out {
		topic, data, report := p.sealed(one)
		select {
		case p.places <- struct{}{}:
		case <-ctx.Done():
			return
		}
		p.calls.Go(func() {
			p.publish(ctx, topic, data, report)
			<-p.places
		})
	}
}

func (p *parent) sealed(one oracle.Output) (topic string, data []byte, report *round) {
	network := p.me.Network
	if one.Report != nil {
		return network.Reports(), one.Report.Seal(), roundOf(one.Report.Body.Round)
	}
	return network.Shares(), one.Message.Seal(p.me.Origin()), nil
}
