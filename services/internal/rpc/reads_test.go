package rpc_test

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	optionsv1 "habeas.internal/proto/gen/habeas/options/v1"
	samplev1 "habeas.internal/proto/gen/habeas/sample/v1"
	"habeas.internal/services/internal/rpc"
	"habeas.internal/services/internal/rpc/fault"
	"habeas.internal/services/internal/rpc/rpctest"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
)

var errDown = errors.New("the log is down")

// people is a service with one answer that holds personal data.
type people struct {
	identityv1.UnimplementedSubjectServiceServer
	saw func(context.Context)
}

func (p *people) ListIdentifiers(ctx context.Context, _ *identityv1.ListIdentifiersRequest) (*identityv1.ListIdentifiersResponse, error) {
	p.saw(ctx)
	return &identityv1.ListIdentifiersResponse{Identifiers: []*identityv1.Identifier{{Value: "jane@example.org"}}}, nil
}

// reading is a world with a read log that a test looks into.
func reading(t *testing.T) (w *world, log *rpctest.Reads, p *people, c identityv1.SubjectServiceClient) {
	t.Helper()
	log, p = &rpctest.Reads{}, &people{}
	w = newWorld(t, func(c *rpc.Config) {
		c.Reads = log
		c.Services = append(c.Services, subjects(p))
	})
	return w, log, p, client(t, w, "")
}

func subjects(p *people) rpc.Service {
	return rpc.Service{Desc: &identityv1.SubjectService_ServiceDesc, Impl: p}
}

func client(t *testing.T, w *world, service string) identityv1.SubjectServiceClient {
	t.Helper()
	return identityv1.NewSubjectServiceClient(w.dial(t, service))
}

func whose() *identityv1.ListIdentifiersRequest {
	return &identityv1.ListIdentifiersRequest{SubjectRef: bookID}
}

func because(ctx context.Context, pairs ...string) context.Context {
	return metadata.AppendToOutgoingContext(ctx, append([]string{"habeas-purpose", "case.identity"}, pairs...)...)
}

const listIdentifiers = "/habeas.identity.v1.SubjectService/ListIdentifiers"

func TestAnAnswerWithPersonalDataIsRecordedBeforeItLeaves(t *testing.T) {
	w, log, p, c := reading(t)
	p.saw = func(ctx context.Context) { rpc.Saw(ctx, "jane", "john", "jane") }
	if _, err := c.ListIdentifiers(because(w.as(t, "verifier", "intake"), "habeas-case", "case-1"), whose()); err != nil {
		t.Fatal(err)
	}
	want := []rpc.Read{{
		Tenant: "acme", Actor: rpc.ActorID("acme", "actor-1"), Roles: []string{"verifier"}, Method: listIdentifiers, Purpose: "case.identity",
		Case: "case-1", Class: optionsv1.DataClass_DATA_CLASS_PERSONAL, Refs: []string{"jane", "john"},
	}}
	if diff := cmp.Diff(want, log.All(), cmpopts.IgnoreFields(rpc.Read{}, "At", "Trace")); diff != "" {
		t.Errorf("read log (-want +got):\n%s", diff)
	}
}

func TestNothingIsShownThatCouldNotBeRecorded(t *testing.T) {
	w, log, p, c := reading(t)
	p.saw = func(ctx context.Context) { rpc.Saw(ctx, "jane") }
	log.Fail(errDown)
	answer, err := c.ListIdentifiers(because(w.as(t, "verifier")), whose())
	wantFault(t, err, codes.Unavailable, "READ_LOG_UNAVAILABLE")
	if answer != nil {
		t.Errorf("answered %v", answer)
	}
	log.Fail(nil)
	if _, err := c.ListIdentifiers(because(w.as(t, "verifier")), whose()); err != nil {
		t.Error(err)
	}
}

func TestAHandlerThatDoesNotSayWhomItReadShowsNothing(t *testing.T) {
	w, log, p, c := reading(t)
	p.saw = func(context.Context) {}
	_, err := c.ListIdentifiers(because(w.as(t, "verifier")), whose())
	wantFault(t, err, codes.Internal, "INTERNAL")
	if len(log.All()) > 0 || !strings.Contains(w.logs.String(), "rpc.Saw") {
		t.Errorf("recorded %v, logged %s", log.All(), w.logs)
	}
	p.saw = rpc.SawNobody
	if _, err := c.ListIdentifiers(because(w.as(t, "verifier")), whose()); err != nil || len(log.All()) != 1 {
		t.Errorf("with nobody seen: %v, recorded %v", err, log.All())
	}
}

func TestAStreamIsRecordedWheneverItShowsSomebodyNew(t *testing.T) {
	w, log, _, _ := reading(t)
	fail := ""
	w.book.list = func(_ *samplev1.ListGuestsRequest, s grpc.ServerStreamingServer[samplev1.ListGuestsResponse]) error {
		for _, guest := range []string{"a", "a", "b"} {
			if guest == fail {
				log.Fail(errDown)
			}
			rpc.Saw(s.Context(), guest)
			if err := s.Send(&samplev1.ListGuestsResponse{Name: guest}); err != nil {
				return err
			}
		}
		return nil
	}
	list := func() (got []string, err error) {
		stream, err := w.client(t, "").ListGuests(because(w.as(t, "agent")), &samplev1.ListGuestsRequest{Book: bookID})
		for err == nil {
			var m *samplev1.ListGuestsResponse
			if m, err = stream.Recv(); err == nil {
				got = append(got, m.GetName())
			}
		}
		return got, err
	}
	if got, err := list(); !errors.Is(err, io.EOF) || len(got) != 3 {
		t.Fatalf("got %v, error %v", got, err)
	}
	if all := log.All(); len(all) != 2 || !slices.Equal(all[0].Refs, []string{"a"}) || !slices.Equal(all[1].Refs, []string{"b"}) {
		t.Errorf("recorded %v, want one for each guest", all)
	}
	fail = "b"
	got, err := list()
	wantFault(t, err, codes.Unavailable, "READ_LOG_UNAVAILABLE")
	if !slices.Equal(got, []string{"a", "a"}) {
		t.Errorf("shown %v, want what was recorded", got)
	}
}

func TestARefusedReadIsRecordedUpToARate(t *testing.T) {
	now := time.Now()
	w, log, p, c := reading(t)
	p.saw = rpc.SawNobody
	for range 14 {
		_, err := c.ListIdentifiers(because(w.as(t, "agent")), whose())
		wantFault(t, err, codes.PermissionDenied, "ROLE_REQUIRED")
	}
	all := log.All()
	if len(all) != 10 || all[0].Refusal != "ROLE_REQUIRED" || all[0].Count != 1 || !slices.Equal(all[0].Roles, []string{"agent"}) || all[0].At.Before(now) {
		t.Fatalf("recorded %d: %v", len(all), all)
	}
	_, err := c.ListIdentifiers(w.as(t, "verifier"), whose())
	wantFault(t, err, codes.InvalidArgument, "PURPOSE_REQUIRED")
	_, err = c.ListIdentifiers(because(with(t)), whose())
	wantFault(t, err, codes.Unauthenticated, "CREDENTIALS_REQUIRED")
	if n := len(log.All()); n != 10 {
		t.Errorf("%d records after a caller's window was full and after nobody's call", n)
	}
	log.Fail(errDown)
	_, err = w.client(t, "").Sign(w.as(t, "agent"), goodSign()) // nothing personal
	wantFault(t, err, codes.PermissionDenied, "ROLE_REQUIRED")
}

func TestWhoAsksForWhatIsNotThereForThemIsRecorded(t *testing.T) {
	w, log, _, _ := reading(t)
	w.book.list = func(*samplev1.ListGuestsRequest, grpc.ServerStreamingServer[samplev1.ListGuestsResponse]) error {
		return fault.New(codes.NotFound, "UNKNOWN_BOOK", "no such book") // another tenant's, for example
	}
	stream, err := w.client(t, "").ListGuests(because(w.as(t, "agent")), &samplev1.ListGuestsRequest{Book: bookID})
	if err == nil {
		_, err = stream.Recv()
	}
	wantFault(t, err, codes.NotFound, "UNKNOWN_BOOK")
	if all := log.All(); len(all) != 1 || all[0].Refusal != "UNKNOWN_BOOK" || len(all[0].Refs) > 0 {
		t.Errorf("recorded %v, want the refusal and nobody's name", all)
	}
}

func TestAServerThatShowsPersonalDataNeedsAReadLog(t *testing.T) {
	w := prepare(t)
	w.config.Reads = nil
	if _, err := rpc.NewServer(w.config); err == nil || !strings.Contains(err.Error(), "ListGuests") {
		t.Errorf("started without a read log: %v", err)
	}
}

func TestAServerThatShowsPersonalDataNeedsToKnowItsStaff(t *testing.T) {
	w := prepare(t)
	w.config.Staff = nil
	if _, err := rpc.NewServer(w.config); err == nil || !strings.Contains(err.Error(), "ListGuests: reads personal data, and nobody says who may") {
		t.Errorf("started without staff: %v", err)
	}
}
