package identityd_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/internal/testwait"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// enrolled are who a service of consent finds or makes for an import.
func enrolled(t *testing.T, consent *api, ids ...*identityv1.Identifier) []*identityv1.Enrolled {
	t.Helper()
	got := must(consent.EnrolSubjects(deadline(t), &identityv1.EnrolSubjectsRequest{Cause: request, Identifiers: ids}))(t)
	if len(got.GetSubjects()) != len(ids) {
		t.Fatalf("%d answers to %d identifiers", len(got.GetSubjects()), len(ids))
	}
	return got.GetSubjects()
}

func TestWhoAnImportIsAbout(t *testing.T) {
	w, d := found(t)
	consent := d.service(t, "consent", tenant)
	jane := d.register(t, email("jane@example.com"), phone("+493011111111"))
	got := enrolled(t, consent,
		email("Jane@Example.com"), phone("0049 30 1111 1111"), email("new@example.com"), email("NEW@example.com"), email("no address"),
		email("other@example.com"), email("new@example.com"),
	)
	if got[0].GetSubjectRef() != jane || got[1].GetSubjectRef() != jane {
		t.Errorf("who is known is %v and %v, want %s", got[0], got[1], jane)
	}
	fresh := got[2].GetSubjectRef()
	if fresh == "" || fresh == jane || got[3].GetSubjectRef() != fresh || got[6].GetSubjectRef() != fresh {
		t.Errorf("one address, written three ways, is of %v, %v and %v", got[2], got[3], got[6])
	}
	if got[4].GetReason() != "IDENTIFIER_MALFORMED" || got[4].GetSubjectRef() != "" {
		t.Errorf("no address: %v", got[4])
	}
	if other := got[5].GetSubjectRef(); other == "" || other == fresh {
		t.Errorf("another one is %v", got[5])
	}
	if h := w.history(t, "subject", tenant, fresh); !slices.Equal(h, []string{"subject.registered", "subject.identifier_linked"}) {
		t.Errorf("history %v", h)
	}
	before := w.commits(t)
	again := enrolled(t, consent, email("new@example.com"), email("other@example.com"))
	if again[0].GetSubjectRef() != fresh || again[1].GetSubjectRef() != got[5].GetSubjectRef() || w.commits(t) != before {
		t.Errorf("the same again: %v", again)
	}
}

func TestWhoWasErasedIsNotEnrolledAgain(t *testing.T) {
	_, d := found(t)
	consent, fulfilment := d.service(t, "consent", tenant), d.service(t, "fulfilment", tenant)
	jane := d.register(t, email("jane@example.com"))
	must(fulfilment.Suppress(deadline(t), &identityv1.SuppressRequest{
		Values:     []*identityv1.SuppressedValue{{System: "habeas", Column: "identifier.email", Value: "jane@example.com"}},
		ErasureRef: request, Until: timestamppb.New(time.Now().Add(time.Hour)),
	}))(t)
	d.forget(t, jane)
	suppressed := func(when string) {
		t.Helper()
		got := enrolled(t, consent, email("JANE@example.com"), email("john@example.com"))
		if got[0].GetReason() != "SUBJECT_SUPPRESSED" || got[0].GetSubjectRef() != "" || got[1].GetSubjectRef() == "" {
			t.Errorf("%s: %v", when, got)
		}
	}
	suppressed("after the erasure")
	if back := d.register(t, email("jane@example.com")); back == jane {
		t.Error("who comes back was recognised")
	}
	suppressed("they came back of their own will: the file is older than that")
}

func TestOneTenantsPeopleAreNobodyToAnother(t *testing.T) {
	_, d := found(t)
	const other = "globex"
	d.create(t, other)
	jane := d.register(t, email("jane@example.com"))
	got := enrolled(t, d.service(t, "consent", other), email("jane@example.com"))
	if ref := got[0].GetSubjectRef(); ref == "" || ref == jane {
		t.Errorf("in the other tenant she is %s", ref)
	}
	if again := enrolled(t, d.service(t, "consent", tenant), email("jane@example.com")); again[0].GetSubjectRef() != jane {
		t.Errorf("in her own she is %v", again[0])
	}
}

func TestHowManyAreEnrolledAtOnce(t *testing.T) {
	_, d := found(t)
	consent := d.service(t, "consent", tenant)
	many := make([]*identityv1.Identifier, 501)
	for i := range many {
		many[i] = email("jane@example.com")
	}
	for _, n := range []int{0, 501} {
		_, err := consent.EnrolSubjects(deadline(t), &identityv1.EnrolSubjectsRequest{Cause: request, Identifiers: many[:n]})
		expect(t, err, codes.InvalidArgument, "INVALID_ARGUMENT")
	}
	got := enrolled(t, consent, many[:500]...)
	for _, one := range got {
		if one.GetSubjectRef() == "" || one.GetSubjectRef() != got[0].GetSubjectRef() {
			t.Fatalf("one address is of %v and %v", got[0], one)
		}
	}
	_, err := consent.EnrolSubjects(deadline(t), &identityv1.EnrolSubjectsRequest{
		Cause: request, Identifiers: []*identityv1.Identifier{email(strings.Repeat("a", 600_000))},
	})
	expect(t, err, codes.ResourceExhausted, "REQUEST_TOO_LARGE")
}

// TestTwoImportsAtOnceMeetTheSamePeople: whoever is told to come back finds them.
func TestTwoImportsAtOnceMeetTheSamePeople(t *testing.T) {
	_, d := found(t)
	consent := d.service(t, "consent", tenant)
	var ids []*identityv1.Identifier
	for i := range 10 {
		ids = append(ids, email(fmt.Sprintf("p%d@example.com", i)))
	}
	refs := make([][]string, 3)
	var all sync.WaitGroup
	for n := range refs {
		all.Go(func() {
			testwait.For(t, time.Minute, func() error {
				got, err := consent.EnrolSubjects(deadline(t), &identityv1.EnrolSubjectsRequest{Cause: request, Identifiers: ids})
				if code, _, _ := answer(err); code != codes.OK && code != codes.Aborted && code != codes.Unavailable {
					return testwait.Final(err)
				}
				refs[n] = nil
				for _, one := range got.GetSubjects() {
					refs[n] = append(refs[n], one.GetSubjectRef())
				}
				return err
			})
		})
	}
	all.Wait()
	for _, r := range refs {
		if len(r) != len(ids) || slices.Contains(r, "") || !slices.Equal(r, refs[0]) {
			t.Errorf("%v and %v", r, refs[0])
		}
	}
}
