// Package report judges what was measured and writes it down.
package report

import (
	"fmt"
	"io"
	"strings"
	"time"

	"habeas.internal/services/bench/internal/host"
	"habeas.internal/services/bench/internal/measure"
	"habeas.internal/services/bench/internal/servers"
)

// Report is one run.
type Report struct {
	Command  string
	Date     time.Time
	Machine  host.Machine
	Versions []servers.Version
	// LoadBefore and LoadAfter are the machine's load averages at the ends of
	// the run; the second holds the run's own work.
	LoadBefore, LoadAfter string
	// Use tells what else ran meanwhile.
	Use            host.Use
	Rounds         int
	WarmUp, Length time.Duration
	Sections       []Section
	Rows           []Row
	// Judged says that the run was long enough for its figures to mean
	// something.
	Judged bool
}

// Section is a set of variants that were measured in turn.
type Section struct {
	Name, Title string
	Notes       []string
	Results     measure.Results
	Figures     []measure.Figure
	// Base is what a series is compared with; nil if with nothing.
	Base func(*measure.Series) *measure.Series
}

// Write writes the report as Markdown.
func (r *Report) Write(w io.Writer) error {
	var b strings.Builder
	r.writeHead(&b)
	r.writeRows(&b)
	for _, s := range r.Sections {
		s.write(&b)
	}
	r.writeMethod(&b)
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return nil
}

func (r *Report) writeHead(b *strings.Builder) {
	fmt.Fprintf(b, "# Results of the benchmarks\n\nMade by `%s`. Do not edit.\n\n", r.Command)
	b.WriteString("Client and servers share the machine, so every rate is that of both together. Absolute figures are for this machine; compare ratios.\n\n")
	b.WriteString("| | |\n|---|---|\n")
	facts := [][2]string{
		{"date", r.Date.UTC().Format("2006-01-02 15:04 MST")},
		{"machine", fmt.Sprintf("%d cores, %s, %s", r.Machine.Cores, r.Machine.Processor, r.Machine.Memory)},
		{"kernel, file system", r.Machine.Kernel + ", " + r.Machine.FileSystem},
	}
	for _, v := range r.Versions {
		facts = append(facts, [2]string{v.Name, v.Version})
	}
	facts = append(facts, [2]string{"load average before, after", r.LoadBefore + ", " + r.LoadAfter})
	facts = append(facts, [2]string{"processor time taken by other processes, by other machines", fmt.Sprintf("%.1f %%, %.1f %%", 100*r.Use.Others, 100*r.Use.Stolen)})
	for _, f := range facts {
		fmt.Fprintf(b, "| %s | %s |\n", f[0], f[1])
	}
}

func (r *Report) writeRows(b *strings.Builder) {
	b.WriteString("\n## What we hold ourselves to\n\n| | measured | bar | fails at | verdict |\n|---|--:|--:|--:|---|\n")
	for _, row := range r.Rows {
		verdict := row.Verdict()
		if !r.Judged {
			verdict = "not judged: too short a run"
		}
		fmt.Fprintf(b, "| %s | %s | %s | %s | %s |\n", row.Name(), row.show(row.Value), row.bar(), row.limit(), verdict)
	}
}

func (s Section) write(b *strings.Builder) {
	fmt.Fprintf(b, "\n## %s\n\n", s.Title)
	b.WriteString("| | callers | ops/s | p50 ms | p99 ms | CPU µs/op client | CPU µs/op servers | ÷ base | spread |\n|---|--:|--:|--:|--:|--:|--:|--:|--:|\n")
	for _, v := range s.Results {
		ratio := "" // where the base was not measured
		if base := s.Base(v); base != nil {
			ratio = fmt.Sprintf("%.2f", v.Ratio(base))
		}
		fmt.Fprintf(b, "| %s | %d | %s | %s | %s | %s | %s | %s | %.0f%% |\n", v.Name, v.Callers, thousands(v.Rate()),
			milliseconds(v.P50()), milliseconds(v.P99()), microseconds(v.ClientCPU()), microseconds(v.ServerCPU()), ratio, 100*v.Spread())
	}
	if len(s.Figures) > 0 {
		b.WriteString("\n| | | spread |\n|---|--:|--:|\n")
		for _, f := range s.Figures {
			fmt.Fprintf(b, "| %s | %.1f | %.0f%% |\n", f.Name, f.Median(), 100*f.Spread())
		}
	}
	b.WriteString("\n")
	for _, n := range s.Notes {
		fmt.Fprintf(b, "- %s\n", n)
	}
}

func (r *Report) writeMethod(b *strings.Builder) {
	fmt.Fprintf(b, "\n## Method\n\nClosed loop, %s of warm-up and %s measured a point, %d rounds. All variants of a section are measured in every round, every\n"+
		"second round in reverse order. Rates, latencies and processor time are medians of the points; a ratio is the median of the ratios of each round;\n"+
		"spread is (max − min) ÷ median of the rounds' rates. Processor time: getrusage for the client, /proc for the servers. Each server is a process of its own, on loopback TCP.\n",
		r.WarmUp, r.Length, r.Rounds)
}

func thousands(v float64) string {
	digits := fmt.Sprintf("%.0f", v)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

func milliseconds(d time.Duration) string {
	if d == 0 {
		return ""
	}
	return fmt.Sprintf("%.3f", float64(d)/float64(time.Millisecond))
}

func microseconds(d time.Duration) string {
	return fmt.Sprintf("%.1f", float64(d)/float64(time.Microsecond))
}
