package rpc_test

import (
	"slices"
	"testing"
	"time"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// logResearch adds a purpose, which reduces rights.
func logResearch() []string {
	return []string{"\npurposes:\n", "\npurposes:\n  - id: logs.research\n    title: Research\n    basis: described\n    categories: [log.ip_address]\n    clause: CW-10\n"}
}

// closes forbids what is not described, which improves them.
func closes() []string { return []string{"undescribed: {mode: offer,", "undescribed: {mode: closed,"} }

func (w *world) posts(t *testing.T, b []byte, version uint32, notice string) error {
	t.Helper()
	_, err := w.policies(t, human("dpo")).PostPolicy(deadline(t), &consentv1.PostPolicyRequest{
		RequestId: w.id(), Policy: "caseworks", Version: version, TextHash: textHash(t, b), PostedAt: timestamppb.New(w.now()), ProminentNotice: notice,
	})
	return err
}

func TestAVersionThatReducesIsKnownAndAnnounced(t *testing.T) {
	w := newWorld(t)
	dpo := w.policies(t, human("dpo"))
	publish := func(b []byte) (*consentv1.PublishPolicyResponse, error) {
		return dpo.PublishPolicy(deadline(t), &consentv1.PublishPolicyRequest{RequestId: w.id(), Document: b})
	}
	first := document(t, "caseworks")
	if got, err := publish(first); err != nil || len(got.GetReduces()) != 0 {
		t.Fatalf("the first version reduces %v: %v", got.GetReduces(), err)
	}
	if err := w.posts(t, first, 1, ""); err != nil {
		t.Fatalf("the first version needs no notice: %v", err)
	}
	w.later(time.Hour)
	mixed := slices.Concat(logResearch(), closes())
	_, err := publish(version2(t, "caseworks", append(mixed, "version: 2\n", "version: 2\nchange: minor\n")...))
	expect(t, "a reduction that is called minor", err, codes.InvalidArgument, "INVALID_ARGUMENT")
	if _, _, field := answer(err); field != "document.change" {
		t.Errorf("field %q", field)
	}
	got, err := publish(version2(t, "caseworks", append(mixed, "version: 2\n", "version: 2\nchange: significant\n")...))
	if err != nil || !slices.Equal(got.GetReduces(), []uint32{1}) {
		t.Fatalf("a mixed change reduces %v: %v", got.GetReduces(), err)
	}
	expect(t, "posted quietly", w.posts(t, first, 2, ""), codes.FailedPrecondition, "PROMINENT_NOTICE_MISSING")
	if err := w.posts(t, first, 2, "web:front-page"); err != nil {
		t.Errorf("posted with a notice: %v", err)
	}
	better := document(t, "caseworks", slices.Concat([]string{"version: 1\n", "version: 3\nchange: minor\n"}, closes())...)
	if got, err := publish(better); err != nil || len(got.GetReduces()) != 0 {
		t.Errorf("an improvement of every version reduces %v: %v", got.GetReduces(), err)
	}
}

func TestAnUnpostedStepHidesNoReduction(t *testing.T) {
	w := newWorld(t)
	dpo := w.policies(t, human("dpo"))
	var last *consentv1.PublishPolicyResponse
	for i, change := range [][]string{nil, {"aggregates: {minimum: 10,", "aggregates: {minimum: 9,"}, {"aggregates: {minimum: 10,", "aggregates: {minimum: 9,"}} {
		number := []string{"version: 1\n", "version: " + string(rune('1'+i)) + "\n"}
		var err error
		last, err = dpo.PublishPolicy(deadline(t), &consentv1.PublishPolicyRequest{
			RequestId: w.id(), Document: document(t, "caseworks", append(number, change...)...),
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if !slices.Equal(last.GetReduces(), []uint32{1}) {
		t.Errorf("the third version, like the second, reduces %v", last.GetReduces())
	}
}

func TestADifferenceStartsFromWhatBindsThePerson(t *testing.T) {
	w := newWorld(t)
	dpo := w.policies(t, human("dpo"))
	first := document(t, "caseworks")
	for i, b := range [][]byte{first, version2(t, "caseworks", logResearch()...)} {
		if _, err := dpo.PublishPolicy(deadline(t), &consentv1.PublishPolicyRequest{RequestId: w.id(), Document: b}); err != nil {
			t.Fatal(err)
		}
		if err := w.posts(t, first, uint32(i+1), "web:front-page"); err != nil {
			t.Fatal(err)
		}
		w.later(time.Hour)
		if i == 0 {
			w.decide(t, "caseworks", "trends.track", consentv1.Decision_DECISION_REFUSED)
		}
	}
	third := document(t, "caseworks", append([]string{"version: 1\n", "version: 3\n"}, logResearch()...)...)
	diff := func(subject string) (from []uint32, reduces bool) {
		got, err := dpo.DiffPolicy(deadline(t), &consentv1.DiffPolicyRequest{Policy: "caseworks", SubjectRef: subject, Document: third})
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range got.GetDiffs() {
			from = append(from, d.GetFromVersion())
		}
		return from, got.GetReduces()
	}
	if from, reduces := diff(""); !slices.Equal(from, []uint32{2}) || reduces {
		t.Errorf("from the version in force: from %v, reduces %v", from, reduces)
	}
	if from, reduces := diff(subject); !slices.Equal(from, []uint32{1, 2}) || !reduces {
		t.Errorf("for somebody of the first version: from %v, reduces %v", from, reduces)
	}
	if _, err := w.consent(t, human("product")).AcceptPolicy(deadline(t), &consentv1.AcceptPolicyRequest{
		RequestId: w.id(), SubjectRef: subject, Policy: "caseworks", Version: 2, Expression: consentv1.Expression_EXPRESSION_EXPLICIT,
		AcceptedAt: timestamppb.New(w.now()), Evidence: "sha256:abc",
	}); err != nil {
		t.Fatal(err)
	}
	if from, reduces := diff(subject); !slices.Equal(from, []uint32{2}) || reduces {
		t.Errorf("for somebody who has accepted the second: from %v, reduces %v", from, reduces)
	}
}

// diffing is what is refused of DiffPolicy: doc is another policy.
func diffing(t *testing.T, doc []byte) method {
	t.Helper()
	return method{
		name: "DiffPolicy", caller: human("auditor"), wrong: "intake", empty: "policy", foreign: "POLICY_NOT_FOUND", limit: 512 << 10,
		good: func() proto.Message { return &consentv1.DiffPolicyRequest{Policy: "qcera"} },
		bad: map[string]proto.Message{
			"policy":          &consentv1.DiffPolicyRequest{Policy: "Q"},
			"subject_ref":     &consentv1.DiffPolicyRequest{Policy: "qcera", SubjectRef: "somebody"},
			"from_version":    &consentv1.DiffPolicyRequest{Policy: "qcera", SubjectRef: subject, FromVersion: 1},
			"to_version":      &consentv1.DiffPolicyRequest{Policy: "qcera", Document: document(t, "qcera"), ToVersion: 1},
			"document":        &consentv1.DiffPolicyRequest{Policy: "qcera", Document: []byte("policy: [")},
			"document.policy": &consentv1.DiffPolicyRequest{Policy: "qcera", Document: doc},
		},
	}
}

func policyMethods(t *testing.T) []method {
	t.Helper()
	doc := document(t, "caseworks")
	publish := func(b []byte) *consentv1.PublishPolicyRequest {
		return &consentv1.PublishPolicyRequest{RequestId: uuid1, Document: b}
	}
	post := func(policy, hash string, at *timestamppb.Timestamp) *consentv1.PostPolicyRequest {
		return &consentv1.PostPolicyRequest{RequestId: uuid1, Policy: policy, Version: 1, TextHash: hash, PostedAt: at}
	}
	hash := textHash(t, document(t, "qcera"))
	return []method{
		{
			name: "PublishPolicy", caller: human("dpo"), wrong: "product", empty: "request_id", limit: 512 << 10,
			good: func() proto.Message { return publish(doc) },
			bad: map[string]proto.Message{
				"document":                   publish([]byte("policy: [")),
				"document.modified":          publish(document(t, "caseworks", "modified: 2012-01-01 # house\n", "")),
				"document.purposes[0].basis": publish(document(t, "caseworks", "basis: contract", "basis: hope")),
			},
		},
		{
			name: "PostPolicy", caller: human("dpo"), wrong: "product", empty: "request_id", foreign: "POLICY_NOT_FOUND",
			good: func() proto.Message { return post("qcera", hash, timestamppb.Now()) },
			bad: map[string]proto.Message{
				"policy":    post("Qcera", hash, timestamppb.Now()),
				"text_hash": post("qcera", "abc", timestamppb.Now()),
				"posted_at": post("qcera", hash, timestamppb.New(time.Now().Add(time.Hour))),
			},
		},
		{
			name: "GetPolicy", caller: human("auditor"), wrong: "subject", empty: "policy", foreign: "POLICY_NOT_FOUND",
			good: func() proto.Message { return &consentv1.GetPolicyRequest{Policy: "qcera"} },
			bad:  map[string]proto.Message{"policy": &consentv1.GetPolicyRequest{Policy: "q*"}},
		},
		diffing(t, doc),
		{
			name: "ListPolicies", caller: human("auditor"), wrong: "subject",
			good: func() proto.Message { return &consentv1.ListPoliciesRequest{} },
			bad: map[string]proto.Message{
				"page_size": &consentv1.ListPoliciesRequest{PageSize: -1}, "page_token": &consentv1.ListPoliciesRequest{PageToken: "%"},
			},
		},
	}
}
