package request_test

import (
	"testing"
	"time"

	"habeas.internal/services/fulfilment/request"

	"github.com/google/go-cmp/cmp"
)

// The staff of these tests.
const (
	vera   = "veraveraveraveraveraverave"
	fred   = "fredfredfredfredfredfredfa"
	anna   = "annaannaannaannaannaannaaa"
	intake = "intakeintakeintakeintakeia"
)

func assigned(d request.Duty, staff string) request.Event {
	return request.Assigned{Duty: d, Staff: staff, By: intake, At: noon()}
}

func unassigned(d request.Duty, staff string) request.Event {
	return request.Unassigned{Duty: d, Staff: staff, By: intake, At: noon()}
}

func assign(d request.Duty, staff string) request.Command {
	return request.Assign{Duty: d, Staff: staff, By: intake, At: noon()}
}

func refused(command string, r request.Refusal) []request.Event {
	return one(request.CommandRefused{Command: command, Reason: r.Reason()})
}

// taken is a request that somebody of the staff took in.
func taken(by string) []request.Event {
	return []request.Event{request.Submitted{Right: request.Erasure, TakenBy: by, ReceivedAt: noon(), At: noon()}}
}

func staffings() []decision {
	vf := with(verified(), assigned(request.Verifier, vera), assigned(request.Fulfiller, fred))
	checked := with(one(submitted(request.Erasure)), request.Verified{SubjectRef: subject, Level: 3, Method: "staff", By: vera, At: noon()})
	return []decision{
		{"a duty is given", verified(), assign(request.Verifier, vera), one(assigned(request.Verifier, vera)), nil},
		{"a duty that they have is given once", vf, assign(request.Verifier, vera), nil, nil},
		{"a duty goes from one to another", vf, assign(request.Verifier, anna), one2(unassigned(request.Verifier, vera), assigned(request.Verifier, anna)), nil},
		{"who verifies does not fulfil", vf, assign(request.Fulfiller, vera), refused("assign", request.ErrSeparation), request.ErrSeparation},
		{"who fulfils does not verify", vf, assign(request.Verifier, fred), refused("assign", request.ErrSeparation), request.ErrSeparation},
		{"who verifies does not approve", vf, assign(request.Approver, vera), refused("assign", request.ErrSeparation), request.ErrSeparation},
		{"who approves does not verify", with(verified(), assigned(request.Approver, anna)), assign(request.Verifier, anna), refused("assign", request.ErrSeparation), request.ErrSeparation},
		{"who gave a duty back may have another", with(vf, unassigned(request.Verifier, vera)), assign(request.Approver, vera), one(assigned(request.Approver, vera)), nil},
		{"who took a request in does not approve it", taken(anna), assign(request.Approver, anna), refused("assign", request.ErrSeparation), request.ErrSeparation},
		{"who took a request in may fulfil it", taken(anna), assign(request.Fulfiller, anna), one(assigned(request.Fulfiller, anna)), nil},
		{"who has checked who asks does not fulfil, though never assigned", checked, assign(request.Fulfiller, vera), refused("assign", request.ErrSeparation), request.ErrSeparation},
		{"who has checked who asks does not approve", checked, assign(request.Approver, vera), refused("assign", request.ErrSeparation), request.ErrSeparation},
		{"who has checked who asks may be their verifier", checked, assign(request.Verifier, vera), one(assigned(request.Verifier, vera)), nil},
		{"nobody assigns themselves", verified(), assign(request.Verifier, intake), refused("assign", request.ErrSelf), request.ErrSelf},
		{"a closed request takes no staff", with(verified(), request.Closed{At: noon()}), assign(request.Verifier, vera), refused("assign", request.ErrOver), request.ErrOver},
		{"a duty that nobody has is not taken back", verified(), request.Unassign{Duty: request.Verifier, By: intake, At: noon()}, nil, nil},
		{"a duty is taken back", vf, request.Unassign{Duty: request.Verifier, By: intake, At: noon()}, one(unassigned(request.Verifier, vera)), nil},
		{"nobody is assigned to nothing", nil, assign(request.Verifier, vera), nil, request.ErrNoRequest},
	}
}

// waiting is an erasure whose manifest waits for approval.
func waiting(more ...request.Event) []request.Event {
	return with(
		with(verified(), request.Activated{At: noon()}, request.Frozen{At: noon()},
			request.ManifestCommitted{Leaves: []request.Planned{erases()}, Approval: true, At: noon()}, assigned(request.Approver, anna)),
		more...)
}

func by(staff string, revision int) request.ApprovalBy {
	return request.ApprovalBy{By: staff, Revision: revision, Seen: true, At: noon()}
}

func approved() request.Event { return request.Approved{Digest: "d", By: anna, At: noon()} }

func approvals() []decision {
	approve := func(b request.ApprovalBy) request.Command { return request.Approve{ApprovalBy: b, Digest: "d"} }
	decline := request.Decline{ApprovalBy: by(anna, 1), Reason: "MUST_BE_KEPT"}
	declined := request.Declined{Reason: "MUST_BE_KEPT", By: anna, At: noon()}
	unseen, own := by(anna, 1), by(anna, 1)
	unseen.Seen, own.Own = false, true
	changed := request.LeavesDecided{System: "shop", Leaves: []request.Planned{leaf(1, "shop", request.Keep)}, At: noon()}
	begin := request.StartLeaves{System: "shop", Permit: notice, PermitAt: after(time.Minute), Leaves: []request.Found{{Leaf: 1, Rows: 2}}, At: noon()}
	return []decision{
		{"an approver approves", waiting(), approve(by(anna, 1)), one(approved()), nil},
		{"to approve twice is to approve once", waiting(approved()), approve(by(anna, 1)), nil, nil},
		{"nobody approves who is not assigned to", waiting(), approve(by(fred, 1)), refused("approve", request.ErrNotApprover), request.ErrNotApprover},
		{"who verifies does not approve, even with the role", waiting(assigned(request.Verifier, vera)), approve(by(vera, 1)), refused("approve", request.ErrSeparation), request.ErrSeparation},
		{"nobody approves a request of their own", waiting(), approve(own), refused("approve", request.ErrSeparation), request.ErrSeparation},
		{"another manifest than the one that was seen is not approved", waiting(), approve(unseen), refused("approve", request.ErrManifestChanged), request.ErrManifestChanged},
		{"a manifest that changed meanwhile is not approved", waiting(changed), approve(by(anna, 1)), refused("approve", request.ErrManifestChanged), request.ErrManifestChanged},
		{"a manifest that changed after its approval needs another one", waiting(approved(), changed), approve(by(anna, 2)), one(approved()), nil},
		{"where nobody asked for approval there is none", with(planned(erases()), assigned(request.Approver, anna)), approve(by(anna, 1)), refused("approve", request.ErrNoApproval), request.ErrNoApproval},
		{"a withdrawn request is not approved", waiting(request.Withdrawn{At: noon()}), approve(by(anna, 1)), refused("approve", request.ErrOver), request.ErrOver},
		{"nothing is begun without approval", waiting(), begin, nil, request.ErrOutOfStep},
		{"nothing is begun after a change of what was approved", waiting(approved(), changed), begin, nil, request.ErrOutOfStep},
		{"who has approved does not fulfil, even unassigned", waiting(approved(), unassigned(request.Approver, anna)), assign(request.Fulfiller, anna), refused("assign", request.ErrSeparation), request.ErrSeparation},
		{"an approver declines", waiting(), decline, one(declined), nil},
		{"to decline twice is to decline once", waiting(declined), decline, nil, nil},
		{"what was declined may be approved after all", waiting(declined), approve(by(anna, 1)), one(approved()), nil},
		{"what was approved is not declined", waiting(approved()), decline, refused("decline_approval", request.ErrNoApproval), request.ErrNoApproval},
		{"what was declined is tried again when somebody asks", waiting(declined), request.Retry{At: noon()}, one(request.Resumed{Cause: "retry", At: noon()}), nil},
		{"what is being evaluated anew is not approved", waiting(declined, request.Resumed{Cause: "retry", At: noon()}), approve(by(anna, 1)), refused("approve", request.ErrNoApproval), request.ErrNoApproval},
		{"what waits for approval may be withdrawn", waiting(), request.Withdraw{At: noon()}, one(request.Withdrawn{At: noon()}), nil},
	}
}

// TestNothingIsDueBeforeApproval: neither a system nor identity is touched, and
// what is awaited, of whom and since when, is said.
func TestNothingIsDueBeforeApproval(t *testing.T) {
	lost := request.LeavesCompleted{System: "shop", Leaves: []request.Ended{{Done: request.Done{Leaf: 1}, Outcome: request.Lost}}, At: noon()}
	for name, tc := range map[string]struct {
		events                 []request.Event
		due                    []request.Step
		actor, awaited, reason string
	}{
		"it waits":                   {waiting(), nil, "approver", "manifest.approval", ""},
		"nobody is assigned":         {waiting(unassigned(request.Approver, anna)), nil, "approver", "manifest.approval", "APPROVER_NOT_ASSIGNED"},
		"all that it named was lost": {waiting(lost), nil, "approver", "manifest.approval", ""},
		"it was declined":            {waiting(request.Declined{Reason: "MUST_BE_KEPT", By: anna, At: noon()}), nil, "fulfiller", "manifest.review", "MUST_BE_KEPT"},
		"it is evaluated anew": {
			waiting(request.Declined{Reason: "X", By: anna, At: noon()}, request.Resumed{Cause: "retry", At: noon()}),
			[]request.Step{request.StepReview},
			"fulfilment", "manifest.review", "",
		},
		"it is approved": {waiting(approved()), []request.Step{request.StepErase}, "fulfilment", "leaf.carry", ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := fold(tc.events)
			s.Notices, s.ContactNoted = []request.Notice{{Template: request.TemplateAcknowledged}}, true
			s.Case.Needs = nil
			var due []request.Step
			for _, e := range request.Next(s, noon()) {
				due = append(due, e.Step)
			}
			x := request.Explain(s)
			if diff := cmp.Diff(tc.due, due); diff != "" || x.Actor != tc.actor || x.Awaited != tc.awaited || x.Reason != tc.reason || !x.Since.Equal(noon()) {
				t.Errorf("explained as %+v, due (-want +got):\n%s", x, diff)
			}
			if s.Terms.DueAt.IsZero() || !x.OverdueAt.Equal(s.Terms.DueAt) {
				t.Error("the clock does not go on")
			}
		})
	}
}

// TestWhatWaitsForApprovalLetsAnAccessGoFirst: it may wait for weeks.
func TestWhatWaitsForApprovalLetsAnAccessGoFirst(t *testing.T) {
	for name, tc := range map[string]struct {
		events []request.Event
		want   bool
	}{
		"it waits":              {waiting(), true},
		"it waits again":        {waiting(approved(), started(1), completed(request.Erased), request.LeavesDecided{System: "crm", At: noon()}), true},
		"somebody is at work":   {waiting(approved(), started(1), request.LeavesDecided{System: "crm", At: noon()}), false},
		"it is approved":        {waiting(approved()), false},
		"nobody has to approve": {planned(erases()), false},
		"it has been withdrawn": {waiting(request.Withdrawn{At: noon()}), false},
		"it waits for its turn": {waiting(request.Yielded{To: notice, At: noon()}), false},
		"it was declined":       {waiting(request.Declined{Reason: "X", By: anna, At: noon()}), true},
		"a forgotten person's":  {waiting(request.SubjectForgotten{}), false},
		"it has its turn again": {waiting(request.Yielded{To: notice, At: noon()}, request.Activated{At: noon()}), true},
	} {
		t.Run(name, func(t *testing.T) {
			if got := fold(tc.events).Held(noon()); got != tc.want {
				t.Errorf("lets others go first: %t", got)
			}
		})
	}
}

// TestWhatIdentityIsToldOfACase follows one person's need from their assignment to
// the end of the case.
func TestWhatIdentityIsToldOfACase(t *testing.T) {
	granted := request.NeedGranted{Staff: vera, Until: after(request.NeedLasts), At: noon()}
	ended := request.NeedEnded{Staff: vera, At: noon()}
	given := with(verified(), assigned(request.Verifier, vera))
	package1 := request.PackageReady{Package: "p", ExpiresAt: after(time.Hour)}
	for name, tc := range map[string]struct {
		events []request.Event
		at     time.Time
		grant  bool
		end    bool
	}{
		"assigned":                              {given, noon(), true, false},
		"nobody has proven who asks":            {with(one(submitted(request.Access)), assigned(request.Verifier, vera)), noon(), false, false},
		"told":                                  {with(given, granted), noon(), false, false},
		"told, and it runs out":                 {with(given, granted), after(request.NeedLasts), true, false},
		"unassigned":                            {with(given, granted, unassigned(request.Verifier, vera)), noon(), false, true},
		"unassigned before it was told":         {with(given, unassigned(request.Verifier, vera)), noon(), false, true},
		"told after they were unassigned":       {with(given, unassigned(request.Verifier, vera), ended, granted), noon(), false, true},
		"unassigned and assigned again":         {with(given, granted, unassigned(request.Verifier, vera), assigned(request.Fulfiller, vera), ended), noon(), true, false},
		"unassigned, and identity knows":        {with(given, granted, unassigned(request.Verifier, vera), ended), noon(), false, false},
		"closed":                                {with(given, granted, request.Closed{At: noon()}), noon(), false, true},
		"closed, and identity knows":            {with(given, granted, request.Closed{At: noon()}, ended), noon(), false, false},
		"closed, with a package":                {with(given, granted, package1, request.Closed{At: noon()}), noon(), false, false},
		"closed, with a package that has ended": {with(given, granted, package1, request.Closed{At: noon()}, request.PackageExpired{}), noon(), false, true},
	} {
		t.Run(name, func(t *testing.T) {
			n, owed := fold(tc.events).NeedOwed(tc.at)
			if owed != (tc.grant || tc.end) || owed && (n.Staff != vera || n.Ends != tc.end) {
				t.Errorf("owed %t: %+v", owed, n)
			}
		})
	}
}

// TestTheManifestsTextTellsManifestsApart: whatever may change changes it.
func TestTheManifestsTextTellsManifestsApart(t *testing.T) {
	text := func(change func(*request.Planned)) string {
		p := leaf(1, "shop", request.Keep)
		change(&p)
		return fold(planned(p)).Manifest()
	}
	seen := map[string]bool{text(func(*request.Planned) {}): true}
	for i, change := range []func(*request.Planned){
		func(p *request.Planned) { p.System = "crm" }, func(p *request.Planned) { p.Version = 2 }, func(p *request.Planned) { p.Collection = "x" },
		func(p *request.Planned) { p.Category = "x" }, func(p *request.Planned) { p.Decision = request.Erase }, func(p *request.Planned) { p.Rows = 9 },
		func(p *request.Planned) { p.Ground = "x" }, func(p *request.Planned) { p.Authority = "x" }, func(p *request.Planned) { p.Until = noon() },
		func(p *request.Planned) { p.Rule = "x" },
	} {
		if got := text(change); seen[got] {
			t.Errorf("change %d makes no difference", i)
		} else {
			seen[got] = true
		}
	}
}

// TestWhoHandsOutAPackage: the fulfiller; or, where there is none, nobody with
// another part in the case.
func TestWhoHandsOutAPackage(t *testing.T) {
	fulfilled := []request.Assignment{{Duty: request.Fulfiller, Staff: "fred"}, {Duty: request.Verifier, Staff: "vera"}}
	for name, tc := range map[string]struct {
		c     request.Case
		staff string
		want  bool
	}{
		"the fulfiller":             {request.Case{Duties: fulfilled}, "fred", true},
		"somebody else":             {request.Case{Duties: fulfilled}, "eve", false},
		"the verifier":              {request.Case{Duties: fulfilled}, "vera", false},
		"nobody was given the duty": {request.Case{}, "eve", true},
		"the verifier, for want":    {request.Case{Duties: fulfilled[1:]}, "vera", false},
		"who has checked, for want": {request.Case{Acts: []request.Act{{Duty: request.Verifier, Staff: "vera"}}}, "vera", false},
	} {
		if got := tc.c.Fulfils(tc.staff); got != tc.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}
