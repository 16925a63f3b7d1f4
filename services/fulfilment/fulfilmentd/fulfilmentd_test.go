package fulfilmentd_test

import (
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	fulfilmentv1 "habeas.internal/proto/gen/habeas/fulfilment/v1"
	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/fulfilment/internal/fake"
	"habeas.internal/services/internal/rpc/client"
	"habeas.internal/services/internal/testwait"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

const (
	key1 = "00000000-0000-4000-8000-000000000001"
	key2 = "00000000-0000-4000-8000-000000000002"
	key3 = "00000000-0000-4000-8000-000000000003"
)

// patience is longer than anything here takes.
const patience = 20 * time.Second

var (
	errNotPassed    = errors.New("the right code did not pass")
	errNotExplained = errors.New("the request does not say what it waits for")
)

// register makes the shop known.
func register(t *testing.T, c api) {
	t.Helper()
	got, err := c.RegisterSystem(deadline(t), &fulfilmentv1.RegisterSystemRequest{RequestId: key1, System: &fulfilmentv1.System{
		System: "shop", Connector: fulfilmentv1.ConnectorKind_CONNECTOR_KIND_SQLITE, Connection: "shop-db", Region: "us",
		BackupDays: 30, Dataset: []byte(shopDataset),
	}})
	if err != nil || got.GetVersion() != 1 {
		t.Fatalf("register: %v, error %v", got, err)
	}
}

// ask submits a request of Jane's and proves that it is hers.
func ask(t *testing.T, w *world, c api, right fulfilmentv1.Right) string {
	t.Helper()
	got, err := c.SubmitRequest(deadline(t), &fulfilmentv1.SubmitRequestRequest{
		RequestId: key2, Right: right, Channel: fulfilmentv1.RequestChannel_REQUEST_CHANNEL_WEB,
		Identifier: &identityv1.Identifier{Kind: identityv1.IdentifierKind_IDENTIFIER_KIND_EMAIL, Value: fake.Jane},
	})
	if err != nil {
		t.Fatal(err)
	}
	testwait.For(t, patience, func() error {
		v, err := c.VerifyRequest(deadline(t), &fulfilmentv1.VerifyRequestRequest{RequestId: key3, Request: got.GetRequest(), Code: w.peers.Code})
		if err != nil && status.Code(err) != codes.Unavailable {
			return testwait.Final(err)
		}
		if err == nil && v.GetState() != identityv1.VerificationState_VERIFICATION_STATE_PASSED {
			return testwait.Final(errNotPassed)
		}
		return err
	})
	return got.GetRequest()
}

// watch follows a request to its end.
func watch(t *testing.T, c api, id string) *fulfilmentv1.Request {
	t.Helper()
	stream, err := c.WatchRequest(deadline(t), &fulfilmentv1.WatchRequestRequest{Request: id})
	if err != nil {
		t.Fatal(err)
	}
	var last *fulfilmentv1.Request
	for {
		m, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return last
		}
		if err != nil {
			x, _ := c.ExplainRequest(deadline(t), &fulfilmentv1.ExplainRequestRequest{Request: id})
			t.Fatalf("%v; %v", err, x)
		}
		last = m.GetRequest()
	}
}

func TestAnErasureRunsThroughTheDaemon(t *testing.T) {
	w := newWorld(t)
	r, stop := w.start(t)
	c := w.client(t, r, "dpo", "intake", "agent")
	register(t, c)
	id := ask(t, w, c, fulfilmentv1.Right_RIGHT_ERASURE)
	got := watch(t, c, id)
	if got.GetOutcome() != fulfilmentv1.Outcome_OUTCOME_COMPLETE_WITH_RETAINED {
		t.Errorf("ended as %v", got)
	}
	if n := w.count(t, `SELECT count(*) FROM customer WHERE email = 'jane@example.com' OR note = 'likes tea'`); n != 0 {
		t.Errorf("%d rows still hold what was to be erased", n)
	}
	if n := w.count(t, `SELECT count(*) FROM invoice WHERE amount IN ('12.50', '8.00')`); n != 2 {
		t.Errorf("%d invoices are left, want both", n)
	}
	list, err := c.ListRequests(deadline(t), &fulfilmentv1.ListRequestsRequest{State: fulfilmentv1.RequestState_REQUEST_STATE_CLOSED})
	if err != nil || len(list.GetRequests()) != 1 || list.GetRequests()[0].GetRequest() != id {
		t.Errorf("list %v, error %v", list, err)
	}
	stop()
	if strings.Contains(w.out.String(), fake.Jane) {
		t.Error("the log lines hold the address")
	}
}

func TestAnAccessOutlivesARestart(t *testing.T) {
	w := newWorld(t)
	r, stop := w.start(t)
	c := w.client(t, r, "dpo", "intake", "agent")
	register(t, c)
	w.peers.Set(func(p *fake.Peers) { p.Away["ListIdentifiers"] = true })
	id := ask(t, w, c, fulfilmentv1.Right_RIGHT_ACCESS)
	testwait.For(t, patience, func() error {
		x, err := c.ExplainRequest(deadline(t), &fulfilmentv1.ExplainRequestRequest{Request: id})
		if err == nil && (x.GetReason() != "DEPENDENCY_UNAVAILABLE" || x.GetNextTryAt() == nil) {
			return errNotExplained
		}
		return err
	})
	stop()
	w.peers.Set(func(p *fake.Peers) { p.Away["ListIdentifiers"] = false })
	r, _ = w.start(t)
	c = w.client(t, r, "intake", "agent")
	if got := watch(t, c, id); got.GetOutcome() != fulfilmentv1.Outcome_OUTCOME_COMPLETE || got.GetPackageUri() == "" {
		t.Fatalf("ended as %v", got)
	}
	stream, err := c.DownloadPackage(client.WithPurpose(deadline(t), "case-handling"), &fulfilmentv1.DownloadPackageRequest{Request: id})
	if err != nil {
		t.Fatal(err)
	}
	size := 0
	for {
		m, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		size += len(m.GetData())
	}
	if size < 500 {
		t.Errorf("a package of %d bytes", size)
	}
}

// TestIdentityIsToldOfACase goes through the doors of both services.
func TestIdentityIsToldOfACase(t *testing.T) {
	w := newWorld(t)
	w.peers.Approval = true // so that it stays open
	r, _ := w.start(t)
	c := w.client(t, r, "dpo", "intake", "agent")
	register(t, c)
	id := ask(t, w, c, fulfilmentv1.Right_RIGHT_ERASURE)
	_, err := c.AssignRequest(deadline(t), &fulfilmentv1.AssignRequestRequest{
		RequestId: "00000000-0000-4000-8000-000000000091", Request: id, Duty: fulfilmentv1.Duty_DUTY_FULFILLER, Staff: "fred",
	})
	if err != nil {
		t.Fatal(err)
	}
	needs := func(want int) {
		t.Helper()
		testwait.For(t, patience, func() (err error) {
			w.peers.Set(func(p *fake.Peers) {
				if len(p.Needs) != want {
					err = errNotExplained
				}
			})
			return err
		})
	}
	needs(1)
	for key, want := range map[string]bool{"00000000-0000-4000-8000-000000000092": true, "00000000-0000-4000-8000-000000000093": false} {
		duty := map[bool]fulfilmentv1.Duty{true: fulfilmentv1.Duty_DUTY_FULFILLER, false: fulfilmentv1.Duty_DUTY_APPROVER}[want]
		got, err := c.UnassignRequest(deadline(t), &fulfilmentv1.UnassignRequestRequest{RequestId: key, Request: id, Duty: duty})
		if err != nil || got.GetEnded() != want {
			t.Fatalf("%s ended: %v, %v", duty, got, err)
		}
	}
	needs(0)
}
