package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"habeas.internal/services/bench/internal/eventlog"
	"habeas.internal/services/bench/internal/report"
	"habeas.internal/services/bench/internal/servers"
)

// TestMain lets the test binary be the server that it starts.
func TestMain(m *testing.M) {
	if serve := server(os.Args[1:]); serve != nil {
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
		defer stop()
		if err := serve(ctx, os.Args[2]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// TestASmokeRunMeasuresEverything keeps the harness from rotting: every
// variant and every bar of a full run has a positive figure.
func TestASmokeRunMeasuresEverything(t *testing.T) {
	if testing.Short() {
		t.Skip("short: measures for half a minute")
	}
	_, missing := servers.PostgresPrograms()
	_, unbuilt := servers.OpenFGAProgram() // whose build takes minutes: make bench makes it
	beside := func(variant string) bool {
		return !strings.HasPrefix(variant, "PostgreSQL") && !strings.HasPrefix(variant, "OpenFGA") ||
			missing == nil && (unbuilt == nil || strings.HasPrefix(variant, "PostgreSQL"))
	}
	r := smoke(t, missing == nil, unbuilt == nil)
	for _, e := range catalogue() {
		if beside(e.Variant) {
			checkMeasured(t, r, e)
		}
	}
	for _, bar := range bars() {
		if beside(bar.Against) && (missing == nil || bar.Section != "load" || bar.Measure != report.Ratio) {
			checkRow(t, r, bar)
		}
	}
	var text bytes.Buffer
	if err := r.Write(&text); err != nil {
		t.Fatal(err)
	}
	for _, row := range r.Rows {
		if !strings.Contains(text.String(), row.Name()) {
			t.Errorf("the report does not name %s", row.Name())
		}
	}
	if missing != nil {
		t.Skip("PostgreSQL is not installed; make bench installs it")
	}
}

func smoke(t *testing.T, postgres, openFGA bool) *report.Report {
	t.Helper()
	dir := reachable(t)
	o, err := parse([]string{"-smoke", "-dir", dir}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	o.postgres, o.openFGA = postgres, openFGA
	r, err := bench(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	left, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(left) > 0 {
		t.Errorf("the run left %q behind: %v", left, err)
	}
	return r
}

// reachable is a folder that PostgreSQL's user can get to; a test's own lies
// below one that nobody else may enter.
func reachable(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

func checkMeasured(t *testing.T, r *report.Report, e eventlog.Entry) {
	t.Helper()
	for _, s := range r.Sections {
		if s.Name != e.Section {
			continue
		}
		v, ok := s.Results.Find(e.Variant, e.Callers)
		if !ok || v.Rate() <= 0 || v.ClientCPU() <= 0 || len(v.Rounds) != r.Rounds {
			t.Errorf("%s/%s with %d callers was not measured in every round", e.Section, e.Variant, e.Callers)
			return
		}
		if e.Section != "rebuild" && e.Section != "consent-memory" && (v.P50() <= 0 || v.P99() < v.P50()) {
			t.Errorf("%s/%s with %d callers has latencies %s and %s", e.Section, e.Variant, e.Callers, v.P50(), v.P99())
		}
		return
	}
	t.Errorf("section %s was not measured", e.Section)
}

func checkRow(t *testing.T, r *report.Report, bar report.Bar) {
	t.Helper()
	for _, row := range r.Rows {
		if row.Bar == bar {
			if row.Value <= 0 {
				t.Errorf("%s is %v", row.Name(), row.Value)
			}
			return
		}
	}
	t.Errorf("no row for %s, %d callers", bar.Variant, bar.Callers)
}

func TestPartOfTheRunCanBeAskedFor(t *testing.T) {
	o, err := parse([]string{"-only", "^append/raw"}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	for section, want := range map[string]bool{"append": true, "load": false, "rebuild": false} {
		if o.wants(section) != want {
			t.Errorf("section %s is wanted: %v, want %v", section, !want, want)
		}
	}
}

func TestACommandLineThatMakesNoSenseIsRefused(t *testing.T) {
	for _, args := range [][]string{{"-rounds", "0"}, {"-seconds", "-1"}, {"-only", "("}, {"-unknown"}} {
		if _, err := parse(args, io.Discard); err == nil {
			t.Errorf("%q was accepted", args)
		}
	}
}

func TestARowThatIsTooSlowFailsAJudgedRunOnly(t *testing.T) {
	r := &report.Report{Judged: true, Rows: []report.Row{
		{Bar: report.Bar{Variant: "slow", Measure: report.Ratio, AtLeast: 0.5, FailsBelow: 0.4}, Value: 0.39},
		{Bar: report.Bar{Variant: "below the bar", Measure: report.Ratio, AtLeast: 0.5, FailsBelow: 0.4}, Value: 0.45},
		{Bar: report.Bar{Variant: "late", Measure: report.P50Below, AtLeast: 1, FailsBelow: 1}, Value: 1.2},
		{Bar: report.Bar{Variant: "fine", Measure: report.Rate, AtLeast: 10, FailsBelow: 10}, Value: 11},
	}}
	failed := failures(r)
	if len(failed) != 2 || !strings.HasPrefix(failed[0], "slow") || !strings.HasPrefix(failed[1], "late") {
		t.Errorf("failures are %q, want slow and late", failed)
	}
	if r.Judged = false; len(failures(r)) != 0 {
		t.Error("a smoke run was judged")
	}
}
