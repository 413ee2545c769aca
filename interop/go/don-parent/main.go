// Command don-parent is a parent of `pmq demo` as a user of p2pmq would have written it: a member of one oracle network, that knows of its agent the three gRPC
// services of package proto and nothing else. `pmq demo --go-parents N` starts it with the path of its setup.
package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "don-parent: give it the path of its setup; `pmq demo --go-parents N` does")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Stdin); err != nil {
		fmt.Fprintf(os.Stderr, "don-parent: %v\n", err)
		os.Exit(1)
	}
}

// run takes part until the orders end.
func run(path string, orders io.Reader) error {
	setup, err := loadSetup(path)
	if err != nil {
		return err
	}
	ledger, err := openLedger(setup.Facts)
	if err != nil {
		return err
	}
	if err := ledger.write(fact{Fact: "up"}); err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	starts := make(chan int64, 4)
	go func() {
		if err := readOrders(orders, starts); err != nil {
			cancel(fmt.Errorf("the demo's orders: %w", err))
		}
		// The demo is gone, or wants this process to go.
		cancel(context.Canceled)
	}()
	parent, err := attach(ctx, cancel, setup, ledger)
	if err != nil {
		return err
	}
	defer parent.close()
	parent.takePart(ctx, starts)
	if cause := context.Cause(ctx); cause != context.Canceled {
		return cause
	}
	return nil
}

// readOrders reads "start NANOSECONDS" lines until they end.
func readOrders(orders io.Reader, starts chan<- int64) error {
	lines := bufio.NewScanner(orders)
	for lines.Scan() {
		at, found := strings.CutPrefix(lines.Text(), "start ")
		start, err := strconv.ParseInt(at, 10, 64)
		if !found || err != nil {
			fmt.Fprintf(os.Stderr, "don-parent: no order of the demo: %q\n", lines.Text())
			continue
		}
		starts <- start
	}
	return lines.Err()
}
