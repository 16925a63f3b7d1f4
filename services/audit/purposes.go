package audit

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	accessv1 "habeas.internal/proto/gen/habeas/access/v1"
	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	fulfilmentv1 "habeas.internal/proto/gen/habeas/fulfilment/v1"

	"go.yaml.in/yaml/v3"
)

// UseFilter says which uses of data to hold against the policies. The zero value is
// all of them.
type UseFilter struct {
	Tenant string
	// From and Until bound when data was used; both included, zero for no bound. A
	// use that a system declares is used as long as it stands.
	From, Until time.Time
}

// The kinds of uses that the log tells of.
const (
	UseDisclosure  = "disclosure"  // to a recipient, from the register
	UseStatistic   = "statistic"   // released to a recipient
	UseReading     = "reading"     // by staff, from the read log
	UseDeclaration = "declaration" // that a system declares, in its description
)

// Use is a use of data outside of what the policy that decides on it describes.
type Use struct {
	At       time.Time `json:"at"`
	Kind     string    `json:"kind"`
	Tenant   string    `json:"tenant"`
	Who      string    `json:"who"` // the recipient, the actor's id in the log, or the system
	Purpose  string    `json:"purpose"`
	Category string    `json:"category"` // of a reading: the class of data that was read
	Policy   string    `json:"policy,omitempty"`
	Version  uint32    `json:"version,omitempty"`
	Clause   string    `json:"clause,omitempty"` // that draws the line
	Why      string    `json:"why"`
	Stream   string    `json:"stream"`
	Sequence uint64    `json:"sequence"`
}

// UseSummary says what was held against the policies.
type UseSummary struct {
	Summary

	// Judged is how many pairs of a purpose and a kind of data were, Outside how
	// many of them are shown.
	Judged  uint64 `json:"uses_judged"`
	Outside uint64 `json:"uses_outside"`
}

// Purposes shows each recorded use of data for a purpose that the policy does not
// describe for that kind of data: what was disclosed, which figures were released,
// what staff looked at for a purpose of their own, and what systems declare. What is
// done for a case or under a break-glass grant has a record of its own and is not
// judged here. Each is held against the version that decided, by its own record, or
// that was in force. It asks no service. Declared uses come last.
func (a *Auditor) Purposes(ctx context.Context, f UseFilter, show func(Use) error) (UseSummary, error) {
	j := &judge{filter: f, show: show, tenants: map[string]matrices{}, counted: map[string]map[uint32][]string{}, systems: map[string]declared{}, seen: map[string]bool{}}
	var err error
	j.out.Summary, err = a.Replay(ctx, Filter{Tenant: f.Tenant}, j.entry)
	if err == nil {
		err = j.declarations()
	}
	return j.out, err
}

// judge goes through the log once.
type judge struct {
	filter  UseFilter
	show    func(Use) error
	out     UseSummary
	tenants map[string]matrices
	counted map[string]map[uint32][]string // categories of counts, by their aggregate
	systems map[string]declared            // newest description of each that stands
	seen    map[string]bool                // readings, which may be written twice
}

func (j *judge) entry(e Entry) error {
	if j.tenants[e.Tenant] == nil {
		j.tenants[e.Tenant] = matrices{}
	}
	for _, ev := range e.Events {
		if ev.message == nil {
			continue
		}
		if err := j.event(e, ev.message.Interface()); err != nil {
			return fmt.Errorf("judge %s %d: %w", e.Stream, e.Sequence, err)
		}
	}
	return nil
}

func (j *judge) event(e Entry, message any) error {
	of := Use{Tenant: e.Tenant, Stream: e.Stream, Sequence: e.Sequence}
	aggregate := e.Tenant + "/" + e.ID
	switch m := message.(type) {
	case *consentv1.PolicyPublished:
		return j.tenants[e.Tenant].publish(m)
	case *consentv1.PolicyPosted:
		j.tenants[e.Tenant].post(m)
	case *consentv1.Disclosed:
		of.Kind, of.At, of.Who, of.Policy, of.Version, of.Purpose = UseDisclosure, m.GetAt().AsTime(), m.GetRecipient(), m.GetPolicy(), m.GetVersion(), m.GetPurpose()
		return j.pairs(of, m.GetCategories())
	case *consentv1.StatisticCounted:
		if j.counted[aggregate] == nil {
			j.counted[aggregate] = map[uint32][]string{}
		}
		j.counted[aggregate][m.GetNumber()] = m.GetCategories()
	case *consentv1.StatisticReleased:
		of.Kind, of.At, of.Who, of.Policy, of.Version, of.Purpose = UseStatistic, m.GetAt().AsTime(), m.GetRecipient(), m.GetPolicy(), m.GetVersion(), m.GetPurpose()
		return j.pairs(of, j.counted[aggregate][m.GetCounts()])
	case *accessv1.ReadAllowed:
		return j.reading(of, m.GetReading())
	case *fulfilmentv1.SystemRegistered:
		if j.filter.Until.IsZero() || !m.GetAt().AsTime().After(j.filter.Until) {
			j.systems[aggregate] = declared{use: of, system: m.GetSystem(), at: m.GetAt().AsTime(), dataset: m.GetDataset()}
		}
	case *fulfilmentv1.SystemRetired:
		if j.filter.Until.IsZero() || !m.GetAt().AsTime().After(j.filter.Until) {
			delete(j.systems, aggregate)
		}
	}
	return nil
}

func (j *judge) in(at time.Time) bool {
	return !at.Before(j.filter.From) && (j.filter.Until.IsZero() || !at.After(j.filter.Until))
}

// pairs judges a use that names its policy.
func (j *judge) pairs(of Use, categories []string) error {
	if !j.in(of.At) {
		return nil
	}
	v, ok := j.tenants[of.Tenant].at(of.Policy, of.Version, of.At)
	if len(categories) == 0 {
		categories = []string{""} // of which no policy knows anything
	}
	for _, c := range categories {
		of.Category = c
		said := verdict{why: whyNoPolicy}
		if ok {
			said = v.judge(of.Purpose, c)
		}
		if err := j.say(of, said); err != nil {
			return err
		}
	}
	return nil
}

func (j *judge) say(of Use, said verdict) error {
	j.out.Judged++
	if said.why == "" {
		return nil
	}
	j.out.Outside++
	of.Why, of.Clause = said.why, said.clause
	return j.show(of)
}

// reading judges what somebody looked at. Who looks names no policy: one that
// describes the purpose is enough.
func (j *judge) reading(of Use, r *accessv1.Reading) error {
	of.At = r.GetAt().AsTime()
	if j.seen[r.GetReadingId()] {
		return nil
	}
	j.seen[r.GetReadingId()] = true
	if r.GetActor() == "" || r.GetPurpose() == "" || r.GetCaseId() != "" || r.GetBreakGlass() != "" || !j.in(of.At) {
		return nil
	}
	of.Kind, of.Who, of.Purpose = UseReading, r.GetActor(), r.GetPurpose()
	of.Category = strings.ToLower(strings.TrimPrefix(r.GetReads().String(), "DATA_CLASS_"))
	return j.any(of, of.At, func(v version) verdict {
		if v.describes(of.Purpose) {
			return verdict{}
		}
		return verdict{whyPurpose, v.doc.Undescribed.Clause}
	})
}

// any judges by every policy in force: inside one is inside. Outside all, the first
// that knows the data names the clause.
func (j *judge) any(of Use, at time.Time, by func(version) verdict) error {
	said := verdict{why: whyNoPolicy}
	for _, id := range slices.Sorted(maps.Keys(j.tenants[of.Tenant])) {
		v, ok := j.tenants[of.Tenant].at(id, 0, at)
		if !ok {
			continue
		}
		one := by(v)
		if one.why == "" {
			return j.say(of, one)
		}
		if said.why == whyNoPolicy || said.why == whyCategory && one.why != whyCategory {
			said, of.Policy, of.Version = one, id, v.number
		}
	}
	return j.say(of, said)
}

// declared is the description of a system.
type declared struct {
	use     Use
	system  string
	at      time.Time
	dataset []byte
}

// declaration are the uses that fideslang has a system declare.
type declaration struct {
	Declarations []struct {
		DataUse        string   `yaml:"data_use"`
		DataCategories []string `yaml:"data_categories"`
	} `yaml:"privacy_declarations"`
}

// declarations judges what systems declare that stand, by what is in force at the
// end.
func (j *judge) declarations() error {
	end := j.filter.Until
	if end.IsZero() {
		end = time.Now()
	}
	order := slices.SortedFunc(maps.Values(j.systems), func(a, b declared) int {
		return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.use.Tenant, b.use.Tenant), cmp.Compare(a.system, b.system))
	})
	for _, d := range order {
		var doc struct {
			System []declaration `yaml:"system"`
		}
		of := d.use
		of.Kind, of.At, of.Who = UseDeclaration, d.at, d.system
		if err := yaml.Unmarshal(d.dataset, &doc); err != nil { // one that can't be read hides no other
			if err := j.say(of, verdict{why: whyUnreadable}); err != nil {
				return err
			}
			continue
		}
		for _, one := range doc.System {
			for _, p := range one.Declarations {
				if len(p.DataCategories) == 0 {
					p.DataCategories = []string{""}
				}
				for _, c := range p.DataCategories {
					of.Purpose, of.Category = p.DataUse, c
					if err := j.any(of, end, func(v version) verdict { return v.declares(p.DataUse, c) }); err != nil {
						return err
					}
				}
			}
		}
	}
	return nil
}
