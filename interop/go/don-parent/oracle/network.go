// Package oracle is an oracle network in small, as its nodes in Go see it: observations, signatures, rounds, and what makes a message valid. No agent, no clock.
package oracle

import (
	"encoding/csv"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// A Network is one of the three. Its number is part of what is signed.
type Network byte

// The networks.
const (
	Weather Network = iota
	Quakes
	Flights
)

type source struct {
	name, column string
	// Largest noise of one node's instrument, in thousandths of the unit.
	noise int64
}

var sources = [...]source{{"weather", "temperature", 200}, {"quakes", "magnitude", 50}, {"flights", "delay_min", 500}}

// NetworkOf answers the network of that name.
func NetworkOf(name string) (Network, error) {
	at := slices.IndexFunc(sources[:], func(s source) bool { return s.name == name })
	if at < 0 {
		return 0, fmt.Errorf("there is no network %q", name)
	}
	return Network(at), nil
}

func (n Network) known() bool { return int(n) < len(sources) }

// String answers its name in topics and files.
func (n Network) String() string {
	if !n.known() {
		return fmt.Sprintf("network %d", byte(n))
	}
	return sources[n].name
}

// Noise is the largest of one node's instrument, in thousandths of the unit.
func (n Network) Noise() int64 { return sources[n].noise }

// Reports is the topic of finished reports, Shares that of the network's own nodes.
func (n Network) Reports() string { return n.String() + ".reports" }

// Shares is the topic on which the network's own nodes make a report.
func (n Network) Shares() string { return n.String() + ".shares" }

// ofTopic answers whose topic that is, and whether it is one of reports.
func ofTopic(topic string) (network Network, reports bool, err error) {
	name, kind, _ := strings.Cut(topic, ".")
	network, err = NetworkOf(name)
	if err != nil || (kind != "reports" && kind != "shares") {
		return 0, false, fmt.Errorf("no topic of the demo: %s", topic)
	}
	return network, kind == "reports", nil
}

// Observations reads the observed values in thousandths of the unit, one a row, from the network's file in dir.
func (n Network) Observations(dir string) ([]int64, error) {
	path := filepath.Join(dir, n.String()+".csv")
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	rows, err := csv.NewReader(file).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if len(rows) < 2 {
		return nil, fmt.Errorf("%s: there are no rows", path)
	}
	column := slices.Index(rows[0], sources[n].column)
	if column < 0 {
		return nil, fmt.Errorf("%s: there is no column %q", path, sources[n].column)
	}
	values := make([]int64, 0, len(rows)-1)
	for line, row := range rows[1:] {
		value, err := strconv.ParseFloat(strings.TrimSpace(row[column]), 64)
		if err != nil || !(math.Abs(value) < 1e12) {
			return nil, fmt.Errorf("%s line %d: %s %q is no number in range", path, line+2, sources[n].column, row[column])
		}
		values = append(values, int64(math.Round(value*1000)))
	}
	return values, nil
}
