package main

import (
	"encoding/json"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"pmq/interop/don-parent/oracle"
)

// A fact is one thing that happened to this process: a line of its file, by which the demo compares what was sent with what arrived.
type fact struct {
	Fact   string     `json:"fact"`
	At     int64      `json:"at"`
	Topic  string     `json:"topic,omitempty"`
	Print  string     `json:"print,omitempty"`
	Accept *bool      `json:"accept,omitempty"`
	Why    string     `json:"why,omitempty"`
	Report *round     `json:"report,omitempty"`
	Round  *round     `json:"round,omitempty"`
	Place  *[2]uint64 `json:"place,omitempty"`
	Error  string     `json:"error,omitempty"`
	What   string     `json:"what,omitempty"`
}

type round struct {
	Network string `json:"network"`
	Epoch   uint64 `json:"epoch"`
	Seq     uint64 `json:"seq"`
}

func roundOf(r oracle.Round) *round { return &round{r.Network.String(), r.Epoch, r.Seq} }

// A ledger is the file. Each fact stands in it before the process acts on it.
type ledger struct{ file *os.File }

func openLedger(path string) (ledger, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	return ledger{file}, err
}

// write appends one line in one write: it survives the process. It says when, too.
func (l ledger) write(f fact) error {
	f.At = now()
	line, err := json.Marshal(f)
	if err != nil {
		return err
	}
	if _, err := l.file.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("cannot write the facts file: %w", err)
	}
	return nil
}

// now is the machine's monotonic clock in nanoseconds, the same for all processes.
func now() int64 {
	var at unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &at); err != nil {
		panic(err) // Every Linux has this clock.
	}
	return at.Nano()
}

// moment is that clock as a time, for arithmetic alone.
func moment(nanoseconds int64) time.Time { return time.Unix(0, nanoseconds) }
