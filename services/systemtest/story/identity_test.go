package story_test

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	fulfilmentv1 "habeas.internal/proto/gen/habeas/fulfilment/v1"
	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	retentionv1 "habeas.internal/proto/gen/habeas/retention/v1"
	"habeas.internal/services/internal/sqltest"
	"habeas.internal/services/internal/testwait"
	"habeas.internal/services/systemtest/canary"
	"habeas.internal/services/systemtest/stack"

	"github.com/google/uuid"
	"google.golang.org/grpc/codes"
)

// known are values of every kind by which people are known, each as it is given
// and what is recognised in however it is kept.
func known() map[identityv1.IdentifierKind][2]string {
	return map[identityv1.IdentifierKind][2]string{
		identityv1.IdentifierKind_IDENTIFIER_KIND_EMAIL:     {"Wq.Planted-7731@Quarkbottom.example", "planted-7731@quarkbottom"},
		identityv1.IdentifierKind_IDENTIFIER_KIND_PHONE:     {"+49 30 5550177", "+49305550177"},
		identityv1.IdentifierKind_IDENTIFIER_KIND_ACCOUNT:   {"acct-quark-9917355", "acct-quark-9917355"},
		identityv1.IdentifierKind_IDENTIFIER_KIND_DEVICE:    {"dev-quark-5517311", "dev-quark-5517311"},
		identityv1.IdentifierKind_IDENTIFIER_KIND_SSO:       {"https://login.example quark-sub-88231", "quark-sub-88231"},
		identityv1.IdentifierKind_IDENTIFIER_KIND_IDFA:      {"7d9f3a1e-5b0c-4d7e-9f11-aa55ee99c177", "7d9f3a1e-5b0c-4d7e-9f11-aa55ee99c177"},
		identityv1.IdentifierKind_IDENTIFIER_KIND_GAID:      {"1c2d77aa-90fe-4b1b-8e55-77cc10d3b5e9", "1c2d77aa-90fe-4b1b-8e55-77cc10d3b5e9"},
		identityv1.IdentifierKind_IDENTIFIER_KIND_COOKIE:    {"ck-plantedcookie-66120", "ck-plantedcookie-66120"},
		identityv1.IdentifierKind_IDENTIFIER_KIND_ANALYTICS: {"ga-plantedanalytics-5512", "ga-plantedanalytics-5512"},
	}
}

// registrar does identity's part of a story.
type registrar struct {
	*testing.T
	stack.Clients
}

func identifier(kind identityv1.IdentifierKind) *identityv1.Identifier {
	return &identityv1.Identifier{Kind: kind, Value: known()[kind][0]}
}

func (r registrar) must(what string, err error) {
	r.Helper()
	if err != nil {
		_, reason, field := stack.Answer(err)
		r.Fatalf("%s: %v (%s %s)", what, err, reason, field)
	}
}

func (r registrar) register(kinds ...identityv1.IdentifierKind) string {
	r.Helper()
	var all []*identityv1.Identifier
	for _, k := range kinds {
		all = append(all, identifier(k))
	}
	res, err := r.Subjects.RegisterSubject(stack.Deadline(r), &identityv1.RegisterSubjectRequest{RequestId: uuid.NewString(), Identifiers: all})
	r.must("register", err)
	return res.GetSubjectRef()
}

func (r registrar) link(subject string, value *identityv1.Identifier) error {
	_, err := r.Subjects.LinkIdentifier(stack.Deadline(r), &identityv1.LinkIdentifierRequest{
		RequestId: uuid.NewString(), SubjectRef: subject, Identifier: value,
	})
	return err
}

// lettersDataset describes the one system.
const lettersDataset = `dataset:
  - fides_key: letters
    collections:
      - name: letter
        fields:
          - {name: id, data_categories: [system.operations], fides_meta: {primary_key: true}}
          - {name: address, data_categories: [account.email], fides_meta: {identity: email}}
`

// TestNoValueOfIdentityIsInClear registers people by identifiers of every kind,
// links, unlinks, resolves, verifies, signs up, merges, unmerges and erases them,
// is refused in many ways, and then looks for the values in the packets between
// the services, in the log, the read models, logs, metrics, traces and files.
func TestNoValueOfIdentityIsInClear(t *testing.T) {
	s := stack.New(t)
	email := known()[identityv1.IdentifierKind_IDENTIFIER_KIND_EMAIL][0]
	letters := sqltest.SQLite(t, "CREATE TABLE letter (id INTEGER PRIMARY KEY, address TEXT)")
	letters.Run(t, "INSERT INTO letter (address) VALUES (?)", email)
	s.Connections[tenant+"/letters"] = letters.DSN
	s.Start()
	packets := canary.Listen(t, s.Ports())
	s.Tenant(tenant)
	s.Employ(tenant, "case.handling")
	s.Publish(tenant, policy, time.Now().Add(-24*time.Hour))
	testwait.For(t, 30*time.Second, func() error {
		_, err := s.As(tenant, "dpo").Retention.GetSchedule(stack.Deadline(t), &retentionv1.GetScheduleRequest{Policy: policy})
		return err
	})
	s.System(tenant, "letters", fulfilmentv1.ConnectorKind_CONNECTOR_KIND_SQLITE, []byte(lettersDataset))
	jane, john, answers := people(t, s)
	answers = append(answers, refused(t, s, john)...)
	texts := signsIn(t, s, jane, email)
	for _, right := range []fulfilmentv1.Right{fulfilmentv1.Right_RIGHT_ACCESS, fulfilmentv1.Right_RIGHT_ERASURE} {
		s.Closed(tenant, s.Ask(tenant, right, policy, email))
	}
	for _, l := range s.Mail.Mails(email) { // a code that was used is still nobody's business
		texts = append(texts, regexp.MustCompile(`\b[0-9]{8}\b`).FindAllString(l.Text, -1)...)
	}
	if len(texts) < 2 {
		t.Errorf("the codes of %d letters are known", len(texts))
	}
	res, err := s.As(tenant, "product").Subjects.GetSubject(stack.Deadline(t), &identityv1.GetSubjectRequest{SubjectRef: jane})
	if err != nil || res.GetState() != identityv1.SubjectState_SUBJECT_STATE_FORGOTTEN {
		t.Errorf("the erased person is %v, %v", res.GetState(), err)
	}
	places := map[string][]byte{"redis": canary.Dump(t, s.Redis.Addr()), "metrics": s.Metrics(), "answers": []byte(strings.Join(answers, "\n"))}
	if packets != nil {
		places["packets"] = packets.Stop()
	}
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	for _, v := range known() {
		texts = append(texts, v[0], v[1])
	}
	isNowhere(t, s, texts, places)
}

// people are registered, linked, signed up, merged and unmerged. It returns two
// of them, and what callers were answered.
func people(t *testing.T, s *stack.Stack) (jane, john string, answers []string) {
	t.Helper()
	r := registrar{t, s.As(tenant, "product", "verifier", "dpo", "agent", "intake")}
	jane = r.register(identityv1.IdentifierKind_IDENTIFIER_KIND_EMAIL, identityv1.IdentifierKind_IDENTIFIER_KIND_PHONE)
	john = r.register(identityv1.IdentifierKind_IDENTIFIER_KIND_ACCOUNT)
	for _, kind := range []identityv1.IdentifierKind{
		identityv1.IdentifierKind_IDENTIFIER_KIND_DEVICE, identityv1.IdentifierKind_IDENTIFIER_KIND_SSO,
		identityv1.IdentifierKind_IDENTIFIER_KIND_IDFA, identityv1.IdentifierKind_IDENTIFIER_KIND_GAID,
	} {
		r.must("link", r.link(john, identifier(kind)))
	}
	visit := r.register(identityv1.IdentifierKind_IDENTIFIER_KIND_COOKIE)
	r.register(identityv1.IdentifierKind_IDENTIFIER_KIND_ANALYTICS)
	purpose := func() context.Context { return stack.For(stack.Deadline(t), "case.handling") }
	for kind := range known() {
		res, err := r.Subjects.ResolveSubject(purpose(), &identityv1.ResolveSubjectRequest{Identifier: identifier(kind)})
		r.must("resolve", err)
		answers = append(answers, fmt.Sprint(res))
	}
	_, err := r.Merges.SignUp(stack.Deadline(t), &identityv1.SignUpRequest{RequestId: uuid.NewString(), AnonymousRef: visit, SubjectRef: jane})
	r.must("sign up", err)
	merged, err := r.Merges.MergeSubjects(purpose(), &identityv1.MergeSubjectsRequest{
		RequestId: uuid.NewString(), SubjectRef: jane, OtherRef: john, Evidence: "ticket:1",
	})
	r.must("merge", err)
	listed, err := r.Subjects.ListIdentifiers(purpose(), &identityv1.ListIdentifiersRequest{SubjectRef: jane})
	r.must("list identifiers", err)
	if len(listed.GetIdentifiers()) != 7 {
		t.Errorf("%d identifiers are shown of a merged person, want 7: the values have to be there before they can be looked for", len(listed.GetIdentifiers()))
	}
	undone, err := r.Merges.UnmergeSubjects(purpose(), &identityv1.UnmergeSubjectsRequest{
		RequestId: uuid.NewString(), SubjectRef: jane, Merge: merged.GetMerge(), Reason: "wrong_person",
	})
	r.must("unmerge", err)
	_, err = r.Subjects.UnlinkIdentifier(stack.Deadline(t), &identityv1.UnlinkIdentifierRequest{
		RequestId: uuid.NewString(), SubjectRef: john, Identifier: identifier(identityv1.IdentifierKind_IDENTIFIER_KIND_IDFA),
	})
	r.must("unlink", err)
	return jane, john, append(answers, fmt.Sprint(merged, undone))
}

// refused are answers to values that are not taken.
func refused(t *testing.T, s *stack.Stack, john string) []string {
	t.Helper()
	r := registrar{t, s.As(tenant, "product")}
	var answers []string
	for kind, v := range known() {
		for _, value := range []string{v[0], v[0] + "@@", strings.Repeat(v[0], 20), "\x01" + v[0], v[0] + " 4539 5787 6362 1486"} {
			err := r.link(john, &identityv1.Identifier{Kind: kind, Value: value})
			if err == nil {
				continue // what is the person's already, or is as good a value
			}
			answers = append(answers, fmt.Sprint(err))
			if code, reason, _ := stack.Answer(err); code == codes.Internal || reason == "" {
				t.Errorf("a value of kind %v is refused as %v %s", kind, code, reason)
			}
		}
	}
	for _, v := range known() {
		_, err := r.Subjects.GetSubject(stack.Deadline(t), &identityv1.GetSubjectRequest{SubjectRef: v[0]})
		_, failed := s.As("elsewhere").Subjects.GetSubject(stack.Deadline(t), &identityv1.GetSubjectRequest{SubjectRef: v[0]})
		answers = append(answers, fmt.Sprint(errors.Join(err, failed)))
	}
	if len(answers) < 20 {
		t.Errorf("%d refusals", len(answers))
	}
	return answers
}
