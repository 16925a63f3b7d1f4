package inforce_test

import (
	"context"
	"io/fs"
	"testing"
	"time"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	"habeas.internal/services/identity/internal/inforce"
	"habeas.internal/services/internal/policydoc"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// consent counts how often documents are asked for.
type consent struct {
	consentv1.PolicyServiceClient
	versions []*consentv1.PolicyVersion
	document []byte
	read     int
}

func (c *consent) ListPolicies(context.Context, *consentv1.ListPoliciesRequest, ...grpc.CallOption) (*consentv1.ListPoliciesResponse, error) {
	return &consentv1.ListPoliciesResponse{Versions: c.versions}, nil
}

func (c *consent) GetPolicy(context.Context, *consentv1.GetPolicyRequest, ...grpc.CallOption) (*consentv1.GetPolicyResponse, error) {
	c.read++
	return &consentv1.GetPolicyResponse{Policy: "qcera", Document: c.document}, nil
}

func TestDocumentsAreReadAnewOnlyWhereSomethingWasPosted(t *testing.T) {
	b, err := fs.ReadFile(policydoc.Published(), "qcera.yaml")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	version := func(n uint32, posted time.Time) *consentv1.PolicyVersion {
		return &consentv1.PolicyVersion{Policy: "qcera", Version: n, Hash: "aa", PostedAt: timestamppb.New(posted)}
	}
	c := &consent{document: b, versions: []*consentv1.PolicyVersion{version(1, now)}}
	r := &inforce.Reader{Policies: c, Now: func() time.Time { return now }}
	for _, step := range []struct {
		what string
		do   func()
		read int
	}{
		{"at first", func() {}, 1},
		{"soon again", func() { now = now.Add(30 * time.Second) }, 1},
		{"a version is published and not posted", func() { c.versions = append(c.versions, &consentv1.PolicyVersion{Policy: "qcera", Version: 2}) }, 1},
		{"it is posted", func() { c.versions[1] = version(2, now) }, 2},
		{"soon again", func() { now = now.Add(30 * time.Second) }, 2},
		{"in time, for one whose day has come", func() { now = now.Add(inforce.Anew) }, 3},
		{"the clock goes back", func() { now = now.Add(-time.Hour) }, 4},
	} {
		step.do()
		docs, err := r.Posted(t.Context(), "tenant")
		if err != nil || len(docs) != 1 || docs[0].Policy != "qcera" || c.read != step.read {
			t.Errorf("%s: %d documents, read %d times, error %v; want %d times", step.what, len(docs), c.read, err, step.read)
		}
	}
	if _, err := r.Posted(t.Context(), "other"); err != nil || c.read != 5 {
		t.Errorf("another tenant: read %d times, error %v", c.read, err)
	}
}
