package rpc_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	optionsv1 "habeas.internal/proto/gen/habeas/options/v1"
	samplev1 "habeas.internal/proto/gen/habeas/sample/v1"
	"habeas.internal/services/internal/rpc"
	"habeas.internal/services/internal/rpc/fault"
	"habeas.internal/services/internal/rpc/limit"
)

// counted is a limiter that a test looks into.
type counted struct {
	mu      sync.Mutex
	asked   []rpc.Rated
	refused []rpc.Rated
	answer  error
}

func (c *counted) Admit(_ context.Context, r rpc.Rated) (bool, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked = append(c.asked, r)
	return false, c.answer
}

func (c *counted) Refused(_ context.Context, r rpc.Rated) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.refused = append(c.refused, r)
}

// rule is a refusal by a rule of a domain.
type rule string

func (r rule) Error() string  { return "refused" }
func (r rule) Reason() string { return string(r) }

func ruled(t *testing.T, rates rpc.Rates) *world {
	t.Helper()
	return newWorld(t, func(c *rpc.Config) {
		c.Rates = rates
		c.Errors = fault.Table{{Err: fault.Type[rule](), Code: codes.FailedPrecondition}}
	})
}

func TestOnlyKnownCallersWhoMayCallAreCounted(t *testing.T) {
	rates := &counted{}
	w := ruled(t, rates)
	client := w.client(t, "")
	_, err := client.Sign(with(t), goodSign())
	wantFault(t, err, codes.Unauthenticated, "CREDENTIALS_REQUIRED")
	_, err = client.Sign(w.as(t, "auditor"), goodSign())
	wantFault(t, err, codes.PermissionDenied, "ROLE_REQUIRED")
	if len(rates.asked) != 0 {
		t.Errorf("counted %+v", rates.asked)
	}
	if _, err = client.Sign(w.as(t, "product"), goodSign()); err != nil {
		t.Fatal(err)
	}
	ctx := metadata.AppendToOutgoingContext(w.as(t, "agent"), "habeas-purpose", "access")
	_ = ask(ctx, client)
	type seen struct {
		Tenant, Subject, Method, Network string
		Reads                            optionsv1.DataClass
	}
	var got []seen
	for _, r := range rates.asked {
		got = append(got, seen{r.Principal.Tenant, r.Principal.Subject, r.Method, r.Network, r.Reads})
	}
	want := []seen{
		{"acme", "actor-1", "/" + bookService + "/Sign", "127.0.0.1/32", optionsv1.DataClass_DATA_CLASS_NONE},
		{"acme", "actor-1", "/" + bookService + "/ListGuests", "127.0.0.1/32", optionsv1.DataClass_DATA_CLASS_PERSONAL},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestRefusalsByARuleAreCountedAndOthersAreNot(t *testing.T) {
	rates := &counted{}
	w := ruled(t, rates)
	client := w.client(t, "")
	for _, test := range []struct {
		err    error
		reason string
		counts int
	}{
		{rule("BOOK_FULL"), "BOOK_FULL", 1},
		{fault.New(codes.NotFound, "UNKNOWN_BOOK", "no such book"), "UNKNOWN_BOOK", 0},
		{errClosed, "INTERNAL", 0},
	} {
		rates.refused = nil
		w.book.sign = func(context.Context, *samplev1.SignRequest) (*samplev1.SignResponse, error) { return nil, test.err }
		_, err := client.Sign(w.as(t, "product"), goodSign())
		if s := detail[*errdetails.ErrorInfo](status.Convert(err)).GetReason(); s != test.reason || len(rates.refused) != test.counts {
			t.Errorf("%v: reason %s, counted %d times, want %s, %d", test.err, s, len(rates.refused), test.reason, test.counts)
		}
	}
}

func TestACallBeyondItsRateIsToldWhenToComeBack(t *testing.T) {
	l, err := limit.New(limit.Config{Service: "bookd", Secret: make([]byte, 32), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	g, err := limit.NewGuard(l, limit.Settings{Caller: 1, Person: 1, Reads: 1, Open: 1, Tenant: 1, Network: 1, Process: 1, Refusals: 1}, nil)
	if err != nil {
		t.Fatal(err)
	}
	w := ruled(t, g)
	client := w.client(t, "")
	for range 30 { // five at once, and one more each second that this takes
		if _, err = client.Sign(w.as(t, "product"), goodSign()); err != nil {
			break
		}
	}
	s := wantFault(t, err, codes.ResourceExhausted, "RATE_LIMITED")
	if wait := detail[*errdetails.RetryInfo](s).GetRetryDelay().AsDuration(); wait <= 0 || wait > time.Second {
		t.Errorf("told to come back after %s, want up to a second", wait)
	}
}
