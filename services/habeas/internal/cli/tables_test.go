package cli_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	fulfilmentv1 "habeas.internal/proto/gen/habeas/fulfilment/v1"
	"habeas.internal/services/habeas/internal/cli"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// pending is a request of which some leaves wait for the release of a hold.
func pending() *fulfilmentv1.Request {
	q := &fulfilmentv1.Request{
		Request: strings.Repeat("r", 26), Right: fulfilmentv1.Right_RIGHT_ERASURE, State: fulfilmentv1.RequestState_REQUEST_STATE_RUNNING,
		DueOn: "2026-12-22", DueAt: timestamppb.New(timeOf(2026, 12, 23)), ReceivedAt: timestamppb.New(timeOf(2026, 11, 22)),
	}
	for i := range 20 {
		l := &fulfilmentv1.Leaf{Leaf: uint32(i + 1), System: "shop", Collection: "orders", Category: "billing.address", RowsFound: 1}
		switch {
		case i < 16:
			l.Outcome = fulfilmentv1.LeafOutcome_LEAF_OUTCOME_ERASED
		case i < 18:
			l.Reason = "PERSON_ON_HOLD"
		}
		q.Leaves = append(q.Leaves, l)
	}
	return q
}

func (s *answering) GetRequest(context.Context, *fulfilmentv1.GetRequestRequest) (*fulfilmentv1.GetRequestResponse, error) {
	if s.request != nil {
		return &fulfilmentv1.GetRequestResponse{Request: s.request}, s.err
	}
	return &fulfilmentv1.GetRequestResponse{Request: pending()}, s.err
}

func (s *answering) ListRequests(context.Context, *fulfilmentv1.ListRequestsRequest) (*fulfilmentv1.ListRequestsResponse, error) {
	q := pending()
	return &fulfilmentv1.ListRequestsResponse{Requests: []*fulfilmentv1.RequestSummary{
		{Request: q.GetRequest(), Right: q.GetRight(), State: q.GetState(), ReceivedAt: q.GetReceivedAt(), DueAt: q.GetDueAt(), DueOn: q.GetDueOn()},
	}}, s.err
}

func (s *answering) SubmitRequest(context.Context, *fulfilmentv1.SubmitRequestRequest) (*fulfilmentv1.SubmitRequestResponse, error) {
	return &fulfilmentv1.SubmitRequestResponse{Request: pending().GetRequest(), DueAt: pending().GetDueAt(), DueOn: pending().GetDueOn()}, s.err
}

func (s *answering) ExplainRequest(context.Context, *fulfilmentv1.ExplainRequestRequest) (*fulfilmentv1.ExplainRequestResponse, error) {
	e := &fulfilmentv1.ExplainRequestResponse{Request: pending()}
	for _, l := range pending().GetLeaves()[:16] {
		e.History = append(e.History, &fulfilmentv1.Step{
			At: timestamppb.New(timeOf(2026, 11, 22)), Event: "request.leaves_completed", Leaf: l.GetLeaf(), Reason: "ERASED", TraceId: "aa",
		})
	}
	return e, s.err
}

func (s *answering) WatchRequest(_ *fulfilmentv1.WatchRequestRequest, out grpc.ServerStreamingServer[fulfilmentv1.WatchRequestResponse]) error {
	open, closed := pending(), pending()
	closed.State, closed.Outcome = fulfilmentv1.RequestState_REQUEST_STATE_CLOSED, fulfilmentv1.Outcome_OUTCOME_COMPLETE_WITH_RETAINED
	for _, l := range closed.GetLeaves()[16:] {
		l.Outcome, l.Reason = fulfilmentv1.LeafOutcome_LEAF_OUTCOME_RETAINED, "legal_obligation.tax"
		l.Authority, l.Until = "26 CFR 1.6001-1", timestamppb.New(timeOf(2033, 11, 22))
	}
	for _, q := range []*fulfilmentv1.Request{open, open, closed} {
		if err := out.Send(&fulfilmentv1.WatchRequestResponse{Request: q}); err != nil {
			return err
		}
	}
	return nil
}

func (s *answering) RegisterSystem(context.Context, *fulfilmentv1.RegisterSystemRequest) (*fulfilmentv1.RegisterSystemResponse, error) {
	return &fulfilmentv1.RegisterSystemResponse{Version: 2, Remarks: []string{"first remark", "second remark"}}, s.err
}

func (s *answering) RecordDecision(context.Context, *consentv1.RecordDecisionRequest) (*consentv1.RecordDecisionResponse, error) {
	return &consentv1.RecordDecisionResponse{}, s.err
}

func TestARequestShowsWhatItsLeavesWaitForAndTheDayThatItIsDue(t *testing.T) {
	s := serve(t, "fulfilment")
	got := s.run(t, "", "request", "get", pending().GetRequest())
	if got.code != cli.ExitOK || strings.Count(got.out, "waiting  PERSON_ON_HOLD") != 2 || strings.Count(got.out, "open     -") != 2 ||
		!strings.Contains(got.out, "2026-12-22") || strings.Contains(got.out, "2026-12-23") {
		t.Errorf("exit code %d\n%s%s", got.code, got.out, got.err)
	}
	list := s.run(t, "", "request", "list")
	if list.code != cli.ExitOK || !strings.Contains(list.out, "STATE    OUTCOME") || !strings.Contains(list.out, "running  -") || !strings.Contains(list.out, "  2026-12-22  ") {
		t.Errorf("exit code %d\n%s%s", list.code, list.out, list.err)
	}
	filed := s.run(t, "", "request", "submit", "erasure", "--email", "ada@example.com")
	if filed.code != cli.ExitOK || !strings.Contains(filed.out, "  2026-12-22\n") {
		t.Errorf("exit code %d\n%s%s", filed.code, filed.out, filed.err)
	}
}

func TestAnExplanationNamesLeavesThatFaredAlikeOnce(t *testing.T) {
	s := serve(t, "fulfilment")
	r := s.run(t, "", "request", "explain", pending().GetRequest())
	if r.code != cli.ExitOK || strings.Count(r.out, "request.leaves_completed") != 1 || !strings.Contains(r.out, "shop    16      erased") {
		t.Errorf("exit code %d\n%s%s", r.code, r.out, r.err)
	}
	if r := s.run(t, "", "request", "explain", pending().GetRequest(), "-o", "json"); strings.Count(r.out, "request.leaves_completed") != 16 {
		t.Errorf("JSON is not whole:\n%s", r.out)
	}
}

func TestAWatchSaysEachChangeOnceWithinEightyColumns(t *testing.T) {
	s := serve(t, "fulfilment")
	r := s.run(t, "", "request", "watch", pending().GetRequest())
	if r.code != cli.ExitOK || strings.Count(r.out, "erasure running  16 erased, 2 waiting, 2 open") != 1 || !strings.Contains(r.out, "legal_obligation.tax  2033-11-22") {
		t.Errorf("exit code %d\n%s%s", r.code, r.out, r.err)
	}
	for line := range strings.Lines(r.out) {
		if len(line) > 81 {
			t.Errorf("%d columns: %s", len(line)-1, line)
		}
	}
}

func TestRemarksOnADescriptionAreShown(t *testing.T) {
	s := serve(t, "fulfilment")
	file := filepath.Join(t.TempDir(), "dataset.yaml")
	if err := os.WriteFile(file, []byte("dataset: []\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := s.run(t, "", "system", "register", "shop", "--connector", "sqlite", "--dataset", file)
	if r.code != cli.ExitOK || !strings.HasSuffix(r.out, "\nREMARKS\nfirst remark\nsecond remark\n") {
		t.Errorf("exit code %d\n%s%s", r.code, r.out, r.err)
	}
}

func TestARefusalNamesItsReasonItsFieldAndWhatToDo(t *testing.T) {
	s := serve(t, "consent")
	st, err := status.New(codes.FailedPrecondition, "refused").WithDetails(&errdetails.ErrorInfo{Reason: "EVIDENCE_REQUIRED", Domain: "habeas"})
	if err != nil {
		t.Fatal(err)
	}
	s.err = st.Err()
	r := s.run(t, "", "consent", "record", strings.Repeat("a", 26), "--policy", "p", "--purpose", "x")
	want := "habeas: refused: EVIDENCE_REQUIRED\n  field evidence: EVIDENCE_REQUIRED\n  what to do: give --evidence"
	if r.code != cli.ExitRefused || !strings.HasPrefix(r.err, want) {
		t.Errorf("exit code %d\n%s", r.code, r.err)
	}
}

func TestTenantsAndRolesThatCannotBeAreMistakesOfUsage(t *testing.T) {
	s := serve(t, "identity")
	for _, args := range [][]string{
		{"up", "--once", "--data", t.TempDir(), "--tenant", "Not A Tenant"},
		{"token", "--data", t.TempDir(), "--tenant", "x"},
		{"token", "--data", t.TempDir(), "--role", "king"},
	} {
		flag := args[len(args)-2]
		if r := s.run(t, "", args...); r.code != cli.ExitUsage || !strings.Contains(r.err, flag) || r.out != "" {
			t.Errorf("%v: exit code %d\n%s%s", args, r.code, r.out, r.err)
		}
	}
}

func TestACommandThatTakesOneIdentifierSaysSo(t *testing.T) {
	s := serve(t, "fulfilment")
	if r := s.run(t, "", "request", "submit", "--help"); strings.Contains(r.out, "stringArray") || !strings.Contains(r.out, "--email string") {
		t.Errorf("help:\n%s", r.out)
	}
	if r := s.run(t, "", "subject", "register", "--help"); !strings.Contains(r.out, "--email stringArray") {
		t.Errorf("help:\n%s", r.out)
	}
	r := s.run(t, "", "request", "submit", "erasure", "--email", "a@example.com", "--email", "b@example.com")
	if r.code != cli.ExitUsage || !strings.Contains(r.err, "exactly one") {
		t.Errorf("exit code %d\n%s", r.code, r.err)
	}
}
