package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"runtime/pprof"
	"slices"
	"strings"
	"time"

	"habeas.internal/services/bench/internal/consents"
	"habeas.internal/services/bench/internal/eventlog"
	"habeas.internal/services/bench/internal/host"
	"habeas.internal/services/bench/internal/keys"
	"habeas.internal/services/bench/internal/measure"
	"habeas.internal/services/bench/internal/report"
	"habeas.internal/services/bench/internal/servers"
)

// options are what the command line says.
type options struct {
	rounds   int
	seconds  float64
	warmUp   float64
	only     *regexp.Regexp
	out      string
	dir      string
	profile  string
	smoke    bool
	postgres bool
	openFGA  bool
	people   int
	self     string
	command  string
	progress io.Writer
}

// errTooSlow: a row is worse than what the project puts up with.
var errTooSlow = errors.New("too slow")

func run(ctx context.Context, args []string, progress io.Writer) error {
	o, err := parse(args, progress)
	if err != nil {
		return err
	}
	r, err := bench(ctx, o)
	if err != nil {
		return err
	}
	if err := write(r, o.out); err != nil {
		return err
	}
	if failed := failures(r); len(failed) > 0 {
		return fmt.Errorf("%w: %s", errTooSlow, strings.Join(failed, "; "))
	}
	return nil
}

func parse(args []string, progress io.Writer) (options, error) {
	o := options{postgres: true, openFGA: true, progress: progress, command: strings.Join(append([]string{"go run ./services/bench"}, args...), " ")}
	var only string
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(progress)
	flags.IntVar(&o.rounds, "rounds", 3, "measure every variant this many times")
	flags.Float64Var(&o.seconds, "seconds", 2, "length of a point")
	flags.Float64Var(&o.warmUp, "warm-up", 0.5, "seconds before each point")
	flags.StringVar(&only, "only", "", "measure variants whose section/name/callers matches this regular expression, and what they are compared with")
	flags.StringVar(&o.out, "out", "services/bench/RESULTS.md", "file for the report; - prints it")
	flags.StringVar(&o.dir, "dir", ".habeas/bench", "folder for the servers' files: on a disk, and within reach of the user postgres")
	flags.StringVar(&o.profile, "profile", "", "folder for processor profiles of this process, one a point")
	flags.IntVar(&o.people, "people", 100_000, "people whom consent's read model is filled with")
	flags.BoolVar(&o.smoke, "smoke", false, "a run of seconds that shows that everything works; its figures mean nothing")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	var err error
	if o.only, err = regexp.Compile(only); err != nil {
		return o, fmt.Errorf("read -only: %w", err)
	}
	if o.rounds < 1 || o.seconds <= 0 || o.warmUp < 0 || o.people < 1 {
		return o, errors.New("-rounds, -seconds and -people must be positive")
	}
	if o.smoke {
		o.rounds, o.seconds, o.warmUp = 1, 0.3, 0.05
	}
	if o.self, err = os.Executable(); err != nil {
		return o, fmt.Errorf("find this program: %w", err)
	}
	return o, nil
}

// bench measures all sections, in a folder that is gone afterwards.
func bench(ctx context.Context, o options) (r *report.Report, err error) {
	in, err := settings(o)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(in.Dir)) }()
	r = &report.Report{
		Command: o.command, Date: time.Now(), Machine: host.Describe(in.Dir), LoadBefore: host.LoadAverage(),
		Versions: append([]servers.Version{{Name: "Go", Version: runtime.Version()}}, servers.Versions(ctx)...),
		Rounds:   o.rounds, WarmUp: seconds(o.warmUp), Length: seconds(o.seconds), Judged: !o.smoke,
	}
	used := host.Watch()
	if r.Judged && r.Machine.FileSystem == host.MemoryFileSystem {
		return nil, fmt.Errorf("%s is no disk: a sync costs nothing there", o.dir)
	}
	if err := measureAll(ctx, o, in, r); err != nil {
		return nil, err
	}
	r.Rows, r.LoadAfter = report.Rows(bars(), r.Sections), host.LoadAverage()
	r.Use = used()
	return r, nil
}

func settings(o options) (eventlog.Settings, error) {
	in := eventlog.Settings{
		Self: o.self, Postgres: o.postgres, Working: 1000, Aggregates: 100_000, Commits: 10, WarmUp: 5 * time.Second,
		OpenFGA: o.openFGA && o.postgres, Asked: 10_000, Held: o.people,
	}
	if o.smoke {
		in.Working, in.Aggregates, in.WarmUp, in.Asked, in.Held = 10, 500, 0, 50, 500
	}
	base, err := filepath.Abs(o.dir)
	if err != nil {
		return in, fmt.Errorf("find folder: %w", err)
	}
	if err := os.MkdirAll(base, 0o755); err != nil {
		return in, fmt.Errorf("make folder: %w", err)
	}
	if in.Dir, err = os.MkdirTemp(base, "run-"); err != nil {
		return in, fmt.Errorf("make folder: %w", err)
	}
	if err := os.Chmod(in.Dir, 0o755); err != nil { // PostgreSQL's user has to get to its own folder below
		return in, fmt.Errorf("open folder: %w", err)
	}
	return in, nil
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// measureAll measures the sections one after the other.
func measureAll(ctx context.Context, o options, in eventlog.Settings, r *report.Report) error {
	if o.wants("append") {
		if err := measureAppends(ctx, o, in, r); err != nil {
			return err
		}
	}
	if o.wants("reads") {
		s, err := eventlog.ReadsSection(ctx, in)
		if err := o.section(ctx, s, err, r); err != nil {
			return err
		}
	}
	if o.wants("load") || o.wants("rebuild") {
		if err := measureReads(ctx, o, in, r); err != nil {
			return err
		}
	}
	return measureOthers(ctx, o, in, r)
}

// measureOthers measures what stands before calls: keys, their fence, and counting;
// and consent.
func measureOthers(ctx context.Context, o options, in eventlog.Settings, r *report.Report) error {
	for _, part := range []struct {
		name string
		make func(context.Context, eventlog.Settings) (*eventlog.Section, error)
	}{
		{"keys", keys.Section},
		{"fence", keys.FenceSection},
		{"limiter", keys.LimiterSection},
		{"consent", consents.Section},
		{"consent-writes", consents.WritesSection},
		{"consent-memory", consents.MemorySection},
	} {
		if !o.wants(part.name) {
			continue
		}
		s, err := part.make(ctx, in)
		if err := o.section(ctx, s, err, r); err != nil {
			return err
		}
	}
	return nil
}

// catalogue lists every variant of every section.
func catalogue() []eventlog.Entry {
	return slices.Concat(eventlog.Catalogue(), keys.Catalogue(), consents.Catalogue())
}

// bars are those of every section.
func bars() []report.Bar { return append(eventlog.Bars(), consents.Bars()...) }

func measureAppends(ctx context.Context, o options, in eventlog.Settings, r *report.Report) error {
	s, err := eventlog.AppendSection(ctx, in)
	return o.section(ctx, s, err, r)
}

// measureReads measures what reads one long history.
func measureReads(ctx context.Context, o options, in eventlog.Settings, r *report.Report) (err error) {
	_, _ = fmt.Fprintln(o.progress, "writing the history that is loaded and rebuilt")
	h, err := eventlog.NewHistory(ctx, in)
	defer func() { err = errors.Join(err, h.Close()) }()
	if err != nil {
		return fmt.Errorf("write history: %w", err)
	}
	if o.wants("load") {
		s, err := eventlog.LoadSection(ctx, in, h)
		if err := o.section(ctx, s, err, r); err != nil {
			return err
		}
	}
	if o.wants("rebuild") {
		s, err := eventlog.RebuildSection(ctx, in, h)
		return o.section(ctx, s, err, r)
	}
	return nil
}

// wants says whether any variant of a section was asked for.
func (o options) wants(section string) bool {
	return slices.ContainsFunc(catalogue(), func(e eventlog.Entry) bool {
		return e.Section == section && o.asked(e)
	})
}

func (o options) asked(e eventlog.Entry) bool {
	return o.only.MatchString(fmt.Sprintf("%s/%s/%d", e.Section, e.Variant, e.Callers))
}

// section measures one section and ends what it has started.
func (o options) section(ctx context.Context, s *eventlog.Section, prepared error, r *report.Report) (err error) {
	defer func() { err = errors.Join(err, s.Close()) }()
	if prepared != nil {
		return fmt.Errorf("prepare %s: %w", s.Name, prepared)
	}
	plan := measure.Plan{
		Rounds: o.rounds, WarmUp: r.WarmUp, Length: r.Length, ClientCPU: host.OwnCPU, Progress: o.progress,
	}
	if o.profile != "" {
		plan.Profile = o.startProfile
	}
	results, err := plan.Run(ctx, o.wanted(s))
	if err != nil {
		return fmt.Errorf("section %s: %w", s.Name, err)
	}
	var figures []measure.Figure
	if s.Figures != nil {
		figures = s.Figures()
	}
	r.Sections = append(r.Sections, report.Section{
		Name: s.Name, Title: s.Title, Notes: s.Notes, Results: results, Figures: figures,
		Base: func(v *measure.Series) *measure.Series {
			base, _ := results.Find(s.Base.Variant, s.Base.Of(v.Callers))
			return base
		},
	})
	return nil
}

// wanted picks the variants that were asked for, and what they are compared
// with.
func (o options) wanted(s *eventlog.Section) []measure.Variant {
	asked := func(v measure.Variant) bool {
		return o.asked(eventlog.Entry{Section: s.Name, Variant: v.Name, Callers: v.Callers})
	}
	bases := map[int]bool{} // by number of callers
	for _, v := range s.Variants {
		if asked(v) {
			bases[s.Base.Of(v.Callers)] = true
		}
	}
	var out []measure.Variant
	for _, v := range s.Variants {
		if asked(v) || v.Name == s.Base.Variant && bases[v.Callers] {
			out = append(out, v)
		}
	}
	return out
}

// startProfile begins a processor profile of this process.
func (o options) startProfile(variant string, round int) (func() error, error) {
	if err := os.MkdirAll(o.profile, 0o755); err != nil {
		return nil, err
	}
	name := regexp.MustCompile(`[^a-zA-Z0-9.]+`).ReplaceAllString(variant, "-")
	file, err := os.Create(filepath.Join(o.profile, fmt.Sprintf("%s-%d.prof", name, round+1)))
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(file); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return func() error {
		pprof.StopCPUProfile()
		return file.Close()
	}, nil
}

func write(r *report.Report, out string) error {
	if out == "-" {
		return r.Write(os.Stdout)
	}
	file, err := os.Create(out)
	if err != nil {
		return fmt.Errorf("create report: %w", err)
	}
	return errors.Join(r.Write(file), file.Close())
}

// failures names the rows that are too slow.
func failures(r *report.Report) []string {
	var failed []string
	for _, row := range r.Rows {
		if r.Judged && row.Failed() {
			failed = append(failed, row.Name())
		}
	}
	return failed
}
