package conformance_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	fulfilmentv1 "habeas.internal/proto/gen/habeas/fulfilment/v1"
	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/audit"
	"habeas.internal/services/internal/rpc"
	"habeas.internal/services/internal/testwait"
	"habeas.internal/services/systemtest/stack"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// desk is the staff of one tenant, and the test's own list of who looked at whom.
type desk struct {
	w      *world
	tenant string
	names  map[string]string // by the id of the read log
	seen   []string
}

// why is what a look states.
type why struct{ purpose, request string }

func (d *desk) context(y why) context.Context {
	ctx := stack.For(stack.Deadline(d.w), y.purpose)
	if y.request != "" {
		ctx = metadata.AppendToOutgoingContext(ctx, rpc.MetadataCase, y.request)
	}
	return ctx
}

// looked holds an answer against what is expected, and notes what the read log has
// to say of it.
func (d *desk) looked(what, who, method, subject string, y why, err error, want string) {
	d.w.Helper()
	if _, reason, _ := stack.Answer(err); reason != want || (err == nil) != (want == "") {
		d.w.Errorf("%s: %v, want %q", what, err, want)
	}
	if want != "" {
		subject = "" // nobody was seen
	}
	d.seen = append(d.seen, line(who, method, subject, y.purpose, y.request, want))
}

func line(parts ...string) string { return strings.Join(parts, " | ") }

// identifies has a verifier look at what identity knows somebody by.
func (d *desk) identifies(what, who, role, subject string, y why, want string) {
	d.w.Helper()
	res, err := d.w.Named(d.tenant, who, role).Subjects.ListIdentifiers(d.context(y), &identityv1.ListIdentifiersRequest{SubjectRef: subject})
	if (err == nil) != (len(res.GetIdentifiers()) > 0) {
		d.w.Errorf("%s: shown %v with %v", what, res, err)
	}
	d.looked(what, who, "ListIdentifiers", subject, y, err, want)
}

// downloads has an agent fetch a package. request is the one whose package it is.
func (d *desk) downloads(what string, as stack.Clients, who, request, subject string, y why, want string) {
	d.w.Helper()
	stream, err := as.Requests.DownloadPackage(d.context(y), &fulfilmentv1.DownloadPackageRequest{Request: request})
	size := 0
	for err == nil {
		var part *fulfilmentv1.DownloadPackageResponse
		if part, err = stream.Recv(); err == nil {
			size += len(part.GetData())
		}
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	if (err == nil) != (size > 0) {
		d.w.Errorf("%s: %d bytes with %v", what, size, err)
	}
	d.looked(what, who, "DownloadPackage", subject, y, err, want)
}

func (d *desk) bind(who string, until time.Time) {
	d.w.Helper()
	_, err := d.w.Officer(d.tenant).RecordUndertaking(stack.Deadline(d.w), &identityv1.RecordUndertakingRequest{
		RequestId: uuid.NewString(), Staff: who, Until: timestamppb.New(until), Evidence: "contract-1",
	})
	d.must(err)
}

func (d *desk) must(err error) {
	d.w.Helper()
	if err != nil {
		_, reason, _ := stack.Answer(err)
		d.w.Fatalf("%v (%s)", err, reason)
	}
}

func (d *desk) cases() fulfilmentv1.CaseServiceClient {
	return d.w.Named(d.tenant, "officer-1", "dpo").Cases
}

func (d *desk) assign(request string, duty fulfilmentv1.Duty, who string) {
	d.w.Helper()
	_, err := d.cases().AssignRequest(stack.Deadline(d.w), &fulfilmentv1.AssignRequestRequest{
		RequestId: uuid.NewString(), Request: request, Duty: duty, Staff: who,
	})
	d.must(err)
}

func (d *desk) unassign(request string, duty fulfilmentv1.Duty) {
	d.w.Helper()
	_, err := d.cases().UnassignRequest(stack.Deadline(d.w), &fulfilmentv1.UnassignRequestRequest{RequestId: uuid.NewString(), Request: request, Duty: duty})
	d.must(err)
}

// knows waits until identity knows, or no longer knows, of a case that somebody has.
func (d *desk) knows(who, request string, want bool) {
	d.w.Helper()
	testwait.For(d.w, 30*time.Second, func() error {
		got, err := d.w.Officer(d.tenant).GetStaff(stack.Deadline(d.w), &identityv1.GetStaffRequest{Staff: who})
		if err != nil {
			return err
		}
		has := slices.ContainsFunc(got.GetNeeds(), func(n *identityv1.Need) bool { return n.GetCaseId() == request })
		if has != want {
			return fmt.Errorf("identity knows of the case: %t", has)
		}
		return nil
	})
}

// needToKnow shows CW-10: role, need and a current undertaking are all asked for,
// each missing one alone is refused, and the read log tells of every look and of
// none besides.
func needToKnow(t *testing.T, w *world) {
	d := &desk{w: w, tenant: w.tenantOf(caseworksTenant), names: map[string]string{}}
	w.schedule(d.tenant, caseworksTenant)
	w.files.joins(w, d.tenant)
	for _, who := range []string{"vera", "fred", "carl", "ned"} {
		d.names[rpc.ActorID(d.tenant, who)] = who
	}
	for _, who := range []string{"vera", "fred", "carl"} {
		d.bind(who, time.Now().Add(time.Hour))
	}
	jane, john := d.asks(), d.asks()
	d.looksByCase(jane, john)
	d.looksAtPackages(jane, john)
	var told []string
	for _, r := range w.Reads(audit.ReadFilter{Tenant: d.tenant}) {
		if r.Actor == "" { // a service, for itself
			continue
		}
		who, subject := d.names[r.Actor], strings.Join(r.Subjects, ",")
		told = append(told, line(who, r.Method[strings.LastIndexByte(r.Method, '/')+1:], subject, r.Purpose, r.Case, r.Refusal))
		if r.Refusal == "" && r.Case != "" && !slices.Contains([]string{jane.request, john.request}, r.Case) || r.Count != 1 {
			t.Errorf("the read log says %+v", r)
		}
	}
	if diff := cmp.Diff(d.seen, told); diff != "" {
		t.Errorf("the read log is not the test's own list (-own +log):\n%s", diff)
	}
}

// asker is somebody who asked for access, with staff for their request: vera
// verifies and fred fulfils.
type asker struct{ ref, request string }

func (d *desk) asks() asker {
	d.w.Helper()
	email := uuid.NewString() + "@people.example"
	d.w.files.plant(d.w, email)
	a := asker{ref: d.w.Register(d.tenant, email)}
	before := d.w.Mail.Count(email)
	a.request = d.w.Submit(d.tenant, fulfilmentv1.Right_RIGHT_ACCESS, caseworksTenant, email)
	d.assign(a.request, fulfilmentv1.Duty_DUTY_VERIFIER, "vera")
	d.assign(a.request, fulfilmentv1.Duty_DUTY_FULFILLER, "fred")
	d.w.Verify(d.tenant, a.request, email, before)
	d.w.Closed(d.tenant, a.request)
	d.knows("vera", a.request, true)
	d.knows("fred", a.request, true)
	return a
}

const work = "case.identity"

// looksByCase has a verifier look at identifiers.
func (d *desk) looksByCase(jane, john asker) {
	d.w.Helper()
	of := why{work, jane.request}
	d.identifies("role, case and undertaking", "vera", "verifier", jane.ref, of, "")
	d.identifies("another role", "vera", "agent", jane.ref, of, "ROLE_REQUIRED")
	d.identifies("without the case", "vera", "verifier", jane.ref, why{work, ""}, "NEED_REQUIRED")
	d.identifies("somebody else's data", "vera", "verifier", john.ref, of, "OUTSIDE_NEED")
	d.identifies("the same role, not assigned", "carl", "verifier", jane.ref, of, "NEED_REQUIRED")
	d.identifies("the same role, not bound", "ned", "verifier", jane.ref, of, "UNDERTAKING_REQUIRED")
	_, err := d.w.Officer(d.tenant).EndUndertaking(stack.Deadline(d.w), &identityv1.EndUndertakingRequest{RequestId: uuid.NewString(), Staff: "vera"})
	d.must(err)
	d.identifies("an undertaking that was ended", "vera", "verifier", jane.ref, of, "UNDERTAKING_REQUIRED")
	end := time.Now().Add(time.Second)
	d.bind("vera", end)
	d.identifies("an undertaking that was renewed", "vera", "verifier", jane.ref, of, "")
	testwait.For(d.w, 10*time.Second, func() error {
		if !time.Now().After(end) {
			return errors.New("it has not lapsed yet")
		}
		return nil
	})
	d.identifies("an undertaking that has lapsed", "vera", "verifier", jane.ref, of, "UNDERTAKING_REQUIRED")
	d.bind("vera", time.Now().Add(time.Hour))
	d.unassign(jane.request, fulfilmentv1.Duty_DUTY_VERIFIER)
	d.knows("vera", jane.request, false)
	d.identifies("a need that has ended", "vera", "verifier", jane.ref, of, "NEED_REQUIRED")
	d.identifies("a need that has not", "vera", "verifier", john.ref, why{work, john.request}, "")
	d.grant("carl", work, time.Now().Add(time.Hour))
	d.identifies("by a purpose, without a case", "carl", "verifier", jane.ref, why{work, ""}, "")
}

func (d *desk) grant(who, purpose string, until time.Time) {
	d.w.Helper()
	_, err := d.w.Officer(d.tenant).GrantNeed(stack.Deadline(d.w), &identityv1.GrantNeedRequest{
		RequestId: uuid.NewString(), Staff: who, Need: &identityv1.Need{Purpose: purpose, Until: timestamppb.New(until)},
	})
	d.must(err)
}

// looksAtPackages has agents fetch packages. Fulfilment asks identity and remembers
// its answers for a moment, so that what ends does so within five seconds.
func (d *desk) looksAtPackages(jane, john asker) {
	d.w.Helper()
	proven := func(who string) stack.Clients { return d.w.Proven(d.tenant, who, "agent") }
	of := why{work, jane.request}
	d.downloads("the package of the case", proven("fred"), "fred", jane.request, jane.ref, of, "")
	d.downloads("without a step-up", d.w.Named(d.tenant, "fred", "agent"), "fred", jane.request, jane.ref, of, "STEP_UP_REQUIRED")
	d.downloads("by another case", proven("fred"), "fred", john.request, john.ref, of, "CASE_MISMATCH")
	d.downloads("without the case", proven("fred"), "fred", jane.request, jane.ref, why{work, ""}, "NEED_REQUIRED")
	d.downloads("not assigned", proven("carl"), "carl", jane.request, jane.ref, why{"case.other", jane.request}, "NEED_REQUIRED")
	d.downloads("by a purpose", proven("carl"), "carl", john.request, john.ref, why{work, john.request}, "")
	d.downloads("not bound", proven("ned"), "ned", jane.request, jane.ref, of, "UNDERTAKING_REQUIRED")
	d.unassign(jane.request, fulfilmentv1.Duty_DUTY_FULFILLER)
	d.knows("fred", jane.request, false)
	d.downloads("a duty that was taken back, for another purpose", proven("fred"), "fred", jane.request, jane.ref, why{"case.later", jane.request}, "NEED_REQUIRED")
	ended := time.Now().Add(5 * time.Second)
	testwait.For(d.w, 20*time.Second, func() error {
		if time.Now().Before(ended) {
			return errors.New("identity's answer may be remembered")
		}
		return nil
	})
	d.downloads("a duty that was taken back", proven("fred"), "fred", jane.request, jane.ref, of, "NEED_REQUIRED")
}
