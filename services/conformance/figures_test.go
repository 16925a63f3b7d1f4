package conformance_test

import (
	"strings"
	"testing"
	"time"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	"habeas.internal/services/audit"
	"habeas.internal/services/systemtest/stack"

	"github.com/google/uuid"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// table is a statistic of a tenant that is counted by its warehouse.
type table struct {
	w              *world
	tenant, policy string
	id             string
	acts           []string // as the log must tell them
}

func (w *world) table(tenant, policy string) *table {
	return &table{w: w, tenant: tenant, policy: policy, id: "t-" + strings.ReplaceAll(uuid.NewString(), "-", "")[:12]}
}

// counting is what the warehouse says of one group.
type counting struct {
	count, complement uint64
	category          string
	holds             []consentv1.IdentifyingValue
	unexamined        bool
}

func (s *table) counts(c counting) {
	s.w.Helper()
	_, err := s.w.As(s.tenant, "holder").Statistics.RecordCounts(stack.Deadline(s.w), &consentv1.RecordCountsRequest{
		RequestId: uuid.NewString(), Statistic: s.id, Counts: &consentv1.Counts{
			Cells:      []*consentv1.Cell{{Name: "everybody", Count: c.count, Complement: c.complement}},
			Categories: []string{c.category}, Identifiers: c.holds, Examined: !c.unexamined, CountedAt: timestamppb.New(time.Now().Add(-time.Second)),
		},
	})
	if err != nil {
		s.w.Fatal(stack.Answer(err))
	}
	s.acts = append(s.acts, "statistic.counted")
}

func (s *table) finding(until time.Time) {
	s.w.Helper()
	_, err := s.w.As(s.tenant, "dpo").Statistics.RecordDetermination(stack.Deadline(s.w), &consentv1.RecordDeterminationRequest{
		RequestId: uuid.NewString(), Statistic: s.id, Determination: &consentv1.Determination{
			Document: "finding:1", Expert: "expert:7", From: timestamppb.New(time.Now().Add(-48 * time.Hour)), Until: timestamppb.New(until),
		},
	})
	if err != nil {
		s.w.Fatal(stack.Answer(err))
	}
	s.acts = append(s.acts, "statistic.determined")
}

// leaves asks to let the figures go; without a reason they must.
func (s *table) leaves(what, reason string) {
	s.w.Helper()
	res, err := s.w.As(s.tenant, "product").Statistics.ReleaseStatistic(stack.Deadline(s.w), &consentv1.ReleaseStatisticRequest{
		RequestId: uuid.NewString(), Statistic: s.id, Policy: s.policy, Purpose: "aggregate.share", Category: "aggregate.usage",
	})
	code, got, _ := stack.Answer(err)
	switch {
	case reason == "" && (err != nil || len(res.GetCells()) != 1):
		s.w.Errorf("%s: %v %s, %v, want it to leave", what, code, got, res)
	case reason != "" && (code != codes.FailedPrecondition || got != reason):
		s.w.Errorf("%s: %v %s, want it kept back as %s", what, code, got, reason)
	}
	if reason == "" {
		s.acts = append(s.acts, "statistic.released")
	} else {
		s.acts = append(s.acts, "statistic.release_refused")
	}
}

// recorded holds the log against what was done.
func (s *table) recorded() {
	s.w.Helper()
	var got []string
	for _, e := range s.w.Replay(audit.Filter{Tenant: s.tenant}) {
		if e.Aggregate != "statistic" || e.ID != s.id {
			continue
		}
		for _, ev := range e.Events {
			got = append(got, ev.Type)
		}
	}
	if strings.Join(got, " ") != strings.Join(s.acts, " ") {
		s.w.Errorf("the log says %v, done was %v", got, s.acts)
	}
}

// groupsOnly shows CW-09.
func groupsOnly(t *testing.T, w *world) {
	const usage = "log.web_request"
	s := w.table(caseworksTenant, caseworksTenant)
	s.counts(counting{count: 9, complement: 1000, category: usage})
	s.leaves("a small group", "COHORT_TOO_SMALL")
	s.counts(counting{count: 1000, complement: 9, category: usage})
	s.leaves("all but a small group", "COHORT_TOO_SMALL")
	s.counts(counting{count: 100, complement: 100, category: usage})
	s.leaves("a large group, without anybody's consent", "")
	s.counts(counting{count: 104, complement: 200, category: usage})
	s.leaves("four more than before", "DIFFERENCE_TOO_SMALL")
	s.counts(counting{count: 110, complement: 110, category: usage})
	s.leaves("ten more than before", "")
	s.counts(counting{count: 500, complement: 500, category: "no.such.data"})
	s.leaves("made of what nobody knows", "CATEGORY_UNKNOWN")
	s.recorded()
	figuresOfOthers(w)
	bound := w.tenantOf(caseworksTenant, change{"aggregates: {minimum: 10,", "aggregates: {minimum: 5,"})
	twin := w.table(bound, caseworksTenant)
	twin.counts(counting{count: 9, complement: 1000, category: usage})
	twin.leaves("a group of nine where five are enough", "")
}

// figuresOfOthers: whoever wants to share can't say how many there are.
func figuresOfOthers(w *world) {
	w.Helper()
	_, err := w.As(caseworksTenant, "product").Statistics.RecordCounts(stack.Deadline(w), &consentv1.RecordCountsRequest{
		RequestId: uuid.NewString(), Statistic: "mine", Counts: &consentv1.Counts{
			Cells: []*consentv1.Cell{{Name: "everybody", Count: 1000, Complement: 1000}}, Categories: []string{"log.web_request"}, CountedAt: timestamppb.Now(),
		},
	})
	if code, reason, _ := stack.Answer(err); code != codes.PermissionDenied {
		w.Errorf("figures of who wants to share them: %v %s", code, reason)
	}
	p := w.stranger(caseworksTenant, caseworksTenant)
	a := ask{purpose: "aggregate.share", category: "aggregate.usage", source: "observed", cohort: 1000, complement: 1000}
	p.allowed("used among us", a, "AGGREGATED")
	a.action = "disclose"
	p.denied("given away with a number that the caller states", a, "FIGURES_NOT_COUNTED")
}

// nobodyInAggregates shows PT-14.
func nobodyInAggregates(t *testing.T, w *world) {
	const patient = "patient.information"
	large := counting{count: 5000, complement: 5000, category: patient}
	with := func(v ...consentv1.IdentifyingValue) counting {
		c := large
		c.holds = v
		return c
	}
	s := w.table(personnelTenant, personnelTenant)
	s.counts(counting{count: 5000, complement: 5000, category: patient, unexamined: true})
	s.leaves("patients' figures that nobody has searched", "IDENTIFIERS_NOT_EXAMINED")
	for v := range consentv1.IdentifyingValue_name {
		if v := consentv1.IdentifyingValue(v); v != 0 {
			s.counts(with(v))
			s.leaves("with "+v.String(), "IDENTIFIERS_PRESENT")
		}
	}
	s.finding(time.Now().Add(-time.Hour))
	s.leaves("by a finding that has ended", "DETERMINATION_ENDED")
	s.finding(time.Now().Add(time.Hour))
	s.leaves("by a finding that stands", "")
	s.counts(counting{count: 9, complement: 5000, category: patient})
	s.leaves("a small group, whatever the expert says", "COHORT_TOO_SMALL")
	s.recorded()
	clean := w.table(personnelTenant, personnelTenant)
	clean.counts(large)
	clean.leaves("patients' figures in which none of the eighteen stands", "")
	clean.recorded()
	lax := w.table(w.tenantOf(personnelTenant, change{"deidentify: true, ", ""}), personnelTenant)
	lax.counts(counting{count: 5000, complement: 5000, category: patient, unexamined: true})
	lax.leaves("unexamined where the policy does not ask for it", "")
}
