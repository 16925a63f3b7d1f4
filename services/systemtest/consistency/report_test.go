package consistency_test

import (
	"fmt"
	"maps"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"habeas.internal/services/internal/testserver"

	"github.com/anishathalye/porcupine"
	"github.com/redis/go-redis/v9"
)

// What is asked or told, in the order of the tables.
const (
	whatDecide  = "decision"
	whatFull    = "fully consistent"
	whatBounded = "bounded"
	whatClient  = "Go client"
	whatOld     = "older than a second"

	answered   = "answered"
	everywhere = "everywhere"
)

// tally counts answers by what was asked, phase and cause.
type tally struct {
	mu  sync.Mutex
	all map[string]map[string]map[string]int
}

func (y *tally) count(what, phase, cause string) {
	y.mu.Lock()
	defer y.mu.Unlock()
	if y.all == nil {
		y.all = map[string]map[string]map[string]int{}
	}
	if y.all[what] == nil {
		y.all[what] = map[string]map[string]int{}
	}
	if y.all[what][phase] == nil {
		y.all[what][phase] = map[string]int{}
	}
	y.all[what][phase][cause]++
}

// spans are the longest times in which a replica that is well gave no answer.
type spans struct {
	mu      sync.Mutex
	last    map[string]time.Time // the last answer, by what and replica
	failing map[string]string    // the phase in which answers stopped
	longest map[string]map[string]time.Duration
}

// note files the end of a question about a purpose that was asked at a moment.
func (s *spans) note(what string, number int, purpose, phase string, asked time.Time, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.last == nil {
		s.last, s.failing, s.longest = map[string]time.Time{}, map[string]string{}, map[string]map[string]time.Duration{}
	}
	key := fmt.Sprint(what, number, purpose)
	began, failing := s.failing[key]
	switch {
	case !ok && !failing && asked.After(s.last[key]):
		s.failing[key] = phase
	case ok:
		if failing && !s.last[key].IsZero() {
			if s.longest[what] == nil {
				s.longest[what] = map[string]time.Duration{}
			}
			s.longest[what][began] = max(s.longest[what][began], time.Since(s.last[key]))
		}
		delete(s.failing, key)
		s.last[key] = time.Now()
	}
}

// latencies are how long withdrawals took to be a no.
type latencies struct {
	mu  sync.Mutex
	all map[bool]map[string][]time.Duration // by whether it was quiet, and who said it
}

func (l *latencies) add(quietly bool, all []seen) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.all == nil {
		l.all = map[bool]map[string][]time.Duration{true: {}, false: {}}
	}
	for _, s := range all {
		l.all[quietly][s.what] = append(l.all[quietly][s.what], s.took)
	}
}

// recoveries are how long it took, after each kind of fault was healed, until all
// was well.
type recoveries struct{ all map[string][]time.Duration }

func (r *recoveries) add(name string, took time.Duration) {
	if r.all == nil {
		r.all = map[string][]time.Duration{}
	}
	r.all[name] = append(r.all[name], took)
}

// phaseNames are the rows of the tables.
func phaseNames() []string {
	return append(append([]string{quiet}, kinds()...), ownReplica, after)
}

// report is the table of a campaign.
func (c *campaign) report() string {
	var b strings.Builder
	fmt.Fprintf(&b, "\n%s. Load average at the start %s, at the end %s.\n", c.place.versions(c.t), c.load, load())
	verdict := map[bool]string{true: "are linearizable", false: "WERE NOT ALL RIGHT"}[!c.t.Failed()]
	fmt.Fprintf(&b, "Seed %d, %s, %d faults. %d persons' histories with %d calls, %d of them of unknown outcome, %s.\n\n",
		c.seed, time.Since(c.began).Round(time.Second), c.suffered(), c.judged.lives.Load(), c.judged.calls.Load(), c.judged.open.Load(), verdict)
	c.reportAnswers(&b)
	c.reportLatencies(&b)
	c.reportCauses(&b)
	return b.String()
}

// versions are those of what the campaign ran on.
func (p *place) versions(t *testing.T) string {
	t.Helper()
	client := redis.NewClient(&redis.Options{Addr: p.redis.Addr()})
	defer func() { _ = client.Close() }()
	info, err := client.Info(t.Context(), "server").Result()
	if err != nil {
		t.Error(err)
	}
	_, after, _ := strings.Cut(info, "redis_version:")
	version, _, _ := strings.Cut(after, "\r\n")
	return fmt.Sprintf("%s, NATS %s (three nodes, R3, sync always), Redis %s, three consentd, all on %d processors of %s/%s",
		runtime.Version(), p.nats.Connect(t, testserver.Admin).ConnectedServerVersion(), version, runtime.NumCPU(), runtime.GOOS, runtime.GOARCH)
}

// load is how busy the machine is; not every system says.
func load() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	first, _, _ := strings.Cut(string(text), " ")
	return first
}

func (c *campaign) suffered() (n int) {
	for _, all := range c.recovered.all {
		n += len(all)
	}
	return n
}

func (c *campaign) reportAnswers(b *strings.Builder) {
	b.WriteString("| phase | faults | decisions | no answer | fully consistent | no answer | longest | bounded | no answer | longest | older than 1 s | Go client | no answer | longest | well after |\n")
	b.WriteString("|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n")
	for _, name := range phaseNames() {
		fmt.Fprintf(b, "| %s | %s", name, count(len(c.recovered.all[name])))
		for _, what := range []string{whatDecide, whatFull, whatBounded, whatClient} {
			all, none := total(c.tally.all[what][name])
			fmt.Fprintf(b, " | %d | %s", all, share(none, all))
			if what != whatDecide {
				fmt.Fprintf(b, " | %s", short(c.spans.longest[what][name]))
			}
			if what == whatBounded {
				old, _ := total(c.tally.all[whatOld][name])
				fmt.Fprintf(b, " | %s", count(old))
			}
		}
		slowest := time.Duration(0)
		if all := c.recovered.all[name]; len(all) > 0 {
			slowest = slices.Max(all)
		}
		fmt.Fprintf(b, " | %s |\n", short(slowest))
	}
}

func (c *campaign) reportLatencies(b *strings.Builder) {
	b.WriteString("\n| from the acknowledgement of a withdrawal to a no | | withdrawals | p50 | p99 | max |\n|---|---|--:|--:|--:|--:|\n")
	for _, quietly := range []bool{true, false} {
		when := map[bool]string{true: quiet, false: "during faults and after"}[quietly]
		for _, what := range []string{whatBounded, whatClient, everywhere} {
			all := slices.Sorted(slices.Values(c.latencies.all[quietly][what]))
			if len(all) > 0 {
				fmt.Fprintf(b, "| %s | %s | %d | %s | %s | %s |\n", what, when, len(all), at(all, 50), at(all, 99), at(all, 100))
			}
		}
	}
}

func (c *campaign) reportCauses(b *strings.Builder) {
	b.WriteString("\n| phase | asked | no answer because of |\n|---|---|---|\n")
	for _, name := range phaseNames() {
		for _, what := range []string{whatDecide, whatFull, whatBounded, whatClient} {
			var causes []string
			for _, cause := range slices.Sorted(maps.Keys(c.tally.all[what][name])) {
				if cause != answered {
					causes = append(causes, fmt.Sprintf("%s %d", cause, c.tally.all[what][name][cause]))
				}
			}
			if len(causes) > 0 {
				fmt.Fprintf(b, "| %s | %s | %s |\n", name, what, strings.Join(causes, ", "))
			}
		}
	}
}

func total(by map[string]int) (all, none int) {
	for cause, n := range by {
		if all += n; cause != answered {
			none += n
		}
	}
	return all, none
}

func count(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprint(n)
}

func share(part, all int) string {
	if part == 0 {
		return ""
	}
	return fmt.Sprintf("%.2f %%", 100*float64(part)/float64(all))
}

func short(d time.Duration) string {
	if d == 0 {
		return ""
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}

// at is a quantile of sorted durations.
func at(sorted []time.Duration, percent int) string {
	i := min(len(sorted)*percent/100, len(sorted)-1)
	return fmt.Sprintf("%d ms", sorted[i].Milliseconds())
}

// describe is one line of a history.
func describe(op porcupine.Operation) string {
	from, to := time.Duration(op.Call), "never"
	if time.Duration(op.Return) < 1000*time.Hour {
		to = time.Duration(op.Return).String()
	}
	switch in := op.Input.(type) {
	case decided:
		return fmt.Sprintf("  %s to %s, client %d: all %v %v at %s\n", from, to, op.ClientId, in.all, in.choices, in.at.Format(time.StampNano))
	case asked:
		return fmt.Sprintf("  %s to %s, client %d: %v? %v\n", from, to, op.ClientId, in, op.Output)
	}
	return ""
}
