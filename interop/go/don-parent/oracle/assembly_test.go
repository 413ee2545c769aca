package oracle

import (
	"testing"
	"time"
)

const takeover = 500 * time.Millisecond

// run hands everything that is said to all nodes, valid as it has to be, and answers the reports.
func run(t *testing.T, roster Roster, nodes []*Assembly, out []Output, now time.Time) (reports []Report) {
	t.Helper()
	for len(out) > 0 {
		one := out[0]
		out = out[1:]
		if one.Report != nil {
			if err := roster.Check("weather.reports", one.Report.Seal()); err != nil {
				t.Fatal(err)
			}
			reports = append(reports, *one.Report)
			continue
		}
		_, node, _ := one.Message.about()
		origin, _ := roster.origin(Weather, node)
		if err := roster.Check("weather.shares", one.Message.Seal(origin)); err != nil {
			t.Fatal(err)
		}
		for _, other := range nodes {
			out = append(out, other.Hear(*one.Message, now)...)
		}
	}
	return reports
}

func four(t *testing.T) (Roster, []*Assembly) {
	_, roster, keys := load(t)
	var nodes []*Assembly
	for node, key := range keys {
		nodes = append(nodes, NewAssembly(Identity{Weather, Node(node), key, roster}, 1, takeover))
	}
	return roster, nodes
}

func TestFourNodesMakeOneReportARound(t *testing.T) {
	roster, nodes := four(t)
	now := time.Now()
	for seq := uint64(1); seq <= 100; seq++ {
		var out []Output
		for node, assembly := range nodes {
			out = append(out, assembly.Begin(seq, int64(4000+node), now)...)
		}
		reports := run(t, roster, nodes, out, now)
		if len(reports) != 1 || reports[0].Body.Round.Seq != seq || len(reports[0].Signers) != 3 {
			t.Fatalf("round %d: %v", seq, reports)
		}
		for _, assembly := range nodes {
			assembly.Finished(reports[0].Body.Round)
			if len(assembly.rounds) > kept {
				t.Fatalf("%d rounds are kept", len(assembly.rounds))
			}
		}
	}
}

func TestTheNextNodeTakesOverFromOneThatIsAway(t *testing.T) {
	roster, nodes := four(t)
	// Of round 1 that is node 1.
	there := []*Assembly{nodes[0], nodes[2], nodes[3]}
	now := time.Now()
	var out []Output
	for _, assembly := range there {
		out = append(out, assembly.Begin(1, 4000, now)...)
	}
	if reports := run(t, roster, there, out, now); len(reports) != 0 {
		t.Fatalf("nobody's turn has come: %v", reports)
	}
	now, out = now.Add(takeover), nil
	for _, assembly := range there {
		out = append(out, assembly.Tick(now)...)
	}
	if reports := run(t, roster, there, out, now); len(reports) != 1 {
		t.Fatalf("%v", reports)
	}
}

func TestTwoOfFourMakeNoReport(t *testing.T) {
	roster, nodes := four(t)
	now := time.Now()
	out := append(nodes[0].Begin(1, 4000, now), nodes[1].Begin(1, 4000, now)...)
	out = append(out, nodes[0].Tick(now.Add(5*takeover))...)
	if reports := run(t, roster, nodes[:2], out, now.Add(5*takeover)); len(reports) != 0 {
		t.Fatalf("%v", reports)
	}
}
