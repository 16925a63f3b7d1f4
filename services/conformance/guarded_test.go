package conformance_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	fulfilmentv1 "habeas.internal/proto/gen/habeas/fulfilment/v1"
	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/audit"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/jetstream"
	"habeas.internal/services/systemtest/stack"

	"github.com/google/uuid"
	"google.golang.org/grpc/codes"
)

// guarded shows CW-22, and PT-28 with its own tenant: what is altered, removed,
// read or destroyed without right is refused, or detected and named.
// The address by which its systems know people is of a category of its policy.
func guarded(tenant, address string) func(*testing.T, *world) {
	return func(t *testing.T, w *world) {
		email := uuid.NewString() + "@people.example"
		subject := w.Register(tenant, email)
		t.Run("read", func(t *testing.T) { w.of(t).readWithoutRight(tenant, subject) })
		t.Run("destroyed", func(t *testing.T) { w.of(t).destroyedWithoutRight(tenant, subject, email) })
		t.Run("erased", func(t *testing.T) { w.of(t).erasedByOneAlone(tenant, address) })
		t.Run("the log, by a service", func(t *testing.T) { w.of(t).changedByAService() })
		t.Run("the log, by who runs it", changedByTheAdministrator)
	}
}

// readWithoutRight asks for a person's identifiers as staff of another tenant,
// who may see people there; as staff who are not bound; and as nobody. Each is
// refused. Those who are known stand in the read log, without a value.
func (w *world) readWithoutRight(tenant, subject string) {
	other := "foreign-t" + uuid.NewString()[:8]
	w.Tenant(other)
	w.EmployNamed(other, "reader", "case.handling")
	w.EmployNamed(tenant, "reader", "case.handling")
	read := func(c stack.Clients) error {
		_, err := c.Subjects.ListIdentifiers(stack.For(stack.Deadline(w), "case.handling"), &identityv1.ListIdentifiersRequest{SubjectRef: subject})
		return err
	}
	unbound := "unbound-t" + uuid.NewString()[:8]
	for who, row := range map[string]struct {
		caller stack.Clients
		code   codes.Code
		tenant string
		actor  string
	}{
		"staff of another tenant": {w.Proven(other, "reader", "verifier"), codes.NotFound, other, "reader"},
		"staff who are not bound": {w.Proven(tenant, unbound, "verifier"), codes.PermissionDenied, tenant, unbound},
		"another role":            {w.Proven(tenant, unbound, "product"), codes.PermissionDenied, tenant, unbound},
		"nobody":                  {w.As(tenant), codes.Unauthenticated, "", ""},
	} {
		code, reason, _ := stack.Answer(read(row.caller))
		if code != row.code || reason == "" {
			w.Errorf("%s: %s %s, want %s", who, code, reason, row.code)
		}
		if row.actor == "" {
			continue
		}
		found := w.Reads(audit.ReadFilter{Tenant: row.tenant, Actor: row.actor})
		if !slices.ContainsFunc(found, func(r audit.Reading) bool { return r.Refusal == reason && len(r.Subjects) == 0 }) {
			w.Errorf("%s: the read log has %+v, and not the refusal %s", who, found, reason)
		}
	}
	if err := read(w.Proven(tenant, "reader", "verifier")); err != nil {
		w.Errorf("the twin, staff of the tenant who are bound: %v", err)
	}
	if found := w.Reads(audit.ReadFilter{Tenant: tenant, Actor: "reader", Subject: subject}); len(found) == 0 || found[0].Refusal != "" {
		w.Errorf("the read log has %+v of who was let in", found)
	}
}

// destroyedWithoutRight tries to erase a person without proof, from another
// tenant, and by the method that ends keys; and to off-board a tenant alone.
func (w *world) destroyedWithoutRight(tenant, subject, email string) {
	request := w.Submit(tenant, fulfilmentv1.Right_RIGHT_ERASURE, tenant, email)
	w.nothingBegun(tenant, request)
	keys := identityv1.NewKeyServiceClient(w.Conn("identity", w.Token(tenant, "somebody", "dpo", "key_admin", "platform_admin")))
	_, err := keys.DestroyKeys(stack.Deadline(w), &identityv1.DestroyKeysRequest{RequestId: uuid.NewString()})
	if code, reason, _ := stack.Answer(err); code != codes.PermissionDenied {
		w.Errorf("a person ends keys: %s %s, want PermissionDenied", code, reason)
	}
	leaving := "leaving-t" + uuid.NewString()[:8]
	w.Tenant(leaving)
	one := w.Proven(leaving, "officer", "platform_admin")
	_, err = one.Settings.UpdateSettings(stack.Deadline(w), &identityv1.UpdateSettingsRequest{
		RequestId: uuid.NewString(), Settings: &identityv1.Settings{DisplayName: "Leaving", TimeZone: "UTC", Approval: true},
	})
	if err != nil {
		w.Fatal(stack.Answer(err))
	}
	_, err = one.Tenants.OffboardTenant(stack.Deadline(w), &identityv1.OffboardTenantRequest{RequestId: uuid.NewString(), Tenant: leaving, Reason: "contract_ended"})
	if err != nil {
		w.Fatal(stack.Answer(err))
	}
	_, err = one.Tenants.ApproveOffboarding(stack.Deadline(w), &identityv1.ApproveOffboardingRequest{RequestId: uuid.NewString()})
	if code, reason, _ := stack.Answer(err); code != codes.FailedPrecondition || reason != "APPROVER_IS_AUTHOR" {
		w.Errorf("whoever asks for every key's end also approves it: %s %s", code, reason)
	}
	_, err = w.Proven(leaving, "approver", "approver").Tenants.ApproveOffboarding(stack.Deadline(w), &identityv1.ApproveOffboardingRequest{RequestId: uuid.NewString()})
	if err != nil {
		w.Errorf("the twin, a second person: %v", err)
	}
	res, err := w.As(tenant, "dpo").Subjects.GetSubject(stack.Deadline(w), &identityv1.GetSubjectRequest{SubjectRef: subject})
	if err != nil || res.GetState() != identityv1.SubjectState_SUBJECT_STATE_ACTIVE {
		w.Errorf("the person is %v, %v", res.GetState(), err)
	}
}

// erasedByOneAlone proves who asks, where the tenant wants a second person's word:
// nothing is touched before it, and whoever carries the request out can't give it.
func (w *world) erasedByOneAlone(policy, address string) {
	tenant := w.tenantOf(policy)
	w.schedule(tenant, policy)
	desk := *w.desk
	desk.address = address
	desk.joins(w, tenant)
	email := uuid.NewString() + "@people.example"
	desk.plant(w, email)
	officer := w.Proven(tenant, "officer", "dpo")
	got, err := officer.Settings.GetSettings(stack.Deadline(w), &identityv1.GetSettingsRequest{})
	if err != nil {
		w.Fatal(stack.Answer(err))
	}
	got.GetSettings().Approval = true
	_, err = officer.Settings.UpdateSettings(stack.Deadline(w), &identityv1.UpdateSettingsRequest{
		RequestId: uuid.NewString(), Revision: got.GetRevision(), Settings: got.GetSettings(),
	})
	if err != nil {
		w.Fatal(stack.Answer(err))
	}
	w.Register(tenant, email)
	request := w.Ask(tenant, fulfilmentv1.Right_RIGHT_ERASURE, policy, email)
	cases := func(name string, roles ...string) fulfilmentv1.CaseServiceClient {
		return fulfilmentv1.NewCaseServiceClient(w.Conn("fulfilment", w.ProofOf(tenant, name, roles...)))
	}
	var held *fulfilmentv1.GetCaseResponse
	w.Until(tenant, request, "waiting for a second person's word", func(*fulfilmentv1.Request) bool {
		held, err = cases("officer", "dpo").GetCase(stack.Deadline(w), &fulfilmentv1.GetCaseRequest{Request: request})
		return err == nil && held.GetApprovalAwaited()
	})
	digest := held.GetManifestDigest()
	for name, duty := range map[string]fulfilmentv1.Duty{"solo": fulfilmentv1.Duty_DUTY_FULFILLER, "second": fulfilmentv1.Duty_DUTY_APPROVER} {
		_, err = cases("officer", "dpo").AssignRequest(stack.Deadline(w), &fulfilmentv1.AssignRequestRequest{
			RequestId: uuid.NewString(), Request: request, Duty: duty, Staff: name,
		})
		if err != nil {
			w.Fatal(stack.Answer(err))
		}
	}
	approve := func(name string) error {
		_, err := cases(name, "approver", "agent").ApproveRequest(stack.Deadline(w), &fulfilmentv1.ApproveRequestRequest{
			RequestId: uuid.NewString(), Request: request, ManifestDigest: digest,
		})
		return err
	}
	if code, reason, _ := stack.Answer(approve("solo")); code == codes.OK || reason == "" {
		w.Errorf("whoever carries it out approves it: %s %s", code, reason)
	}
	if where := desk.db.Find(w.T, email); len(where) == 0 {
		w.Error("it was destroyed before a second person's word")
	}
	if err := approve("second"); err != nil {
		w.Fatal(stack.Answer(err))
	}
	w.Closed(tenant, request)
	if where := desk.db.Find(w.T, email); len(where) > 0 {
		w.Errorf("the twin, approved by a second person, left %v", where)
	}
}

// deskHolder holds those whose erasure waits for a second person, of either
// policy.
func deskHolder(t testing.TB, s *stack.Stack) *holder {
	t.Helper()
	return newHolder(t, s, "erased", "second-desk", "account.email")
}

// changedByAService uses the rights of one service against another's history.
func (w *world) changedByAService() {
	stream := jetstream.StreamName("identity", 0)
	for what, subject := range map[string]string{
		"appends":            "habeas.identity.00." + uuid.NewString(),
		"removes a message":  "$JS.API.STREAM.MSG.DELETE." + stream,
		"purges the stream":  "$JS.API.STREAM.PURGE." + stream,
		"deletes the stream": "$JS.API.STREAM.DELETE." + stream,
		"changes the stream": "$JS.API.STREAM.UPDATE." + stream,
		"writes to a vault":  "habeas.vault.00.key.x",
	} {
		if err := w.Attempt("consent", subject); err == nil || !strings.Contains(strings.ToLower(err.Error()), "permissions violation") {
			w.Errorf("consent %s: %v, want a violation that is named", what, err)
		}
	}
	if err := w.Attempt("consent", "$JS.API.STREAM.INFO."+jetstream.StreamName("consent", 0)); err != nil {
		w.Errorf("the twin, what every service may: %v", err)
	}
}

// changedByTheAdministrator does what nothing can refuse, each in an
// installation of its own: it is detected and named.
func changedByTheAdministrator(t *testing.T) {
	for what, row := range map[string]struct {
		harm func(*testing.T, *stack.Stack)
		want func(error) bool
	}{
		"nothing": {func(*testing.T, *stack.Stack) {}, func(err error) bool { return err == nil }},
		"a commit is removed": {func(t *testing.T, s *stack.Stack) {
			if err := s.Remove("identity"); err == nil || !strings.Contains(err.Error(), "delete not permitted") {
				t.Errorf("the servers say: %v", err)
			}
		}, func(err error) bool { return err == nil }},
		"a commit is altered": {func(_ *testing.T, s *stack.Stack) { s.Forge("identity") }, named},
		"a stream is removed": {func(_ *testing.T, s *stack.Stack) { s.RemoveAll("consent") }, named},
	} {
		t.Run(what, func(t *testing.T) {
			s := stack.New(t)
			for _, name := range []string{"identity", "consent"} {
				s.StartOne(name)
			}
			s.Tenant("acme")
			s.Publish("acme", caseworksTenant, time.Now().Add(-postedFor))
			s.Register("acme", uuid.NewString()+"@people.example")
			if err := s.Stop(); err != nil {
				t.Fatal(err)
			}
			row.harm(t, s)
			if err := s.Audited(); !row.want(err) {
				t.Errorf("an auditor says: %v", err)
			}
		})
	}
}

// named reports whether an error says what is wrong with the log, and where.
func named(err error) bool {
	reason, halt := es.HaltReason(err)
	return (halt && reason != "" || errors.Is(err, es.ErrMissingStream)) && !errors.Is(err, es.ErrUnavailable)
}
