package rpc_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/internal/es"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// EnrolSubjects knows everybody but those who were erased.
func (h *holders) EnrolSubjects(_ context.Context, r *identityv1.EnrolSubjectsRequest, _ ...grpc.CallOption) (*identityv1.EnrolSubjectsResponse, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.asked++
	if h.fault != nil {
		return nil, h.fault
	}
	out := &identityv1.EnrolSubjectsResponse{}
	for _, id := range r.GetIdentifiers() {
		one := &identityv1.Enrolled{SubjectRef: h.refs[id.GetValue()]}
		if one.GetSubjectRef() == "" {
			one.Reason = "SUBJECT_SUPPRESSED"
		}
		out.Subjects = append(out.Subjects, one)
	}
	return out, nil
}

type importing = grpc.BidiStreamingClient[consentv1.ImportDecisionsRequest, consentv1.ImportDecisionsResponse]

func file(rows uint64, resume bool) *consentv1.BeginImport {
	return &consentv1.BeginImport{
		Source: "newsletter", FileDigest: strings.Repeat("ab", 32), EvidenceKind: "web_form", Rows: rows, Resume: resume,
	}
}

// imports opens a stream and begins.
func (w *world) imports(t *testing.T, begin *consentv1.BeginImport) (importing, *consentv1.Import, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	stream, err := consentv1.NewImportServiceClient(w.dial(t, human("product"))).ImportDecisions(ctx)
	if err != nil {
		t.Fatal(err)
	}
	_ = stream.Send(&consentv1.ImportDecisionsRequest{Step: &consentv1.ImportDecisionsRequest_Begin{Begin: begin}})
	r, err := stream.Recv()
	return stream, r.GetImport(), err
}

// send sends rows and waits for the answer.
func send(stream importing, first uint64, rows ...*consentv1.ImportRow) (*consentv1.ImportDecisionsResponse, error) {
	_ = stream.Send(&consentv1.ImportDecisionsRequest{Step: &consentv1.ImportDecisionsRequest_Rows{
		Rows: &consentv1.ImportRows{First: first, Rows: rows},
	}})
	return stream.Recv()
}

// kept is a row: an explicit yes with evidence, unless it is changed.
func kept(line uint64, change ...func(*consentv1.ImportRow)) *consentv1.ImportRow {
	r := &consentv1.ImportRow{
		Line: line, SubjectRef: subject, Policy: "caseworks", Version: 1, Evidence: "form:1",
		DecidedAt: timestamppb.New(time.Date(2021, 3, 4, 5, 6, 7, 0, time.UTC)),
		Choice: &consentv1.Choice{
			Purpose: "trends.track", Decision: consentv1.Decision_DECISION_GIVEN, Expression: consentv1.Expression_EXPRESSION_EXPLICIT,
		},
	}
	for _, c := range change {
		c(r)
	}
	return r
}

func known(value string) func(*consentv1.ImportRow) {
	return func(r *consentv1.ImportRow) {
		r.SubjectRef, r.Identifier = "", &identityv1.Identifier{Kind: identityv1.IdentifierKind_IDENTIFIER_KIND_EMAIL, Value: value}
	}
}

func TestEachRowThatBreaksARuleIsRefusedAlone(t *testing.T) {
	w := newWorld(t)
	w.publish(t, document(t, "caseworks"))
	w.known.refs = map[string]string{"ada@example.com": another}
	var rows []*consentv1.ImportRow
	var want []*consentv1.RefusedRow
	add := func(reason, field string, change ...func(*consentv1.ImportRow)) {
		line := uint64(len(rows)) + 2
		rows = append(rows, kept(line, change...))
		if reason != "" {
			want = append(want, &consentv1.RefusedRow{Row: line - 1, Line: line, Reason: reason, Field: field})
		}
	}
	invalid := "INVALID_ARGUMENT"
	add("", "")
	add("", "", known("ada@example.com"))
	add("SUBJECT_SUPPRESSED", "identifier", known("erased@example.com"))
	add("EVIDENCE_REQUIRED", "", func(r *consentv1.ImportRow) { r.Evidence = "" })
	add("CATEGORY_UNKNOWN", "", func(r *consentv1.ImportRow) { r.Choice.Purpose, r.Choice.Category = "", "nothing.known" })
	add("POLICY_NOT_FOUND", "policy", func(r *consentv1.ImportRow) { r.Policy = "nowhere" })
	add("POLICY_NOT_FOUND", "version", func(r *consentv1.ImportRow) { r.Version = 2 })
	add("POLICY_NOT_IN_FORCE", "version", func(r *consentv1.ImportRow) { r.Version = 0 })
	add("DECIDED_IN_FUTURE", "", func(r *consentv1.ImportRow) { r.DecidedAt = timestamppb.New(time.Now().Add(time.Hour)) })
	add("ON_BEHALF_NOT_IMPORTED", "", func(r *consentv1.ImportRow) {
		r.Circumstances = &consentv1.Circumstances{Actor: consentv1.Actor_ACTOR_GUARDIAN, ActorRef: "parent"}
	})
	add(invalid, "circumstances.actor_ref", func(r *consentv1.ImportRow) {
		r.Circumstances = &consentv1.Circumstances{Actor: consentv1.Actor_ACTOR_GUARDIAN}
	})
	add(invalid, "subject_ref", func(r *consentv1.ImportRow) { r.SubjectRef = "" })
	add(invalid, "subject_ref", func(r *consentv1.ImportRow) { r.SubjectRef = "me" })
	add(invalid, "decided_at", func(r *consentv1.ImportRow) { r.DecidedAt = nil })
	add(invalid, "choice", func(r *consentv1.ImportRow) { r.Choice = nil })
	add(invalid, "choice.expression", func(r *consentv1.ImportRow) { r.Choice.Expression = 0 })
	add(invalid, "choice.purpose", func(r *consentv1.ImportRow) { r.Choice.Purpose = "" })
	add(invalid, "decided_at", func(r *consentv1.ImportRow) { r.Unreadable = "decided_at" })
	add(invalid, "row", func(r *consentv1.ImportRow) { r.Unreadable = "jane.doe" })
	add(invalid, "choice.expires_at", func(r *consentv1.ImportRow) { r.Choice.ExpiresAt = r.GetDecidedAt() })
	n := uint64(len(rows))
	stream, _, err := w.imports(t, file(n, false))
	out, sent := send(stream, 1, rows...)
	if err != nil || sent != nil {
		t.Fatal(err, sent)
	}
	if diff := cmp.Diff(want, out.GetRefused(), protocmp.Transform()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	i := out.GetImport()
	if i.GetRecorded() != 2 || i.GetRecorded()+i.GetRefused() != n || i.GetDone() != n || i.GetFinishedAt() == nil {
		t.Errorf("%v", i)
	}
	list, err := consentv1.NewImportServiceClient(w.dial(t, human("auditor"))).ListRefusedRows(deadline(t), &consentv1.ListRefusedRowsRequest{Import: i.GetId()})
	if diff := cmp.Diff(want, list.GetRows(), protocmp.Transform()); diff != "" || err != nil {
		t.Errorf("error %v, -want +got:\n%s", err, diff)
	}
	acts, err := w.consent(t, human("dpo")).ListDecisions(deadline(t), &consentv1.ListDecisionsRequest{SubjectRef: subject})
	if err != nil || len(acts.GetDecisions()) != 1 {
		t.Errorf("%v, error %v", acts, err)
	}
}

func TestARowIsStoredOnceHoweverOftenItIsSent(t *testing.T) {
	w := newWorld(t)
	w.publish(t, document(t, "caseworks"))
	var rows []*consentv1.ImportRow
	for n := range uint64(6) {
		hour := time.Date(2021, 3, 4, int(n), 0, 0, 0, time.UTC)
		rows = append(rows, kept(n+1, func(r *consentv1.ImportRow) { r.DecidedAt = timestamppb.New(hour) }))
	}
	one, _, err := w.imports(t, file(6, false))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := send(one, 1, rows[:2]...); err != nil {
		t.Fatal(err)
	}
	_, _, err = w.imports(t, file(6, false))
	expect(t, "begun again", err, codes.FailedPrecondition, "IMPORT_BEGUN")
	_, _, err = w.imports(t, file(7, true))
	expect(t, "another file of the same digest", err, codes.FailedPrecondition, "IMPORT_DIFFERS")
	two, i, err := w.imports(t, file(6, true))
	if err != nil || i.GetDone() != 2 {
		t.Fatalf("%v, error %v", i, err)
	}
	_, err = send(one, 3, rows[2:4]...) // its rows are stored, and then it is stopped
	expect(t, "the stream that was left", err, codes.Aborted, "IMPORT_TAKEN_OVER")
	if out, err := send(two, 2, rows[1:]...); err != nil || out.GetImport().GetRecorded() != 6 || out.GetImport().GetFinishedAt() == nil {
		t.Fatalf("%v, error %v", out, err)
	}
	if _, i, err = w.imports(t, file(6, false)); err != nil || i.GetDone() != 6 {
		t.Errorf("the file again: %v, error %v", i, err)
	}
	acts, err := w.consent(t, human("dpo")).ListDecisions(deadline(t), &consentv1.ListDecisionsRequest{SubjectRef: subject})
	if err != nil || len(acts.GetDecisions()) != 6 {
		t.Errorf("%d acts of 6 rows, error %v", len(acts.GetDecisions()), err)
	}
}

func TestAnImportThatGoesWrongSaysWhatIsWrong(t *testing.T) {
	w := newWorld(t)
	w.publish(t, document(t, "caseworks"))
	stream, err := consentv1.NewImportServiceClient(w.dial(t, human("product"))).ImportDecisions(deadline(t))
	if err != nil {
		t.Fatal(err)
	}
	_, err = send(stream, 1, kept(1))
	expect(t, "rows before the beginning", err, codes.InvalidArgument, "INVALID_ARGUMENT")
	for n, tc := range []struct {
		first  uint64
		rows   int
		code   codes.Code
		reason string
	}{
		{2, 1, codes.InvalidArgument, "INVALID_ARGUMENT"},
		{1, 3, codes.FailedPrecondition, "IMPORT_HAS_NO_MORE_ROWS"},
	} {
		stream, _, err := w.imports(t, file(2, n > 0))
		if err != nil {
			t.Fatal(err)
		}
		rows := make([]*consentv1.ImportRow, tc.rows)
		for i := range rows {
			rows[i] = kept(1)
		}
		_, err = send(stream, tc.first, rows...)
		expect(t, fmt.Sprintf("%d rows from %d on", tc.rows, tc.first), err, tc.code, tc.reason)
	}
	w.known.fail(context.DeadlineExceeded)
	stream, _, err = w.imports(t, file(2, true))
	if err != nil {
		t.Fatal(err)
	}
	if _, err = send(stream, 1, kept(1, known("ada@example.com"))); err == nil {
		t.Error("identity is away, and the row is taken")
	}
	_, err = consentv1.NewImportServiceClient(w.dial(t, human("dpo"))).GetImport(deadline(t), &consentv1.GetImportRequest{Import: cause})
	expect(t, "an import that nobody began", err, codes.NotFound, "IMPORT_NOT_FOUND")
}

func TestALostOutcomeIsTakenUpAgain(t *testing.T) {
	w := newWorld(t)
	w.publish(t, document(t, "caseworks"))
	stream, _, err := w.imports(t, file(2, false))
	if err != nil {
		t.Fatal(err)
	}
	w.store.LoseOutcomes(1)
	_, err = send(stream, 1, kept(1))
	expect(t, "lost", err, codes.Unavailable, "OUTCOME_UNKNOWN")
	w.store.disown(es.ErrStale, 1)
	stream, i, err := w.imports(t, file(2, true))
	if err != nil || i.GetDone() != 0 {
		t.Fatalf("%v, error %v", i, err)
	}
	out, err := send(stream, 1, kept(1), kept(2, func(r *consentv1.ImportRow) { r.SubjectRef = another }))
	if err != nil || out.GetImport().GetRecorded() != 2 {
		t.Fatalf("%v, error %v", out, err)
	}
	acts, err := w.consent(t, human("dpo")).ListDecisions(deadline(t), &consentv1.ListDecisionsRequest{SubjectRef: subject})
	if err != nil || len(acts.GetDecisions()) != 1 {
		t.Errorf("%d acts, error %v", len(acts.GetDecisions()), err)
	}
}
