package conformance_test

import (
	"strings"
	"testing"

	fulfilmentv1 "habeas.internal/proto/gen/habeas/fulfilment/v1"
	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/systemtest/canary"
	"habeas.internal/services/systemtest/stack"

	"github.com/google/uuid"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
)

// storedHolder holds leave data.
func storedHolder(t testing.TB, s *stack.Stack) *holder {
	t.Helper()
	return newHolder(t, s, "qc-13", "leave-desk", "visitor.email", "visitor.name", "visitor.phone")
}

// storedSafely shows QC-13: values that exist nowhere else are entered, submitted,
// shown and erased, and are found in no packet, no file, no backup, not in Redis
// and in no log line; who speaks without TLS is not answered. The twin is what
// the person is shown: there the same search finds each of them.
func storedSafely(t *testing.T, w *world) {
	packets := canary.Listen(t, w.Ports())
	tenant := w.tenantOf(qceraTenant)
	w.schedule(tenant, qceraTenant)
	email := "planted-" + uuid.NewString() + "@people.example"
	phone := "+4930" + strings.Map(func(r rune) rune { return '0' + r%10 }, uuid.NewString()[:8])
	w.leave.joins(w, tenant)
	planted := []string{email}
	for _, value := range w.leave.plant(t, email) {
		planted = append(planted, value)
	}
	subject := w.Register(tenant, email)
	_, err := w.As(tenant, "product").Subjects.LinkIdentifier(stack.Deadline(t), &identityv1.LinkIdentifierRequest{
		RequestId: uuid.NewString(), SubjectRef: subject, Identifier: &identityv1.Identifier{Kind: identityv1.IdentifierKind_IDENTIFIER_KIND_PHONE, Value: phone},
	})
	if err != nil {
		t.Fatal(stack.Answer(err))
	}
	p := w.known(tenant, qceraTenant, subject)
	p.grants("customer_service.improve")
	p.decides(act{purpose: "mail.periodic", decision: "refused"}) // which outlives the erasure
	shown := w.asksEmployer(tenant, fulfilmentv1.Right_RIGHT_ACCESS, email)
	machines, people := w.forms(w.PackageByCase(tenant, shown.GetRequest()), []*holder{w.leave}) // QC-08: the request is the person's word for it
	for _, value := range planted {
		if !strings.Contains(machines, value) || !strings.Contains(people, value) {
			t.Errorf("the package lacks %q: there would be nothing to find", value)
		}
	}
	backup := w.Export() // while the person is known: their keys live
	w.asksEmployer(tenant, fulfilmentv1.Right_RIGHT_ERASURE, email)
	p.acts = append(p.acts, erasedFacts()...)
	places := map[string][]byte{
		"redis": canary.Dump(t, w.Redis.Addr()), "metrics": w.Metrics(), "logs": []byte(w.Logs.String()),
		"export": backup, "export after the erasure": w.Export(),
	}
	if captured := packets.Stop(); packets != nil {
		places["packets"] = captured
	}
	canary.Files(t, places, w.Dir, w.NATS.Dir())
	canary.Nowhere(t, append(planted, phone), places)
	w.plaintextRefused()
}

// plaintextRefused calls every service without TLS.
func (w *world) plaintextRefused() {
	w.Helper()
	for _, name := range stack.Names() {
		cc, err := grpc.NewClient(w.Conn(name, "").Target(), grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			w.Fatal(err)
		}
		_, err = healthv1.NewHealthClient(cc).Check(stack.Deadline(w), &healthv1.HealthCheckRequest{})
		if code, _, _ := stack.Answer(err); code != codes.Unavailable {
			w.Errorf("%s answers without TLS: %v", name, err)
		}
		if err := cc.Close(); err != nil {
			w.Error(err)
		}
		if _, err := healthv1.NewHealthClient(w.Conn(name, "")).Check(stack.Deadline(w), &healthv1.HealthCheckRequest{}); err != nil {
			w.Errorf("%s does not answer with TLS, so that this shows nothing: %v", name, err)
		}
	}
}
