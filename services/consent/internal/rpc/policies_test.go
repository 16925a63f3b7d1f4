package rpc_test

import (
	"bytes"
	"slices"
	"testing"
	"time"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	"habeas.internal/services/internal/policydoc"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// version2 is the second version of a published policy, changed further.
func version2(t *testing.T, id string, change ...string) []byte {
	t.Helper()
	return document(t, id, append([]string{"version: 1\n", "version: 2\n"}, change...)...)
}

// appends runs do and returns how many commits it made.
func (w *world) appends(do func()) int64 {
	before := w.store.appends.Load()
	do()
	return w.store.appends.Load() - before
}

func TestAVersionNeverChanges(t *testing.T) {
	w := newWorld(t)
	dpo := w.policies(t, human("dpo"))
	publish := func(id string, b []byte) (*consentv1.PublishPolicyResponse, error) {
		return dpo.PublishPolicy(deadline(t), &consentv1.PublishPolicyRequest{RequestId: id, Document: b})
	}
	n := w.appends(func() {
		_, err := publish(w.id(), version2(t, "qcera"))
		expect(t, "the second version first", err, codes.FailedPrecondition, "VERSION_NOT_CONSECUTIVE")
	})
	if n != 0 {
		t.Errorf("a refusal made a policy: %d commits", n)
	}
	id, b := w.id(), document(t, "qcera")
	first, err := publish(id, b)
	if err != nil {
		t.Fatal(err)
	}
	n = w.appends(func() {
		again, err := publish(id, b)
		if err != nil || again.GetConsistencyToken() != first.GetConsistencyToken() {
			t.Errorf("the same call again: %v, error %v", again, err)
		}
		_, err = publish(id, document(t, "qcera", "title: Qcera privacy statement", "title: Another"))
		expect(t, "the same id with another document", err, codes.AlreadyExists, "REQUEST_ID_REUSED")
		_, err = publish(w.id(), b)
		expect(t, "the same document again", err, codes.OK, "")
	})
	if n != 0 {
		t.Errorf("repeats made %d commits", n)
	}
	n = w.appends(func() {
		_, err = publish(w.id(), document(t, "qcera", "title: Qcera privacy statement", "title: Another"))
		expect(t, "another first version", err, codes.FailedPrecondition, "VERSION_IMMUTABLE")
	})
	if n != 1 {
		t.Errorf("a refusal on a known policy made %d commits", n)
	}
	got, err := w.policies(t, human("auditor")).GetPolicy(deadline(t), &consentv1.GetPolicyRequest{Policy: "qcera", Version: 1})
	if err != nil || !bytes.Equal(got.GetDocument(), b) || got.GetHash() != first.GetHash() || got.GetPostedAt() != nil {
		t.Errorf("first version: hash %s, posted %v, error %v", got.GetHash(), got.GetPostedAt(), err)
	}
	_, err = w.policies(t, human("auditor")).GetPolicy(deadline(t), &consentv1.GetPolicyRequest{Policy: "qcera"})
	expect(t, "the version in force", err, codes.FailedPrecondition, "POLICY_NOT_IN_FORCE")
	_, err = w.policies(t, human("auditor")).GetPolicy(deadline(t), &consentv1.GetPolicyRequest{Policy: "qcera", Version: 2})
	expect(t, "a version that isn't there", err, codes.NotFound, "POLICY_NOT_FOUND")
	_, err = dpo.PostPolicy(deadline(t), &consentv1.PostPolicyRequest{
		RequestId: w.id(), Policy: "qcera", Version: 1, PostedAt: timestamppb.New(w.now()),
		TextHash: "0000000000000000000000000000000000000000000000000000000000000000",
	})
	expect(t, "another text", err, codes.FailedPrecondition, "TEXT_HASH_MISMATCH")
}

func TestEveryProblemOfADocumentIsTold(t *testing.T) {
	w := newWorld(t)
	b := document(t, "qcera", "basis: opt_in", "basis: hope", "period: P3Y\n    ground", "period: 3Y\n    ground", "modified: 2013-05-16\n", "")
	_, err := w.policies(t, human("dpo")).PublishPolicy(deadline(t), &consentv1.PublishPolicyRequest{RequestId: w.id(), Document: b})
	got := map[string]string{}
	for _, d := range status.Convert(err).Details() {
		if bad, ok := d.(*errdetails.BadRequest); ok {
			for _, v := range bad.GetFieldViolations() {
				got[v.GetField()] = v.GetReason()
			}
		}
	}
	want := map[string]string{
		"document.modified": "MODIFIED_DATE_MISSING", "document.purposes[0].basis": "NOT_ONE_OF", "document.retention[0].period": "PERIOD_INVALID",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
}

func TestThePolicyAtCollectionDecidesInOneInstant(t *testing.T) {
	w := newWorld(t)
	w.publish(t, document(t, "personnel-technology"))
	w.later(24 * time.Hour)
	early := timestamppb.New(w.now())
	w.later(24 * time.Hour)
	w.publish(t, version2(t, "personnel-technology", "purposes:\n",
		"purposes:\n  - id: tags.research\n    title: Research\n    basis: described\n    categories: [tag.use]\n    clause: PT-24\n"))
	w.later(24 * time.Hour)
	research := func(at *timestamppb.Timestamp) *consentv1.Question {
		return &consentv1.Question{
			SubjectRef: subject, Policy: "personnel-technology", Action: consentv1.Action_ACTION_USE, Purpose: "tags.research",
			Categories: []string{"tag.use"}, Source: consentv1.Source_SOURCE_OBSERVED, CollectedAt: at,
		}
	}
	late := timestamppb.New(w.now())
	accept := &consentv1.AcceptPolicyRequest{
		RequestId: w.id(), SubjectRef: subject, Policy: "personnel-technology", Version: 2,
		Expression: consentv1.Expression_EXPRESSION_IMPLIED, AcceptedAt: late,
	}
	if _, err := w.consent(t, human("product")).AcceptPolicy(deadline(t), accept); err != nil {
		t.Fatalf("accept by use: %v", err)
	}
	res, err := w.consent(t, human("product")).BatchCheck(deadline(t), &consentv1.BatchCheckRequest{
		Questions: []*consentv1.Question{research(early), research(late), research(nil)},
	})
	if err != nil {
		t.Fatal(err)
	}
	var versions []uint32
	var allowed []bool
	for _, a := range res.GetAnswers() {
		versions, allowed = append(versions, a.GetVersion()), append(allowed, a.GetAllowed())
	}
	if diff := cmp.Diff([]uint32{1, 2, 1}, versions); diff != "" {
		t.Errorf("versions (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]bool{false, true, false}, allowed); diff != "" {
		t.Errorf("allowed (-want +got):\n%s", diff)
	}
	accept.RequestId, accept.AcceptedAt = w.id(), early
	_, err = w.consent(t, human("product")).AcceptPolicy(deadline(t), accept)
	expect(t, "use before posting", err, codes.FailedPrecondition, "VERSION_NOT_POSTED")
}

func TestALesserPolicyBindsOnceItIsAccepted(t *testing.T) {
	w := newWorld(t)
	w.publish(t, document(t, "caseworks"))
	w.decide(t, "caseworks", "trends.track", refused)
	w.later(time.Hour)
	w.publish(t, version2(t, "caseworks", "purposes:\n",
		"purposes:\n  - id: logs.research\n    title: Research\n    basis: described\n    categories: [log.ip_address]\n    clause: CW-10\n"))
	w.later(time.Hour)
	research := &consentv1.Question{
		SubjectRef: subject, Policy: "caseworks", Action: consentv1.Action_ACTION_USE, Purpose: "logs.research",
		Categories: []string{"log.ip_address"}, Source: consentv1.Source_SOURCE_OBSERVED, CollectedAt: timestamppb.New(w.now()),
	}
	w.wants(t, "before", research, "WAY_OUT_NOT_OFFERED CW-04")
	accept := &consentv1.AcceptPolicyRequest{
		RequestId: w.id(), SubjectRef: subject, Policy: "caseworks", Version: 2,
		Expression: consentv1.Expression_EXPRESSION_IMPLIED, AcceptedAt: timestamppb.New(w.now()),
	}
	if _, err := w.consent(t, human("product")).AcceptPolicy(deadline(t), accept); err != nil {
		t.Fatal(err)
	}
	w.wants(t, "used", research, "WAY_OUT_NOT_OFFERED CW-04")
	accept.RequestId, accept.Expression = w.id(), consentv1.Expression_EXPRESSION_EXPLICIT
	_, err := w.consent(t, human("product")).AcceptPolicy(deadline(t), accept)
	expect(t, "explicit without evidence", err, codes.FailedPrecondition, "EVIDENCE_REQUIRED")
	accept.RequestId, accept.Evidence = w.id(), "sha256:abc"
	if _, err := w.consent(t, human("product")).AcceptPolicy(deadline(t), accept); err != nil {
		t.Fatal(err)
	}
	w.wants(t, "accepted", research, "+PURPOSE_DESCRIBED CW-10")
}

func TestDecliningACategoryDisablesWhatNeedsIt(t *testing.T) {
	w := newWorld(t)
	w.publish(t, document(t, "personnel-technology"))
	product := w.consent(t, human("product"))
	decide := func(category string, d consentv1.Decision) ([]string, error) {
		res, err := product.RecordDecision(deadline(t), &consentv1.RecordDecisionRequest{
			RequestId: w.id(), SubjectRef: subject, Policy: "personnel-technology",
			Choices:   []*consentv1.Choice{{Category: category, Decision: d, Expression: consentv1.Expression_EXPRESSION_EXPLICIT}},
			DecidedAt: timestamppb.New(w.now()), Evidence: "sha256:abc",
		})
		return res.GetFeaturesUnavailable(), err
	}
	phone := &consentv1.Question{
		SubjectRef: subject, Policy: "personnel-technology", Action: consentv1.Action_ACTION_COLLECT, Purpose: "service.provide",
		Categories: []string{"personal.mobile_phone"}, Source: consentv1.Source_SOURCE_REGISTRATION,
	}
	w.wants(t, "before", phone, "+CONTRACT_NEEDS PT-24")
	w.later(time.Minute)
	features, err := decide("personal.mobile_phone", refused)
	if diff := cmp.Diff([]string{"account", "text_alerts"}, features); diff != "" || err != nil {
		t.Errorf("features, error %v (-want +got):\n%s", err, diff)
	}
	w.wants(t, "declined", phone, "CATEGORY_DECLINED PT-02")
	w.later(time.Minute)
	if features, err = decide("personal.mobile_phone", given); err != nil || len(features) != 0 {
		t.Errorf("features %v, error %v", features, err)
	}
	w.wants(t, "given after all", phone, "+CONTRACT_NEEDS PT-24")
	n := w.appends(func() {
		_, err = decide("personal.shoe_size", refused)
		expect(t, "no category of the policy", err, codes.FailedPrecondition, "CATEGORY_UNKNOWN")
	})
	if n != 1 {
		t.Errorf("a refusal of a known person made %d commits", n)
	}
}

func TestTheListOfPoliciesComesInPages(t *testing.T) {
	w := newWorld(t)
	c := w.policies(t, human("auditor"))
	var got []string
	r := &consentv1.ListPoliciesRequest{PageSize: 2}
	for {
		res, err := c.ListPolicies(deadline(t), r)
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range res.GetVersions() {
			got = append(got, v.GetHash())
		}
		if r.PageToken = res.GetNextPageToken(); r.PageToken == "" {
			break
		}
	}
	if diff := cmp.Diff([]string{"h1", "h2", "h3"}, got); diff != "" {
		t.Errorf("versions (-want +got):\n%s", diff)
	}
}

func TestTheLargestDocumentFits(t *testing.T) {
	w := newWorld(t)
	dpo := w.policies(t, human("dpo"))
	b := document(t, "caseworks")
	padded := func(size int) []byte {
		return append(slices.Clone(b), bytes.Repeat([]byte{'#'}, size-len(b))...)
	}
	_, err := dpo.PublishPolicy(deadline(t), &consentv1.PublishPolicyRequest{RequestId: w.id(), Document: padded(policydoc.MaxBytes + 1)})
	code, reason, field := answer(err)
	if code != codes.InvalidArgument || reason != "INVALID_ARGUMENT" || field != "document" {
		t.Errorf("a byte too many: %v %q %q", code, reason, field)
	}
	_, err = dpo.PublishPolicy(deadline(t), &consentv1.PublishPolicyRequest{RequestId: w.id(), Document: padded(policydoc.MaxBytes)})
	expect(t, "the largest", err, codes.OK, "")
}
