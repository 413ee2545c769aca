package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"pmq/interop/don-parent/oracle"
)

// A setup is everything that this process knows at its start: one JSON file that the demo has written.
type setup struct {
	Name     string
	Part     string
	Network  string
	Node     oracle.Node
	Networks []string
	Attach   string
	Token    string
	Key      string
	Roster   string
	Facts    string
	Input    string
	Seed     uint64
	// Rounds per second.
	Rate float64
	// How long rounds go on.
	Seconds float64
	Epoch   uint64
}

func loadSetup(path string) (setup, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return setup{}, err
	}
	var s setup
	if err := json.Unmarshal(text, &s); err != nil {
		return setup{}, fmt.Errorf("%s is no setup of a demo's parent: %w", path, err)
	}
	if s.Part != "member" || s.Input == "" || !(s.Rate > 0 && s.Rate <= 50) || !(s.Seconds >= 0 && s.Seconds <= 3600) || len(s.Networks) == 0 {
		return setup{}, fmt.Errorf("%s is not for a parent in Go: it has to be a member's, with a rate, networks and the directory of the observations", path)
	}
	return s, nil
}

// address is where the agent's gRPC services are.
func (s setup) address() (string, error) {
	address, found := strings.CutPrefix(s.Attach, "grpc://")
	if !found {
		return "", fmt.Errorf("%s is no address of gRPC over TCP", s.Attach)
	}
	return address, nil
}

// identity reads who this node is.
func (s setup) identity() (oracle.Identity, error) {
	network, err := oracle.NetworkOf(s.Network)
	if err != nil {
		return oracle.Identity{}, err
	}
	roster, err := oracle.LoadRoster(s.Roster)
	if err != nil {
		return oracle.Identity{}, err
	}
	key, err := oracle.LoadKey(s.Key)
	if err != nil {
		return oracle.Identity{}, err
	}
	me := oracle.Identity{Network: network, Node: s.Node, Key: key, Roster: roster}
	if !me.Known() {
		return oracle.Identity{}, fmt.Errorf("%s is not the key of node %d of %s in %s", s.Key, s.Node, network, s.Roster)
	}
	return me, nil
}
