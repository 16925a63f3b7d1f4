package audit_test

import (
	"crypto/rand"
	"fmt"
	"io/fs"
	mathrand "math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	fulfilmentv1 "habeas.internal/proto/gen/habeas/fulfilment/v1"
	optionsv1 "habeas.internal/proto/gen/habeas/options/v1"
	"habeas.internal/services/audit"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/jetstream"
	"habeas.internal/services/internal/es/jetstream/jstest"
	"habeas.internal/services/internal/policydoc"
	"habeas.internal/services/internal/readlog"
	"habeas.internal/services/internal/rpc"
	"habeas.internal/services/internal/testserver"

	"google.golang.org/protobuf/types/known/timestamppb"
)

// uses is a log that tells of uses, with what a test knows of each itself.
type uses struct {
	*testing.T
	*history

	reads *readlog.Log
	posts time.Time
	want  []string // that lie outside
}

func newUses(t *testing.T) *uses {
	t.Helper()
	server := testserver.NATS(t)
	in := jstest.New(t, 2, 1, "consent", "fulfilment", jetstream.ContextAccess)
	in.Provision(t, server.Connect(t, testserver.Admin))
	log := in.Open(t, server.Connect(t, testserver.Admin))
	reads, err := readlog.New(readlog.Config{Store: log, Service: "identity", Random: rand.Reader})
	if err != nil {
		t.Fatal(err)
	}
	return &uses{T: t, history: &history{log: log, heads: map[es.Aggregate]es.Head{}}, reads: reads, posts: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
}

// publish puts a published policy in force a month after the one before.
func (u *uses) publish(tenant, policy string, number uint32, change ...string) policydoc.Document {
	u.Helper()
	b, err := fs.ReadFile(policydoc.Published(), policy+".yaml")
	if err != nil {
		u.Fatal(err)
	}
	text := strings.NewReplacer(change...).Replace(string(b))
	doc, err := policydoc.Read([]byte(text))
	if err != nil {
		u.Fatal(err)
	}
	at := timestamppb.New(u.posts.AddDate(0, int(number)-1, 0))
	agg := es.Aggregate{Context: "consent", Tenant: tenant, Type: "policy", ID: policy}
	u.write(u, agg, "policy.published", &consentv1.PolicyPublished{Policy: policy, Version: number, Document: []byte(text), EffectiveAt: at, RecordedAt: at})
	u.write(u, agg, "policy.posted", &consentv1.PolicyPosted{Policy: policy, Version: number, PostedAt: at, RecordedAt: at})
	return doc
}

// discloses writes a disclosure of one kind of data into somebody's register.
func (u *uses) discloses(tenant, policy string, version uint32, purpose string, at time.Time, categories ...string) {
	u.Helper()
	u.write(u, es.Aggregate{Context: "consent", Tenant: tenant, Type: "disclosure", ID: id(u)}, "disclosure.disclosed", &consentv1.Disclosed{
		Number: 1, Recipient: "acme-mail", Policy: policy, Version: version, Purpose: purpose, Categories: categories, At: timestamppb.New(at),
	})
}

// outside are the uses that the report shows, and how many were judged.
func (u *uses) outside(f audit.UseFilter) (out []string, judged uint64) {
	u.Helper()
	s, err := audit.New(u.log, []string{"consent", "fulfilment", jetstream.ContextAccess}).Purposes(u.Context(), f, func(one audit.Use) error {
		if one.Sequence == 0 || one.At.IsZero() {
			u.Errorf("%+v says not where it stands", one)
		}
		out = append(out, fmt.Sprint(one.Kind, " ", one.Tenant, " ", one.Who, " ", one.Purpose, " ", one.Category, " ", one.Policy, " ", one.Version, " ", one.Clause, " ", one.Why))
		return nil
	})
	if err != nil || !s.Verified || int(s.Outside) != len(out) {
		u.Fatalf("%+v, %v, %d shown", s, err, len(out))
	}
	return out, s.Judged
}

// The policy's list decides, as the test reads it itself: 400 disclosures at random
// of the pairs that it has and has not. What is expected is written down where each is
// made.
func TestEachUseOutsideTheMatrixIsListedAndNoOther(t *testing.T) {
	u := newUses(t)
	docs := map[string]policydoc.Document{
		"personnel-technology": u.publish("t1", "personnel-technology", 1), "qcera": u.publish("t1", "qcera", 1),
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := mathrand.New(mathrand.NewPCG(seed, 1)) //nolint:gosec // no secret
	judged := uint64(0)
	for range 400 {
		policy := []string{"personnel-technology", "qcera"}[random.IntN(2)]
		d := docs[policy]
		p, at := d.Purposes[random.IntN(len(d.Purposes))], u.posts.Add(time.Duration(1+random.IntN(1000))*time.Hour)
		var categories []string
		for range 1 + random.IntN(3) {
			c := d.Categories[random.IntN(len(d.Categories))].ID
			categories = append(categories, c)
			if !slices.Contains(p.Categories, c) {
				u.want = append(u.want, fmt.Sprint("disclosure t1 acme-mail ", p.ID, " ", c, " ", policy, " 1 ", d.Matrix.Clause, " PURPOSE_NOT_FOR_CATEGORY"))
			}
			judged++
		}
		u.discloses("t1", policy, 1, p.ID, at, categories...)
	}
	got, n := u.outside(audit.UseFilter{})
	slices.Sort(got)
	slices.Sort(u.want)
	if n != judged || !slices.Equal(got, u.want) {
		t.Errorf("%d of %d are outside, want %d of %d", len(got), n, len(u.want), judged)
	}
	if got, n := u.outside(audit.UseFilter{Tenant: "t2"}); n != 0 || len(got) != 0 {
		t.Errorf("of another tenant: %v", got)
	}
	if got, n := u.outside(audit.UseFilter{Until: u.posts}); n != 0 || len(got) != 0 {
		t.Errorf("before all: %v", got)
	}
}

func TestAUseIsJudgedByTheVersionThatDecided(t *testing.T) {
	u := newUses(t)
	const listed, without = "    categories: [personal.email, personal.mobile_phone]\n    features: [release_news]", "    categories: [personal.email]\n    features: [release_news]"
	u.publish("t1", "personnel-technology", 1)
	u.publish("t1", "personnel-technology", 2, "\nversion: 1\n", "\nversion: 2\n", listed, without)
	later := u.posts.AddDate(0, 2, 0)
	u.discloses("t1", "personnel-technology", 1, "mail.updates", later, "personal.mobile_phone")           // collected under the first
	u.discloses("t1", "personnel-technology", 2, "mail.updates", later, "personal.mobile_phone")           // outside
	u.discloses("t1", "personnel-technology", 2, "mail.updates", u.posts.Add(time.Hour), "personal.email") // before the second was in force
	u.discloses("t1", "personnel-technology", 2, "ground.law", later, "personal.email")
	u.discloses("t1", "personnel-technology", 2, "ground.whim", later, "personal.email")
	u.discloses("t1", "personnel-technology", 2, "profile.sell", later, "personal.email")
	u.discloses("t1", "personnel-technology", 2, "mail.updates", later, "personal.shoe_size")
	u.discloses("t1", "nothing", 1, "mail.updates", later, "personal.email")
	u.discloses("t1", "personnel-technology", 2, "mail.updates", later) // of what, it says not
	statistic := es.Aggregate{Context: "consent", Tenant: "t1", Type: "statistic", ID: "visits"}
	u.write(t, statistic, "statistic.counted", &consentv1.StatisticCounted{Number: 1, Categories: []string{"aggregate.usage"}})
	u.write(t, statistic, "statistic.counted", &consentv1.StatisticCounted{Number: 2, Categories: []string{"usage.pages"}})
	for _, counts := range []uint32{1, 2} {
		u.write(t, statistic, "statistic.released", &consentv1.StatisticReleased{
			Counts: counts, Policy: "personnel-technology", Version: 2, Purpose: "aggregate.share", Recipient: "press", At: timestamppb.New(later),
		})
	}
	got, judged := u.outside(audit.UseFilter{})
	want := []string{
		"disclosure t1 acme-mail mail.updates personal.mobile_phone personnel-technology 2 PT-24 PURPOSE_NOT_FOR_CATEGORY",
		"disclosure t1 acme-mail mail.updates personal.email personnel-technology 2  POLICY_NOT_IN_FORCE",
		"disclosure t1 acme-mail ground.whim personal.email personnel-technology 2 PT-10 GROUND_UNKNOWN",
		"disclosure t1 acme-mail profile.sell personal.email personnel-technology 2 PT-24 PURPOSE_NOT_DESCRIBED",
		"disclosure t1 acme-mail mail.updates personal.shoe_size personnel-technology 2 PT-24 CATEGORY_UNKNOWN",
		"disclosure t1 acme-mail mail.updates personal.email nothing 1  POLICY_NOT_IN_FORCE",
		"disclosure t1 acme-mail mail.updates  personnel-technology 2 PT-24 CATEGORY_UNKNOWN",
		"statistic t1 press aggregate.share usage.pages personnel-technology 2 PT-24 PURPOSE_NOT_FOR_CATEGORY",
	}
	slices.Sort(got) // of several streams
	slices.Sort(want)
	if !slices.Equal(got, want) || judged != 11 {
		t.Errorf("of %d:\n%s\nwant\n%s", judged, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestWhatStaffLookAtWithoutACaseAndWhatSystemsDeclareIsJudgedToo(t *testing.T) {
	u := newUses(t)
	u.publish("t1", "qcera", 1)
	at := u.posts.AddDate(0, 0, 7)
	vera := rpc.ActorID("t1", "vera")
	for _, r := range []rpc.Read{
		{Purpose: "customer_service.improve", Actor: vera},
		{Purpose: "ground.personal_safety", Actor: vera},
		{Purpose: "curiosity", Actor: vera}, // outside
		{Purpose: "curiosity", Actor: vera, Case: "case-1"},
		{Purpose: "curiosity", Actor: vera, BreakGlass: "g"},
		{Purpose: "curiosity", Service: "fulfilment"},
		{Purpose: "curiosity", Actor: vera, Refusal: "NEED_MISSING", Count: 1},
	} {
		r.At, r.Tenant, r.Method, r.Class = at, "t1", "/a.B/C", optionsv1.DataClass_DATA_CLASS_PERSONAL
		if r.Refusal == "" {
			r.Refs = []string{"jane"}
		}
		if err := u.reads.Record(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	desk := es.Aggregate{Context: "fulfilment", Tenant: "t1", Type: "system", ID: "desk"}
	describe := func(use string, categories string) {
		u.write(t, desk, "system.registered", &fulfilmentv1.SystemRegistered{System: "desk", At: timestamppb.New(at), Dataset: []byte(
			"dataset: []\nsystem:\n  - fides_key: desk\n    privacy_declarations:\n      - {name: n, data_use: " + use + ", data_categories: [" + categories + "]}\n")})
	}
	const reading = "reading t1 %s curiosity personal qcera 1 QC-15 PURPOSE_NOT_DESCRIBED"
	for _, tc := range []struct {
		name, use, categories string
		want                  []string
	}{
		{"inside", "mail.periodic", "visitor.email", nil},
		{"in fideslang's words", "mail.periodic", "user.contact.email", nil},
		{"another kind of data", "mail.periodic", "visitor.email, visitor.phone", []string{"declaration t1 desk mail.periodic visitor.phone qcera 1 QC-15 PURPOSE_NOT_FOR_CATEGORY"}},
		{"of nothing in particular", "mail.periodic", "", []string{"declaration t1 desk mail.periodic  qcera 1 QC-11 CATEGORY_UNKNOWN"}},
		{"another use", "marketing.advertising", "user.contact.email", []string{"declaration t1 desk marketing.advertising user.contact.email qcera 1 QC-15 PURPOSE_NOT_DESCRIBED"}},
	} {
		describe(tc.use, tc.categories) // takes the place of the one before
		got, _ := u.outside(audit.UseFilter{Tenant: "t1"})
		if want := append([]string{fmt.Sprintf(reading, vera)}, tc.want...); !slices.Equal(got, want) {
			t.Errorf("%s:\n%s\nwant\n%s", tc.name, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
	broken := es.Aggregate{Context: "fulfilment", Tenant: "t1", Type: "system", ID: "a-desk"}
	u.write(t, broken, "system.registered", &fulfilmentv1.SystemRegistered{System: "a-desk", At: timestamppb.New(at), Dataset: []byte("dataset: []\nsystem: none\n")})
	got, _ := u.outside(audit.UseFilter{Tenant: "t1"})
	if want := []string{"declaration t1 a-desk    0  DESCRIPTION_UNREADABLE", "declaration t1 desk marketing.advertising user.contact.email qcera 1 QC-15 PURPOSE_NOT_DESCRIBED"}; len(got) != 3 || !slices.Equal(got[1:], want) {
		t.Errorf("beside a system whose description can't be read: %v", got)
	}
	u.write(t, broken, "system.retired", &fulfilmentv1.SystemRetired{At: timestamppb.New(at)})
	u.write(t, desk, "system.retired", &fulfilmentv1.SystemRetired{At: timestamppb.New(at)})
	if got, _ := u.outside(audit.UseFilter{}); len(got) != 1 {
		t.Errorf("after the system was retired: %v", got)
	}
}
