package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"pmq/interop/don-parent/oracle"
	pb "pmq/interop/p2pmqpb"
)

const (
	// Streams of messages for a verdict. They are one group: each message comes on one of them.
	workers = 2
	// Publishes under way; the node waits when there are more.
	publishes = 256
	// Deliveries under way to the node; the agent keeps the rest.
	deliveries = 256
	// Distance of two looks at the clock.
	tick = 20 * time.Millisecond
	// Longest that a call may take.
	patience = 10 * time.Second
)

// A parent is a node's member with its agent.
type parent struct {
	setup      setup
	ledger     ledger
	me         oracle.Identity
	connection *grpc.ClientConn
	control    pb.ControlServiceClient
	delivered  chan *pb.Message
	// Ends the process, with the reason.
	fail   context.CancelCauseFunc
	rows   []int64
	places chan struct{}
	calls  sync.WaitGroup
}

// bearer shows the agent's token with each call.
type bearer string

func (b bearer) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"authorization": "Bearer " + string(b)}, nil
}

func (bearer) RequireTransportSecurity() bool { return false }

// attach verifies on all topics and listens to them; it answers when it has asked for both.
func attach(ctx context.Context, fail context.CancelCauseFunc, s setup, l ledger) (*parent, error) {
	me, err := s.identity()
	if err != nil {
		return nil, err
	}
	rows, err := me.Network.Observations(s.Input)
	if err != nil {
		return nil, err
	}
	token, err := os.ReadFile(s.Token)
	if err != nil {
		return nil, err
	}
	address, err := s.address()
	if err != nil {
		return nil, err
	}
	connection, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithPerRPCCredentials(bearer(strings.TrimSpace(string(token)))))
	if err != nil {
		return nil, err
	}
	p := &parent{
		setup: s, ledger: l, me: me, connection: connection, control: pb.NewControlServiceClient(connection),
		delivered: make(chan *pb.Message, deliveries), fail: fail, rows: rows, places: make(chan struct{}, publishes),
	}
	for range workers {
		stream, err := pb.NewValidationRouterClient(connection).Handle(ctx, grpc.WaitForReady(true))
		if err != nil {
			return nil, fmt.Errorf("handle: %w", err)
		}
		go p.verify(stream)
	}
	topics := []string{me.Network.Shares()}
	for _, name := range s.Networks {
		network, err := oracle.NetworkOf(name)
		if err != nil {
			return nil, err
		}
		topics = append(topics, network.Reports())
	}
	stream, err := pb.NewMsgRouterClient(connection).Listen(ctx, &pb.ListenRequest{Topics: topics})
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	go p.listen(ctx, stream)
	return p, nil
}

// close ends the connection and waits for what is under way.
func (p *parent) close() {
	_ = p.connection.Close()
	p.calls.Wait()
}

// verify gives a verdict on every message. It stands in the file before it is given.
func (p *parent) verify(stream grpc.BidiStreamingClient[pb.ValidatedMessage, pb.Message]) {
	for {
		message, err := stream.Recv()
		if err != nil {
			p.fail(fmt.Errorf("the stream of messages for a verdict: %w", err))
			return
		}
		wrong := p.me.Roster.Check(message.GetTopic(), message.GetData())
		accept := wrong == nil
		judged := fact{Fact: "judged", Topic: message.GetTopic(), Print: oracle.Fingerprint(message.GetData()), Accept: &accept}
		result := pb.ValidationResult_ACCEPT
		if wrong != nil {
			judged.Why, result = wrong.Error(), pb.ValidationResult_REJECT
		}
		if err := p.ledger.write(judged); err != nil {
			p.fail(err)
			return
		}
		if err := stream.Send(&pb.ValidatedMessage{Result: result, Msg: message}); err != nil {
			p.fail(fmt.Errorf("a verdict: %w", err))
			return
		}
	}
}

// listen hands on what was accepted.
func (p *parent) listen(ctx context.Context, stream grpc.ServerStreamingClient[pb.Message]) {
	for {
		message, err := stream.Recv()
		if err != nil {
			p.fail(fmt.Errorf("the stream of accepted messages: %w", err))
			return
		}
		select {
		case p.delivered <- message:
		case <-ctx.Done():
			return
		}
	}
}

// publish says what is about to be, and what became of it.
func (p *parent) publish(ctx context.Context, topic string, data []byte, report *round) {
	print := oracle.Fingerprint(data)
	if err := p.ledger.write(fact{Fact: "publishing", Topic: topic, Print: print, Report: report}); err != nil {
		p.fail(err)
		return
	}
	call, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	published := fact{Fact: "published", Topic: topic, Print: print}
	if _, err := p.control.Publish(call, &pb.PublishRequest{Topic: topic, Data: data}); err != nil {
		published.Error = err.Error()
	}
	if err := p.ledger.write(published); err != nil {
		p.fail(err)
	}
}
