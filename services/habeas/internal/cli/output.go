package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"habeas.internal/services/internal/es/jetstream"
)

// print writes a result: v as JSON, or the tables, each a heading and rows of
// cells separated by tabs.
func (a *app) print(v any, tables ...[]string) error {
	if a.set.output == outputTable {
		return printTables(a.Out, tables)
	}
	enc := json.NewEncoder(a.Out)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("write result: %w", err)
	}
	return nil
}

func printTables(w io.Writer, tables [][]string) error {
	for i, rows := range tables {
		if i > 0 {
			_, _ = fmt.Fprintln(w)
		}
		table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		// Write errors stay in the tabwriter until Flush.
		_, _ = fmt.Fprintln(table, strings.Join(rows, "\n"))
		if err := table.Flush(); err != nil {
			return fmt.Errorf("write result: %w", err)
		}
	}
	return nil
}

func cells(parts ...any) string {
	text := make([]string, len(parts))
	for i, p := range parts {
		text[i] = fmt.Sprint(p)
	}
	return strings.Join(text, "\t")
}

func (a *app) warn(text string) { _, _ = fmt.Fprintln(a.Err, "habeas: warning:", text) }

// progressEvery is how often long work says how far it is.
const progressEvery = time.Second

// progress writes a line at the beginning and the end of each stream and now
// and then between; nil when the command is quiet.
func (a *app) progress() func(jetstream.Progress) {
	if a.set.quiet {
		return nil
	}
	var mu sync.Mutex
	var last time.Time
	return func(p jetstream.Progress) {
		mu.Lock()
		defer mu.Unlock()
		if p.Done != p.Of && time.Since(last) < progressEvery {
			return
		}
		last = time.Now()
		of := ""
		if p.Of != 0 {
			of = fmt.Sprintf(" of %d", p.Of)
		}
		_, _ = fmt.Fprintf(a.Err, "%s %s: %d%s\n", p.Step, p.Stream, p.Done, of)
	}
}

// lasting is progress that begins when the work has lasted for a while.
func (a *app) lasting() func(jetstream.Progress) {
	tell := a.progress()
	if tell == nil {
		return nil
	}
	began := time.Now()
	return func(p jetstream.Progress) {
		if time.Since(began) >= progressEvery {
			tell(p)
		}
	}
}
