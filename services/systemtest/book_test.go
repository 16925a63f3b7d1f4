package systemtest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	samplev1 "habeas.internal/proto/gen/habeas/sample/v1"
	sealv1 "habeas.internal/proto/gen/habeas/seal/v1"
	"habeas.internal/services/internal/seal"
	"habeas.internal/services/internal/seal/vault"
	"habeas.internal/services/internal/testwait"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/timestamppb"
)

const (
	request1 = "00000000-0000-4000-8000-000000000001"
	request2 = "00000000-0000-4000-8000-000000000002"
	request3 = "00000000-0000-4000-8000-000000000003"
	request4 = "00000000-0000-4000-8000-000000000004"
)

func openBook(t *testing.T, c samplev1.BookServiceClient, closes time.Time) *samplev1.OpenBookResponse {
	t.Helper()
	book, err := c.OpenBook(deadline(t), &samplev1.OpenBookRequest{RequestId: request1, ClosesAt: timestamppb.New(closes)})
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	return book
}

func sign(t *testing.T, c samplev1.BookServiceClient, book, request, name string) *samplev1.SignResponse {
	t.Helper()
	res, err := c.Sign(deadline(t), &samplev1.SignRequest{RequestId: request, Book: book, Name: name})
	if err != nil {
		t.Fatalf("sign: %v", err)
	}
	return res
}

// guests reads the names; an erased one reads as "[erased]".
func guests(ctx context.Context, c samplev1.BookServiceClient, book string) ([]string, error) {
	stream, err := c.ListGuests(ctx, &samplev1.ListGuestsRequest{Book: book})
	if err != nil {
		return nil, err
	}
	var out []string
	for {
		g, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		if g.GetErased() {
			out = append(out, "[erased]")
			continue
		}
		out = append(out, g.GetName())
	}
}

func TestAGuestBookFromItsOpeningToTheEraseOfAGuest(t *testing.T) {
	w := newWorld(t)
	d := w.start(t)
	product, agent := w.client(t, d.Addr, "acme", "product"), w.client(t, d.Addr, "acme", "agent")
	book := openBook(t, product, time.Now().Add(time.Hour)).GetBook()

	first := sign(t, product, book, request2, "Ada Lovelace")
	again := sign(t, product, book, request2, "Ada Lovelace")
	if diff := cmp.Diff([]string{first.GetGuest(), first.GetConsistencyToken()}, []string{again.GetGuest(), again.GetConsistencyToken()}); diff != "" || again.GetEntry() != 1 {
		t.Errorf("a repeated call has another answer (-first +again):\n%s", diff)
	}
	second := sign(t, product, book, request3, "Grace Hopper")
	got, err := product.GetBook(deadline(t), &samplev1.GetBookRequest{Book: book, ConsistencyToken: second.GetConsistencyToken()})
	if err != nil || got.GetGuests() != 2 || got.GetClosed() {
		t.Errorf("figures: %d guests, closed %v, error %v", got.GetGuests(), got.GetClosed(), err)
	}
	if names, err := guests(withPurpose(deadline(t)), agent, book); err != nil || strings.Join(names, ",") != "Ada Lovelace,Grace Hopper" {
		t.Errorf("names: %q, error %v", names, err)
	}

	holder, err := seal.NewHolder(seal.Subject, first.GetGuest())
	if err != nil {
		t.Fatal(err)
	}
	err = d.Keys.Vault.Destroy(deadline(t), vault.Order{
		Key:    seal.KeyID{Tenant: "acme", Holder: holder, Class: sealv1.KeyClass_KEY_CLASS_PROFILE},
		Reason: "ERASURE", CommandID: "erasure-1",
	})
	if err != nil {
		t.Fatalf("destroy key: %v", err)
	}
	if names, err := guests(withPurpose(deadline(t)), agent, book); err != nil || strings.Join(names, ",") != "[erased],Grace Hopper" {
		t.Errorf("names after the erasure: %q, error %v", names, err)
	}

	if err := d.stop(); err != nil {
		t.Fatalf("stop: %v", err)
	}
	d = w.start(t)
	agent = w.client(t, d.Addr, "acme", "agent")
	if names, err := guests(withPurpose(deadline(t)), agent, book); err != nil || strings.Join(names, ",") != "[erased],Grace Hopper" {
		t.Errorf("names after a restart: %q, error %v", names, err)
	}
	_, err = w.client(t, d.Addr, "acme", "product").CloseBook(deadline(t), &samplev1.CloseBookRequest{RequestId: request4, Book: book})
	if err != nil {
		t.Fatalf("close: %v", err)
	}
	w.awaitAnnounced(t, d, book)
}

func (w *world) awaitAnnounced(t *testing.T, d *daemon, book string) {
	t.Helper()
	c := w.client(t, d.Addr, "acme", "auditor")
	testwait.For(t, 20*time.Second, func() error {
		got, err := c.GetBook(deadline(t), &samplev1.GetBookRequest{Book: book})
		if err == nil && (!got.GetClosed() || !got.GetAnnounced()) {
			err = fmt.Errorf("closed %v, announced %v", got.GetClosed(), got.GetAnnounced())
		}
		return err
	})
}

func TestABookClosesByItsTimerWhileNobodyIsThere(t *testing.T) {
	w := newWorld(t)
	d := w.start(t)
	book := openBook(t, w.client(t, d.Addr, "acme", "product"), time.Now().Add(1500*time.Millisecond)).GetBook()
	if err := d.stop(); err != nil {
		t.Fatal(err)
	}
	d = w.start(t)
	w.awaitAnnounced(t, d, book)
	_, err := w.client(t, d.Addr, "acme", "product").Sign(deadline(t), &samplev1.SignRequest{RequestId: request2, Book: book, Name: "Late"})
	if code, reason, _ := answer(err); code != codes.FailedPrecondition || reason != "BOOK_CLOSED" {
		t.Errorf("a late guest: %v %s", code, reason)
	}
}

func TestEveryRefusalSaysWhyAndStoresNothing(t *testing.T) {
	w := newWorld(t)
	d := w.start(t)
	product := w.client(t, d.Addr, "acme", "product")
	book := openBook(t, product, time.Now().Add(time.Hour)).GetBook()
	for _, tc := range refusals(t, w, d, book) {
		t.Run(tc.name, func(t *testing.T) {
			code, reason, field := answer(tc.call())
			if code != tc.code || (tc.reason != "" && reason != tc.reason) || reason == "" || field != tc.field {
				t.Errorf("answered %v %q %q, want %v %q %q", code, reason, field, tc.code, tc.reason, tc.field)
			}
		})
	}
	got, err := product.GetBook(deadline(t), &samplev1.GetBookRequest{Book: book})
	if err != nil || got.GetGuests() != 0 {
		t.Errorf("%d guests, error %v", got.GetGuests(), err)
	}
}

// refused is a call and how it must be answered; an empty reason is any.
type refused struct {
	name   string
	call   func() error
	code   codes.Code
	reason string
	field  string
}

func refusals(t *testing.T, w *world, d *daemon, book string) []refused {
	t.Helper()
	product := w.client(t, d.Addr, "acme", "product")
	signAs := func(c samplev1.BookServiceClient, change func(*samplev1.SignRequest)) func() error {
		return func() error {
			r := &samplev1.SignRequest{RequestId: request2, Book: book, Name: "Ada"}
			change(r)
			_, err := c.Sign(deadline(t), r)
			return err
		}
	}
	unchanged := func(*samplev1.SignRequest) {}
	other, auditor := w.client(t, d.Addr, "other", "product"), w.client(t, d.Addr, "acme", "auditor")
	return []refused{
		{"nobody", signAs(w.client(t, d.Addr, ""), unchanged), codes.Unauthenticated, "", ""},
		{"wrong role", signAs(auditor, unchanged), codes.PermissionDenied, "", ""},
		{"foreign tenant", signAs(other, unchanged), codes.NotFound, "BOOK_NOT_FOUND", ""},
		{"empty request", signAs(product, (*samplev1.SignRequest).Reset), codes.InvalidArgument, "INVALID_ARGUMENT", "request_id"},
		{"malformed book", signAs(product, func(r *samplev1.SignRequest) { r.Book = "a.b.*" }), codes.InvalidArgument, "INVALID_ARGUMENT", "book"},
		{"oversized", signAs(product, func(r *samplev1.SignRequest) { r.Name = strings.Repeat("x", 5000) }), codes.ResourceExhausted, "REQUEST_TOO_LARGE", ""},
		{"no such book", signAs(product, func(r *samplev1.SignRequest) { r.Book = strings.Repeat("a", 26) }), codes.NotFound, "BOOK_NOT_FOUND", ""},
		{"no deadline", func() error {
			_, err := product.GetBook(context.Background(), &samplev1.GetBookRequest{Book: book})
			return err
		}, codes.InvalidArgument, "DEADLINE_REQUIRED", ""},
		{"request id with another body", func() error {
			_, err := product.OpenBook(deadline(t), &samplev1.OpenBookRequest{RequestId: request1, ClosesAt: timestamppb.New(time.Now().Add(2 * time.Hour))})
			return err
		}, codes.AlreadyExists, "REQUEST_ID_REUSED", ""},
		{"malformed token", func() error {
			_, err := product.GetBook(deadline(t), &samplev1.GetBookRequest{Book: book, ConsistencyToken: "%"})
			return err
		}, codes.InvalidArgument, "CONSISTENCY_TOKEN_MALFORMED", ""},
		{"no purpose", func() error {
			_, err := guests(deadline(t), w.client(t, d.Addr, "acme", "agent"), book)
			return err
		}, codes.InvalidArgument, "PURPOSE_REQUIRED", ""},
	}
}
