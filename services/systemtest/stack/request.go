package stack

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"

	fulfilmentv1 "habeas.internal/proto/gen/habeas/fulfilment/v1"
	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/internal/testwait"

	"github.com/google/uuid"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// System registers a data system that is reached by a connection of the same
// name, and returns what its check remarks. Waived are columns that hold nothing of
// the people of the story, though their names look so.
func (s *Stack) System(tenant, system string, kind fulfilmentv1.ConnectorKind, dataset []byte, waived ...string) []string {
	s.t.Helper()
	var waivers []*fulfilmentv1.Waiver
	for _, path := range waived {
		waivers = append(waivers, &fulfilmentv1.Waiver{Path: path, Reason: "not_of_customers"})
	}
	res, err := s.As(tenant, "dpo").Systems.RegisterSystem(Deadline(s.t), &fulfilmentv1.RegisterSystemRequest{
		RequestId: uuid.NewString(), System: &fulfilmentv1.System{
			System: system, Connector: kind, Connection: system, Region: "us", BackupDays: 30, Dataset: dataset, Waivers: waivers,
		},
	})
	if err != nil {
		s.t.Fatalf("register system %s: %v %v", system, err, status.Convert(err).Details())
	}
	return res.GetRemarks()
}

// Submit files a request of somebody known by an e-mail address.
func (s *Stack) Submit(tenant string, right fulfilmentv1.Right, policy, email string) string {
	s.t.Helper()
	res, err := s.As(tenant, "intake").Requests.SubmitRequest(Deadline(s.t), &fulfilmentv1.SubmitRequestRequest{
		RequestId: uuid.NewString(), Right: right, Policy: policy, Channel: fulfilmentv1.RequestChannel_REQUEST_CHANNEL_WEB,
		Identifier: &identityv1.Identifier{Kind: identityv1.IdentifierKind_IDENTIFIER_KIND_EMAIL, Value: email},
	})
	if err != nil {
		_, reason, field := Answer(err)
		s.t.Fatalf("submit: %v (%s %s)", err, reason, field)
	}
	return res.GetRequest()
}

var code = regexp.MustCompile(`\b[0-9]{8}\b`)

// Verify hands in the code that is mailed to an address after the letters that
// came before.
func (s *Stack) Verify(tenant, request, email string, before int) {
	s.t.Helper()
	s.verify(tenant, request, email, before, func() bool { return false })
}

// VerifyBy does so with a process that may be killed before it answers.
func (s *Stack) VerifyBy(p *Process, tenant, request, email string, before int) {
	s.t.Helper()
	s.verify(tenant, request, email, before, p.over)
}

func (s *Stack) verify(tenant, request, email string, before int, over func() bool) {
	s.t.Helper()
	var found string
	testwait.For(s.t, 30*time.Second, func() error {
		for i, l := range s.Mail.Mails(email) {
			if found = code.FindString(l.Text); i >= before && found != "" {
				return nil
			}
		}
		return errors.New("no code has come")
	})
	var res *fulfilmentv1.VerifyRequestResponse
	id, intake := uuid.NewString(), s.As(tenant, "intake").Requests
	testwait.For(s.t, 30*time.Second, func() (err error) {
		res, err = intake.VerifyRequest(Deadline(s.t), &fulfilmentv1.VerifyRequestRequest{RequestId: id, Request: request, Code: found})
		if status.Code(err) == codes.Unavailable && over() {
			return nil
		}
		if status.Code(err) == codes.Unavailable { // the code may be faster than the record of its sending
			return err
		}
		if err != nil {
			_, reason, _ := Answer(err)
			return testwait.Final(fmt.Errorf("verify: %w (%s)", err, reason))
		}
		return nil
	})
	if !over() && res.GetState() != identityv1.VerificationState_VERIFICATION_STATE_PASSED {
		s.t.Fatalf("the code of the mail was taken as %v", res.GetState())
	}
}

// Ask files and verifies a request.
func (s *Stack) Ask(tenant string, right fulfilmentv1.Right, policy, email string) string {
	s.t.Helper()
	before := s.Mail.Count(email)
	request := s.Submit(tenant, right, policy, email)
	s.Verify(tenant, request, email, before)
	return request
}

// Until waits until a request suits, and returns it. If it never does, the test
// fails with the request's own explanation.
func (s *Stack) Until(tenant, request string, what string, suits func(*fulfilmentv1.Request) bool) *fulfilmentv1.Request {
	s.t.Helper()
	agent := s.As(tenant, "agent").Requests
	var found *fulfilmentv1.Request
	deadline := time.Now().Add(90 * time.Second)
	testwait.For(s.t, 2*time.Minute, func() error {
		res, err := agent.GetRequest(Deadline(s.t), &fulfilmentv1.GetRequestRequest{Request: request})
		if err == nil && suits(res.GetRequest()) {
			found = res.GetRequest()
			return nil
		}
		if time.Now().After(deadline) {
			return testwait.Final(fmt.Errorf("the request is not %s: %s", what, s.explain(tenant, request)))
		}
		return fmt.Errorf("the request is not %s: %w", what, err)
	})
	return found
}

// Closed waits until a request is closed.
func (s *Stack) Closed(tenant, request string) *fulfilmentv1.Request {
	s.t.Helper()
	return s.Until(tenant, request, "closed", func(r *fulfilmentv1.Request) bool {
		return r.GetState() == fulfilmentv1.RequestState_REQUEST_STATE_CLOSED
	})
}

// explain is what the service says of a request that does not get on.
func (s *Stack) explain(tenant, request string) string {
	res, err := s.As(tenant, "agent").Requests.ExplainRequest(Deadline(s.t), &fulfilmentv1.ExplainRequestRequest{Request: request})
	if err != nil {
		return err.Error()
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%v; %s must act on %s %s\n", res.GetRequest().GetState(), res.GetNextActor(), res.GetAwaited(), res.GetSystem())
	for _, l := range res.GetRequest().GetLeaves() {
		fmt.Fprintf(&b, "  leaf %d %s %s %s: %v %s\n", l.GetLeaf(), l.GetSystem(), l.GetCollection(), l.GetCategory(), l.GetOutcome(), l.GetReason())
	}
	for _, h := range res.GetHistory() {
		fmt.Fprintf(&b, "  %s %s %s\n", h.GetAt().AsTime().Format(time.StampMilli), h.GetEvent(), h.GetReason())
	}
	return b.String() + tail(s.Logs.String())
}

// Package downloads and unpacks the package of a request: contents by name.
func (s *Stack) Package(tenant, request string) map[string]string {
	s.t.Helper()
	return s.PackageFor(tenant, handling, request)
}

// PackageFor does so for another purpose.
func (s *Stack) PackageFor(tenant, purpose, request string) map[string]string {
	s.t.Helper()
	s.EmployNamed(tenant, "agent-1", purpose)
	data, err := s.download(For(Deadline(s.t), purpose), tenant, request)
	if err != nil {
		_, reason, _ := Answer(err)
		s.t.Fatalf("download: %v (%s)", err, reason)
	}
	return s.unpacked(data)
}

// PackageByCase does so as whoever fulfils the request, by a need for its case
// alone: the person's request is their word for that.
func (s *Stack) PackageByCase(tenant, request string) map[string]string {
	s.t.Helper()
	s.EmployNamed(tenant, "agent-1")
	_, err := s.Officer(tenant).GrantNeed(Deadline(s.t), &identityv1.GrantNeedRequest{
		RequestId: uuid.NewString(), Staff: "agent-1", Need: &identityv1.Need{CaseId: request, Until: timestamppb.New(time.Now().Add(time.Hour))},
	})
	if err != nil {
		s.t.Fatal(Answer(err))
	}
	data, err := s.download(metadata.AppendToOutgoingContext(For(Deadline(s.t), "request.handling"), "habeas-case", request), tenant, request)
	if err != nil {
		s.t.Fatal(Answer(err))
	}
	return s.unpacked(data)
}

// download reads a package as agent-1, when the limits of calls can be counted.
func (s *Stack) download(ctx context.Context, tenant, request string) (data []byte, err error) {
	s.t.Helper()
	testwait.For(s.t, time.Minute, func() error {
		data, err = s.read(ctx, tenant, request)
		if status.Code(err) == codes.Unavailable {
			return err
		}
		return nil
	})
	return data, err
}

func (s *Stack) read(ctx context.Context, tenant, request string) ([]byte, error) {
	stream, err := s.Proven(tenant, "agent-1", "agent").Requests.DownloadPackage(ctx, &fulfilmentv1.DownloadPackageRequest{Request: request})
	if err != nil {
		return nil, err
	}
	var data []byte
	for {
		part, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return data, nil
		}
		if err != nil {
			return nil, err
		}
		data = append(data, part.GetData()...)
	}
}

// unpacked are the contents of a package, by name.
func (s *Stack) unpacked(data []byte) map[string]string {
	s.t.Helper()
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		s.t.Fatal(err)
	}
	out := map[string]string{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			s.t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			s.t.Fatal(err)
		}
		out[f.Name] = string(content)
	}
	return out
}
