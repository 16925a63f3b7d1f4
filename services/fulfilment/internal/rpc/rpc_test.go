package rpc_test

import (
	"archive/zip"
	"bytes"
	"errors"
	"io"
	"strconv"
	"strings"
	"testing"
	"time"

	fulfilmentv1 "habeas.internal/proto/gen/habeas/fulfilment/v1"
	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/fulfilment/internal/connector"
	"habeas.internal/services/fulfilment/internal/fake"
	"habeas.internal/services/fulfilment/internal/view"
	"habeas.internal/services/fulfilment/request"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
)

const day = 24 * time.Hour

func verify(t *testing.T, c *api, id, key, code string) *fulfilmentv1.VerifyRequestResponse {
	t.Helper()
	got, err := c.VerifyRequest(deadline(t), &fulfilmentv1.VerifyRequestRequest{RequestId: key, Request: id, Code: code})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestAnErasureFromItsSubmissionToItsEnd(t *testing.T) {
	s := serve(t)
	s.AddSystem("shop")
	s.Peers.Keep["user.financial"] = true
	c := s.as(t, fake.Tenant, actor, "intake", "agent")
	id := submit(t, c, key1, fulfilmentv1.Right_RIGHT_ERASURE)
	if again := submit(t, c, key1, fulfilmentv1.Right_RIGHT_ERASURE); again != id {
		t.Errorf("the repeat made %s beside %s", again, id)
	}
	_, err := c.SubmitRequest(deadline(t), submission(key1, fulfilmentv1.Right_RIGHT_ACCESS))
	if code, reason, _ := answer(err); code != codes.AlreadyExists || reason != "REQUEST_ID_REUSED" {
		t.Errorf("another request under the same id: %s %s", code, reason)
	}
	_, err = c.VerifyRequest(deadline(t), &fulfilmentv1.VerifyRequestRequest{RequestId: key2, Request: id, Code: "00000000"})
	if code, reason, _ := answer(err); code != codes.Unavailable || reason != "VERIFICATION_NOT_STARTED" {
		t.Errorf("a code before there is one: %s %s", code, reason)
	}
	s.Settle()
	if got := verify(t, c, id, key2, "00000000"); got.GetState() != identityv1.VerificationState_VERIFICATION_STATE_OPEN || got.GetAttemptsLeft() != 4 {
		t.Errorf("a wrong code: %s, %d left", got.GetState(), got.GetAttemptsLeft())
	}
	if got := verify(t, c, id, key3, s.Peers.Code); got.GetState() != identityv1.VerificationState_VERIFICATION_STATE_PASSED || got.GetConsistencyToken() == "" {
		t.Errorf("the right code: %s", got.GetState())
	}
	s.Run(s.Clock.Now().Add(day))
	got, err := c.ExplainRequest(deadline(t), &fulfilmentv1.ExplainRequestRequest{Request: id})
	if err != nil {
		t.Fatal(err)
	}
	r := got.GetRequest()
	if r.GetState() != fulfilmentv1.RequestState_REQUEST_STATE_CLOSED || r.GetOutcome() != fulfilmentv1.Outcome_OUTCOME_COMPLETE_WITH_RETAINED {
		t.Errorf("ended as %s %s", r.GetState(), r.GetOutcome())
	}
	kept := r.GetLeaves()[1]
	if kept.GetOutcome() != fulfilmentv1.LeafOutcome_LEAF_OUTCOME_RETAINED || kept.GetReason() == "" || kept.GetAuthority() == "" || kept.GetUntil() == nil {
		t.Errorf("what is kept is shown as %v", kept)
	}
	if got.GetNextActor() != request.ActorNobody || len(got.GetHistory()) < 15 || got.GetHistory()[0].GetEvent() != "request.submitted" {
		t.Errorf("next %q, history of %d", got.GetNextActor(), len(got.GetHistory()))
	}
	for _, h := range got.GetHistory() {
		if h.GetCausation() == "" || h.GetAt() == nil {
			t.Errorf("%s has no cause or no time", h.GetEvent())
		}
	}
	if text := got.String(); strings.Contains(text, fake.Jane) {
		t.Error("the explanation holds the address")
	}
}

func TestAnAccessEndsInADownload(t *testing.T) {
	s := serve(t)
	s.AddSystem("shop")
	c := s.as(t, fake.Tenant, actor, "intake", "agent")
	id := submit(t, c, key1, fulfilmentv1.Right_RIGHT_ACCESS)
	s.Settle()
	verify(t, c, id, key2, s.Peers.Code)
	s.Run(s.Clock.Now().Add(day))
	archive, err := download(t, c, id)
	if err != nil {
		t.Fatal(err)
	}
	z, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, f := range z.File {
		in, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(in)
		if err != nil {
			t.Fatal(err)
		}
		files[f.Name] = string(text)
	}
	if got := files["1-shop/1-customer.json"]; !strings.Contains(got, fake.Jane) || strings.Contains(got, "john@") {
		t.Errorf("customer.json: %s", got)
	}
	if !strings.Contains(files["1-shop/2-invoice.csv"], "12.50") || !strings.Contains(files["index.html"], "user.financial") {
		t.Errorf("files: %v", files)
	}
	history, err := c.ExplainRequest(deadline(t), &fulfilmentv1.ExplainRequestRequest{Request: id})
	if err != nil {
		t.Fatal(err)
	}
	read := 0
	for _, h := range history.GetHistory() {
		if h.GetEvent() == "request.package_read" {
			read++
		}
	}
	if read != 1 {
		t.Errorf("%d reads are recorded", read)
	}
	s.Run(s.Clock.Now().Add(31 * day))
	_, err = download(t, c, id)
	if code, reason, _ := answer(err); code != codes.FailedPrecondition || reason != "PACKAGE_NOT_AVAILABLE" {
		t.Errorf("after its end: %s %s", code, reason)
	}
}

func download(t *testing.T, c *api, id string) ([]byte, error) {
	t.Helper()
	stream, err := c.DownloadPackage(withPurpose(deadline(t)), &fulfilmentv1.DownloadPackageRequest{Request: id})
	if err != nil {
		return nil, err
	}
	var out []byte
	for {
		m, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		out = append(out, m.GetData()...)
	}
}

func TestAWatchSendsChangesUntilTheEnd(t *testing.T) {
	s := serve(t)
	c := s.as(t, fake.Tenant, actor, "intake")
	id := submit(t, c, key1, fulfilmentv1.Right_RIGHT_ERASURE)
	stream, err := c.WatchRequest(deadline(t), &fulfilmentv1.WatchRequestRequest{Request: id})
	if err != nil {
		t.Fatal(err)
	}
	first, err := stream.Recv()
	if err != nil || first.GetRequest().GetState() != fulfilmentv1.RequestState_REQUEST_STATE_RECEIVED {
		t.Fatalf("first %v, error %v", first, err)
	}
	if _, err := c.WithdrawRequest(deadline(t), &fulfilmentv1.WithdrawRequestRequest{RequestId: key2, Request: id}); err != nil {
		t.Fatal(err)
	}
	s.Settle()
	var last *fulfilmentv1.WatchRequestResponse
	for {
		m, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		last = m
	}
	if last.GetRequest().GetOutcome() != fulfilmentv1.Outcome_OUTCOME_WITHDRAWN {
		t.Errorf("last: %v", last)
	}
	_, err = c.WithdrawRequest(deadline(t), &fulfilmentv1.WithdrawRequestRequest{RequestId: key3, Request: id})
	if err != nil {
		t.Errorf("withdrawing twice: %v", err) // finds its result in place
	}
}

func TestARetryIsRefusedWhereNothingFailed(t *testing.T) {
	s := serve(t)
	h := s.AddSystem("shop")
	h.Set(func(h *fake.Holder) { h.Broken = connector.ErrConstraint })
	c := s.as(t, fake.Tenant, actor, "intake", "agent")
	id := submit(t, c, key1, fulfilmentv1.Right_RIGHT_ERASURE)
	s.Settle()
	_, err := c.RetryRequest(deadline(t), &fulfilmentv1.RetryRequestRequest{RequestId: key2, Request: id})
	if code, reason, _ := answer(err); code != codes.FailedPrecondition || reason != "NOTHING_TO_RETRY" {
		t.Errorf("retry of nothing: %s %s", code, reason)
	}
	verify(t, c, id, key3, s.Peers.Code)
	s.Settle()
	got, err := c.GetRequest(deadline(t), &fulfilmentv1.GetRequestRequest{Request: id})
	if err != nil || got.GetRequest().GetLeaves()[0].GetReason() != "SYSTEM_CONSTRAINT" {
		t.Fatalf("%v, error %v", got, err)
	}
	_, err = c.WithdrawRequest(deadline(t), &fulfilmentv1.WithdrawRequestRequest{RequestId: key3[:35] + "9", Request: id})
	if code, reason, _ := answer(err); code != codes.FailedPrecondition || reason != "REQUEST_ALREADY_STARTED" {
		t.Errorf("a withdrawal after the start: %s %s", code, reason)
	}
	h.Set(func(h *fake.Holder) { h.Broken = "" })
	if _, err := c.RetryRequest(deadline(t), &fulfilmentv1.RetryRequestRequest{RequestId: key3[:35] + "8", Request: id}); err != nil {
		t.Fatal(err)
	}
	s.Settle()
	if got, err := c.GetRequest(deadline(t), &fulfilmentv1.GetRequestRequest{Request: id}); err != nil ||
		got.GetRequest().GetOutcome() != fulfilmentv1.Outcome_OUTCOME_COMPLETE {
		t.Errorf("after the retry: %v, error %v", got, err)
	}
}

func TestAPersonSeesTheirOwnRequestsAlone(t *testing.T) {
	s := serve(t)
	mine, other := s.as(t, fake.Tenant, "person-1", "subject"), s.as(t, fake.Tenant, "person-2", "subject")
	id := submit(t, mine, key1, fulfilmentv1.Right_RIGHT_ERASURE)
	byIntake := submit(t, s.as(t, fake.Tenant, actor, "intake"), key2, fulfilmentv1.Right_RIGHT_ERASURE)
	if _, err := mine.GetRequest(deadline(t), &fulfilmentv1.GetRequestRequest{Request: id}); err != nil {
		t.Errorf("their own: %v", err)
	}
	for _, c := range []*api{other, mine} {
		foreign := id
		if c == mine {
			foreign = byIntake
		}
		_, err := c.GetRequest(deadline(t), &fulfilmentv1.GetRequestRequest{Request: foreign})
		if code, reason, _ := answer(err); code != codes.NotFound || reason != "REQUEST_NOT_FOUND" {
			t.Errorf("another's: %s %s", code, reason)
		}
	}
}

func TestTheClockStartsAtReceipt(t *testing.T) {
	s := serve(t)
	c := s.as(t, fake.Tenant, actor, "intake")
	r := submission(key1, fulfilmentv1.Right_RIGHT_ERASURE)
	r.ReceivedAt = timestamppb.New(time.Date(2026, 11, 2, 15, 0, 0, 0, time.UTC))
	got, err := c.SubmitRequest(deadline(t), r)
	if err != nil {
		t.Fatal(err)
	}
	if due := got.GetDueAt().AsTime(); due.Before(time.Date(2026, 12, 2, 0, 0, 0, 0, time.UTC)) || due.After(time.Date(2026, 12, 5, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("due %s", due)
	}
	r.RequestId, r.ReceivedAt = key2, timestamppb.New(s.Clock.Now().Add(time.Hour))
	_, err = c.SubmitRequest(deadline(t), r)
	if code, _, fields := answer(err); code != codes.InvalidArgument || !hasField(fields, "received_at") {
		t.Errorf("received in the future: %s %v", code, fields)
	}
}

const goodDataset = `dataset:
  - fides_key: shop
    name: shop
    collections:
      - name: customer
        fields:
          - name: id
            fides_meta: {primary_key: true}
          - name: email
            data_categories: [user.contact.email]
            fides_meta: {identity: email}
`

func systemOf(name, text string) *fulfilmentv1.System {
	return &fulfilmentv1.System{
		System: name, Connector: fulfilmentv1.ConnectorKind_CONNECTOR_KIND_SQLITE, Connection: "shop-db", Region: "us",
		BackupDays: 30, Dataset: []byte(text),
	}
}

func TestSystemsAreRegisteredInVersions(t *testing.T) {
	s := serve(t)
	c := s.as(t, fake.Tenant, actor, "dpo")
	register := func(key string, m *fulfilmentv1.System) uint32 {
		t.Helper()
		got, err := c.RegisterSystem(deadline(t), &fulfilmentv1.RegisterSystemRequest{RequestId: key, System: m})
		if err != nil {
			t.Fatal(err)
		}
		return got.GetVersion()
	}
	m := systemOf("shop", goodDataset)
	if v := register(key1, m); v != 1 {
		t.Errorf("version %d", v)
	}
	if v := register(key2, m); v != 1 {
		t.Errorf("the same again is version %d", v)
	}
	m.BackupDays = 60
	if v := register(key3, m); v != 2 {
		t.Errorf("another is version %d", v)
	}
	got, err := c.GetSystem(deadline(t), &fulfilmentv1.GetSystemRequest{System: "shop"})
	if err != nil || !proto.Equal(got.GetSystem(), m) || got.GetVersion() != 2 {
		t.Errorf("got %v, error %v", got, err)
	}
	register(key1[:35]+"4", systemOf("crm", goodDataset))
	page, err := c.ListSystems(deadline(t), &fulfilmentv1.ListSystemsRequest{PageSize: 1})
	if err != nil || len(page.GetSystems()) != 1 || page.GetSystems()[0].GetSystem() != "crm" || page.GetNextPageToken() == "" {
		t.Fatalf("first page %v, error %v", page, err)
	}
	page, err = c.ListSystems(deadline(t), &fulfilmentv1.ListSystemsRequest{PageToken: page.GetNextPageToken()})
	if err != nil || len(page.GetSystems()) != 1 || page.GetSystems()[0].GetVersion() != 2 || page.GetNextPageToken() != "" {
		t.Errorf("second page %v, error %v", page, err)
	}
}

func TestARetiredSystemIsOffTheListUntilItIsRegisteredAgain(t *testing.T) {
	s := serve(t)
	c := s.as(t, fake.Tenant, actor, "dpo")
	listed := func() int {
		t.Helper()
		got, err := c.ListSystems(deadline(t), &fulfilmentv1.ListSystemsRequest{})
		if err != nil {
			t.Fatal(err)
		}
		return len(got.GetSystems())
	}
	for i, key := range []string{key1, key2} {
		if _, err := c.RegisterSystem(deadline(t), &fulfilmentv1.RegisterSystemRequest{RequestId: key, System: systemOf("shop", goodDataset)}); err != nil {
			t.Fatal(err)
		}
		if n := listed(); n != 1 {
			t.Fatalf("%d are listed", n)
		}
		if _, err := c.RetireSystem(deadline(t), &fulfilmentv1.RetireSystemRequest{RequestId: key3[:35] + strconv.Itoa(i+4), System: "shop", Reason: "shut_down"}); err != nil {
			t.Fatal(err)
		}
		got, err := c.GetSystem(deadline(t), &fulfilmentv1.GetSystemRequest{System: "shop"})
		if err != nil || len(got.GetRemarks()) == 0 || !strings.HasPrefix(got.GetRemarks()[0], "SYSTEM_RETIRED") || listed() != 0 {
			t.Fatalf("%v, error %v, %d listed", got.GetRemarks(), err, listed())
		}
	}
}

func TestNoSystemHasANameOfHabeasItself(t *testing.T) {
	s := serve(t)
	c := s.as(t, fake.Tenant, actor, "dpo")
	for _, name := range []string{"habeas", "identity"} {
		_, err := c.RegisterSystem(deadline(t), &fulfilmentv1.RegisterSystemRequest{RequestId: key1, System: systemOf(name, goodDataset)})
		if code, reason, fields := answer(err); code != codes.FailedPrecondition || reason != "SYSTEM_NAME_RESERVED" || !hasField(fields, "system.system") {
			t.Errorf("%s: %s %s %v", name, code, reason, fields)
		}
	}
}

func TestTheListIsShown(t *testing.T) {
	s := serve(t)
	s.lines = []view.Line{{ID: fake.JaneRef, Right: request.Erasure, Stage: request.Over, Outcome: request.Complete}}
	got, err := s.as(t, fake.Tenant, actor, "dpo").ListRequests(deadline(t), &fulfilmentv1.ListRequestsRequest{})
	if err != nil || len(got.GetRequests()) != 1 || got.GetRequests()[0].GetOutcome() != fulfilmentv1.Outcome_OUTCOME_COMPLETE {
		t.Errorf("%v, error %v", got, err)
	}
}
