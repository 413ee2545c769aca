// Package p2pmq tests an agent with a parent as a user of the Go predecessor has written it: its own proto, its way of calling.
package p2pmq

import (
	"context"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"pmq/interop/agent"
	pb "pmq/interop/p2pmqpb"
)

func dial(t *testing.T, address string) *grpc.ClientConn {
	t.Helper()
	connection, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { connection.Close() })
	return connection
}

// verify gives the predecessor's verdict on every message: the whole of it comes back.
func verify(t *testing.T, ctx context.Context, router pb.ValidationRouterClient, judge func([]byte) pb.ValidationResult) {
	t.Helper()
	stream, err := router.Handle(ctx)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for {
			message, err := stream.Recv()
			if err != nil {
				return
			}
			if stream.Send(&pb.ValidatedMessage{Result: judge(message.GetData()), Msg: message}) != nil {
				return
			}
		}
	}()
}

func next(t *testing.T, stream grpc.ServerStreamingClient[pb.Message]) string {
	t.Helper()
	message, err := stream.Recv()
	if err != nil {
		t.Fatal(err)
	}
	return string(message.GetData())
}

func TestAParentOfThePredecessor(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), agent.Soon)
	defer cancel()
	near := agent.Start(t)
	far := agent.Start(t, near.Listen)
	here, there := dial(t, near.GRPC), dial(t, far.GRPC)

	// Two streams are one group, as p2pmq's workers are.
	for range 2 {
		verify(t, ctx, pb.NewValidationRouterClient(there), func(data []byte) pb.ValidationResult {
			if len(data) > 0 && data[0] == 'r' {
				return pb.ValidationResult_ACCEPT
			}
			return pb.ValidationResult_REJECT
		})
	}
	var listeners []grpc.ServerStreamingClient[pb.Message]
	for range 2 {
		listener, err := pb.NewMsgRouterClient(there).Listen(ctx, &pb.ListenRequest{Topics: []string{"weather.reports"}})
		if err != nil {
			t.Fatal(err)
		}
		listeners = append(listeners, listener)
	}
	control := pb.NewControlServiceClient(here)
	ids := map[string]bool{}
	for _, text := range []string{"report 1", "forged", "report 2"} {
		answer, err := control.Publish(ctx, &pb.PublishRequest{Topic: "weather.reports", Data: []byte(text)})
		if err != nil {
			t.Fatal(err)
		}
		ids[answer.GetMessageId()] = true
	}
	if len(ids) != 3 {
		t.Fatalf("three messages have the ids %v", ids)
	}
	for _, listener := range listeners {
		got := map[string]bool{next(t, listener): true, next(t, listener): true}
		if !got["report 1"] || !got["report 2"] {
			t.Fatalf("a listener got %v", got)
		}
	}
}

func TestTopicsAreJoinedAndLeft(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), agent.Soon)
	defer cancel()
	control := pb.NewControlServiceClient(dial(t, agent.Start(t).GRPC))
	if _, err := control.Subscribe(ctx, &pb.SubscribeRequest{Topic: "weather.other"}); err != nil {
		t.Fatal(err)
	}
	if _, err := control.Unsubscribe(ctx, &pb.UnsubscribeRequest{Topic: "weather.other"}); err != nil {
		t.Fatal(err)
	}
	for topic, want := range map[string]codes.Code{"weather.other": codes.NotFound, "nobody's": codes.NotFound} {
		if _, err := control.Unsubscribe(ctx, &pb.UnsubscribeRequest{Topic: topic}); status.Code(err) != want {
			t.Fatalf("leaving %q: %v, want %v", topic, err, want)
		}
	}
}
