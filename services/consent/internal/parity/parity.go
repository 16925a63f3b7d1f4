// Package parity is how hard it is to give consent and how hard it is to withdraw
// it: the steps and seconds that acts took, counted by policy, notice and
// channel, and their medians. GDPR Art. 7(3) wants withdrawing to be as easy.
//
// It counts acts and knows nobody.
package parity

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"habeas.internal/services/consent/person"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/readmodel"

	"github.com/redis/go-redis/v9"
)

// Model is the read model: a hash a policy, with a field for each number of
// steps or seconds that an act took, which counts those acts.
func Model(registry es.Registry[person.Event]) readmodel.Model {
	return readmodel.Model{Name: "parity", Version: 1, Project: func(r es.Recorded) ([]readmodel.Write, error) {
		if r.Aggregate.Type != person.AggregateType {
			return nil, nil
		}
		events, err := registry.DecodeAll(r.Commit)
		if err != nil {
			return nil, err
		}
		return count(r.Aggregate.Tenant, events), nil
	}}
}

// Kinds of acts and of what is measured, as they stand in fields.
const (
	give     = "give"
	withdraw = "withdraw"
	steps    = "steps"
	seconds  = "seconds"
)

// count is what the acts of one commit add: an act counts once for a policy,
// however many purposes it is about.
func count(tenant string, events []person.Event) []readmodel.Write {
	type act struct {
		policy, kind string
	}
	counted := map[act]bool{}
	var out []readmodel.Write
	add := func(policy, kind string, c person.Circumstances) {
		if counted[act{policy, kind}] {
			return
		}
		counted[act{policy, kind}] = true
		for what, n := range map[string]*uint32{steps: c.Steps, seconds: c.Seconds} {
			if n == nil {
				continue
			}
			f := strings.Join([]string{c.Notice, c.Channel, kind, what, strconv.FormatUint(uint64(rounded(*n)), 10)}, "/")
			out = append(out, readmodel.Write{Command: "HINCRBY", Key: key(tenant, policy), Args: []string{f, "1"}})
		}
	}
	for _, ev := range events {
		switch e := ev.(type) { //nolint:gochecksumtype // the others are no acts that anybody measures
		case person.DecisionRecorded:
			switch e.Decision.Status { //nolint:exhaustive // the others are neither
			case person.Given, person.Renewed:
				add(e.Policy, give, e.Circumstances)
			case person.Withdrawn:
				add(e.Policy, withdraw, e.Circumstances)
			}
		case person.AllWithdrawn:
			for _, t := range e.Purposes {
				add(t.Policy, withdraw, e.Circumstances)
			}
		}
	}
	slices.SortFunc(out, func(a, b readmodel.Write) int {
		return cmp.Or(cmp.Compare(a.Key, b.Key), cmp.Compare(a.Args[0], b.Args[0]))
	})
	return out
}

// rounded keeps two digits of a number from 100 on, so that a row has few fields.
func rounded(n uint32) uint32 {
	unit := uint32(1)
	for n/unit >= 100 {
		unit *= 10
	}
	return n / unit * unit
}

func key(tenant, policy string) string { return "parity:" + tenant + ":" + policy }

// Row is what was measured for one notice in one channel.
type Row struct {
	Notice, Channel   string
	Giving            Effort
	Withdrawing       Effort
	HarderToWithdraw  bool
	WithdrawalUnknown bool // something was given here, and no withdrawal was measured
}

// Effort is what acts took: medians, and how many acts there were.
type Effort struct {
	Steps, Seconds float64
	Acts           uint64 // of which steps or seconds are known
}

// Reports reads the model.
type Reports struct {
	Reader *readmodel.Reader
	Shards []es.Aggregate // one in each shard
}

// Report is what was measured under a policy, by notice and channel, not older
// than want.
func (r Reports) Report(ctx context.Context, tenant, policy string, want es.Token) ([]Row, error) {
	sums := map[string]uint64{}
	for _, shard := range r.Shards {
		var got *redis.MapStringStringCmd
		_, err := r.Reader.Read(ctx, shard, want, func(p redis.Pipeliner, of func(string) string) {
			got = p.HGetAll(ctx, of(key(tenant, policy)))
		})
		if err != nil {
			return nil, err
		}
		for field, text := range got.Val() {
			n, err := strconv.ParseUint(text, 10, 64)
			if err != nil {
				return nil, fmt.Errorf("read count of acts: %w", err)
			}
			sums[field] += n
		}
	}
	return rows(sums)
}

// measured is how many acts took how much.
type measured map[uint64]uint64

// place is a notice in a channel.
type place struct{ notice, channel string }

func rows(sums map[string]uint64) ([]Row, error) {
	places := map[place]map[string]measured{}
	for field, n := range sums {
		parts := strings.Split(field, "/")
		if len(parts) != 5 {
			return nil, fmt.Errorf("field %q of the parity model: %w", field, es.ErrUnprojectable)
		}
		took, err := strconv.ParseUint(parts[4], 10, 32)
		if err != nil {
			return nil, fmt.Errorf("field of the parity model: %w", err)
		}
		at, what := place{parts[0], parts[1]}, parts[2]+"/"+parts[3]
		if places[at] == nil {
			places[at] = map[string]measured{}
		}
		if places[at][what] == nil {
			places[at][what] = measured{}
		}
		places[at][what][took] += n
	}
	var out []Row
	for at, m := range places {
		r := Row{Notice: at.notice, Channel: at.channel, Giving: effort(m, give), Withdrawing: effort(m, withdraw)}
		r.WithdrawalUnknown = r.Giving.Acts > 0 && r.Withdrawing.Acts == 0
		r.HarderToWithdraw = harder(r.Giving.Steps, r.Withdrawing.Steps) || harder(r.Giving.Seconds, r.Withdrawing.Seconds)
		out = append(out, r)
	}
	slices.SortFunc(out, func(a, b Row) int {
		return cmp.Or(cmp.Compare(a.Notice, b.Notice), cmp.Compare(a.Channel, b.Channel))
	})
	return out, nil
}

// harder compares two medians; one that is not known compares with nothing.
func harder(giving, withdrawing float64) bool { return withdrawing > giving }

func effort(m map[string]measured, kind string) Effort {
	byStep, bySecond := m[kind+"/"+steps], m[kind+"/"+seconds]
	return Effort{Steps: byStep.median(), Seconds: bySecond.median(), Acts: max(byStep.acts(), bySecond.acts())}
}

func (m measured) acts() (n uint64) {
	for _, acts := range m {
		n += acts
	}
	return n
}

// median of nothing is not a number.
func (m measured) median() float64 {
	all := m.acts()
	if all == 0 {
		return math.NaN()
	}
	took := make([]uint64, 0, len(m))
	for n := range m {
		took = append(took, n)
	}
	slices.Sort(took)
	nth := func(i uint64) uint64 {
		for _, n := range took {
			if i < m[n] {
				return n
			}
			i -= m[n]
		}
		return took[len(took)-1]
	}
	return float64(nth((all-1)/2)+nth(all/2)) / 2
}
