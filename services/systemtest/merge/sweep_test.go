package merge_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	fulfilmentv1 "habeas.internal/proto/gen/habeas/fulfilment/v1"
	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/audit"
	"habeas.internal/services/internal/es/jetstream"
	"habeas.internal/services/internal/testserver"
	"habeas.internal/services/internal/testwait"
	"habeas.internal/services/systemtest/stack"

	"github.com/google/uuid"
	natsjs "github.com/nats-io/nats.go/jetstream"
)

// patience is for what may take a loaded machine minutes.
const patience = 3 * time.Minute

// events counts the events of a type in the tenant's history.
func (w world) events(name string) (n int) {
	w.Helper()
	for _, e := range w.Replay(audit.Filter{Tenant: tenant}) {
		for _, ev := range e.Events {
			if ev.Type == name {
				n++
			}
		}
	}
	return n
}

// steal acknowledges everything that identity's process was given, or is to be.
func (w world) steal() {
	w.Helper()
	js, err := natsjs.New(w.NATS.Connect(w, testserver.Admin))
	if err != nil {
		w.Fatal(err)
	}
	for k := range w.In.Topology.Shards {
		stream := jetstream.StreamName("identity", k)
		c, err := js.Consumer(w.Context(), stream, fmt.Sprintf("identity-reactions-habeas_identity_%02x", k))
		if err != nil {
			w.Fatal(err)
		}
		testwait.For(w, patience, func() error { return empty(w.Context(), c) })
	}
}

func empty(ctx context.Context, c natsjs.Consumer) error {
	batch, err := c.FetchNoWait(256)
	if err != nil {
		return err
	}
	for m := range batch.Messages() {
		if err := m.DoubleAck(ctx); err != nil {
			return err
		}
	}
	info, err := c.Info(ctx)
	if err == nil && info.NumPending+uint64(info.NumAckPending) > 0 {
		err = errors.New("some are still to come")
	}
	return err
}

// stopped is what was begun and could not be done.
type stopped struct {
	request    string // an access request, whose code no mail service took
	erasure    string // of a child, which fulfilment was not there to take
	jane, rita string // one to be merged with John, and one to be separated from Rose
}

func (w world) stop(names ...string) {
	w.Helper()
	for _, name := range names {
		if err := w.StopOne(name); err != nil {
			w.Fatal(err)
		}
	}
}

// restart starts identity anew, with other settings.
func (w world) restart(settings ...string) {
	w.Helper()
	w.stop("identity")
	w.More = map[string][]string{"identity": settings}
	w.StartOne("identity")
}

// begin begins everything that may be left undone, each while somebody whom
// identity needs for it is away.
func (w world) begin() (out stopped) {
	w.Helper()
	out.jane, out.rita = w.Register(tenant, janes), w.Register(tenant, "rita@people.example")
	john, rose := w.Register(tenant, johns), w.Register(tenant, "rose@people.example")
	w.refuses(rose)
	merged := w.merge(out.rita, rose)
	w.answers(out.rita, "OPTED_OUT")
	child := w.registersUnder("qcera", "timmy@people.example")
	w.restart("HABEAS_SWEEP_EVERY=24h", "HABEAS_SMTP_ADDR=127.0.0.1:1")
	out.request = w.submits()
	testwait.For(w, patience, func() error {
		if w.events("verification.code_dispatched") == 0 {
			return errors.New("no code is under way")
		}
		return nil
	})
	w.stop("fulfilment")
	out.erasure = w.isChild(child)
	w.stop("retention", "consent")
	if _, err := w.merges(out.jane, john); err == nil {
		w.Error("merged without consent's knowing")
	}
	_, err := w.As(tenant, "dpo").Merges.UnmergeSubjects(stack.For(stack.Deadline(w), "case.identity"), &identityv1.UnmergeSubjectsRequest{
		RequestId: uuid.NewString(), SubjectRef: out.rita, Merge: merged, Reason: "wrong_person",
	})
	if err == nil {
		w.Error("separated without consent's knowing")
	}
	return out
}

// submits asks for access, and waits for whoever has to be found again.
func (w world) submits() (request string) {
	w.Helper()
	id := uuid.NewString()
	testwait.For(w, patience, func() error {
		res, err := w.As(tenant, "intake").Requests.SubmitRequest(stack.Deadline(w), &fulfilmentv1.SubmitRequestRequest{
			RequestId: id, Right: fulfilmentv1.Right_RIGHT_ACCESS, Policy: tenant, Channel: fulfilmentv1.RequestChannel_REQUEST_CHANNEL_WEB, Identifier: email(janes),
		})
		request = res.GetRequest()
		return err
	})
	return request
}

func (w world) registersUnder(policy, address string) string {
	w.Helper()
	res, err := w.As(tenant, "product").Subjects.RegisterSubject(stack.Deadline(w), &identityv1.RegisterSubjectRequest{
		RequestId: uuid.NewString(), Policy: policy, BirthDate: "1980-01-01", Identifiers: []*identityv1.Identifier{email(address)},
	})
	if err != nil {
		w.Fatal(err)
	}
	return res.GetSubjectRef()
}

// isChild records a document's date of birth, and returns the request for the
// erasure that it calls for.
func (w world) isChild(ref string) string {
	w.Helper()
	_, err := w.As(tenant, "verifier").Ages.RecordAge(stack.Deadline(w), &identityv1.RecordAgeRequest{
		RequestId: uuid.NewString(), SubjectRef: ref, Source: identityv1.AgeSource_AGE_SOURCE_DOCUMENT,
		BirthDate: time.Now().AddDate(-6, 0, 0).Format("2006-01-02"), Evidence: "case:7",
	})
	if err != nil {
		w.Fatal(err)
	}
	res, err := w.As(tenant, "product").Ages.GetAgeStatus(stack.Deadline(w), &identityv1.GetAgeStatusRequest{SubjectRef: ref})
	if err != nil || len(res.GetBlocks()) != 1 || res.GetBlocks()[0].GetRequest() == "" {
		w.Fatalf("blocks %v, %v", res.GetBlocks(), err)
	}
	return res.GetBlocks()[0].GetRequest()
}

// The twin is in the middle: nothing of what was begun is done by starting again.
func TestWhatAThiefAcknowledgesTheSweepDoes(t *testing.T) {
	w := newWorld(t)
	w.Publish(tenant, "qcera", time.Now().Add(-time.Hour))
	begun := w.begin()
	w.stop("identity")
	w.steal()
	for _, name := range []string{"consent", "retention", "fulfilment"} {
		w.StartOne(name)
	}
	w.restart("HABEAS_SWEEP_EVERY=24h")
	agent := w.As(tenant, "agent").Requests
	asked := func() error {
		_, err := agent.GetRequest(stack.Deadline(t), &fulfilmentv1.GetRequestRequest{Request: begun.erasure})
		return err
	}
	for event, want := range map[string]int{"subject.merge_completed": 1, "verification.code_sent": 0, "request.submitted": 1} {
		if n := w.events(event); n != want {
			t.Errorf("%s: %d times without the sweep: the test shows nothing", event, n)
		}
	}
	testwait.For(t, patience, func() error { return w.expect(begun.rita, "OPTED_OUT") })
	w.restart("HABEAS_SWEEP_EVERY=500ms", "HABEAS_SWEEP_AFTER=500ms")
	testwait.For(t, patience, func() error {
		if n := w.events("subject.merge_completed"); n < 2 {
			return errors.New("the merge is not done yet")
		}
		return errors.Join(asked(), w.expect(begun.rita, "NOT_OPTED_OUT"))
	})
	w.Verify(tenant, begun.request, janes, 0)
	w.Closed(tenant, begun.request)
	for event, want := range map[string]int{
		"subject.merged": 2, "subject.merge_completed": 2, "subject.separated": 1, "subject.merge_undone": 1, "subject.minor_blocked": 1,
		"verification.code_sent": 1, "request.submitted": 2,
	} {
		if n := w.events(event); n != want {
			t.Errorf("%s: %d times, want %d", event, n, want)
		}
	}
}
