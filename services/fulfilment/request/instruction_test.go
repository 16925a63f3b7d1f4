package request_test

import (
	"testing"
	"time"

	"habeas.internal/services/fulfilment/request"
)

const acme = "acme"

// held is somebody's request, proven, that waits for its controller.
func heldBy(controller string, more ...request.Event) []request.Event {
	s := request.Submitted{Right: request.Erasure, ReceivedAt: noon(), At: noon(), Terms: request.Terms{
		DueAt: after(720 * time.Hour), Instructing: request.Instructing{Period: "P10D"}, Controller: controller,
	}}
	return with([]request.Event{
		s,
		request.NoticeOwed{Notice: notice, Template: "acknowledged"},
		request.VerificationStarted{Verification: notice, ExpiresAt: after(time.Minute), At: noon()},
		request.Verified{SubjectRef: subject, Level: 2, At: noon()},
		request.ContactNoted{},
	}, more...)
}

func asked() request.Event {
	return request.InstructionAsked{
		Controller: acme, DueAt: after(240 * time.Hour), Reminders: []time.Time{after(120 * time.Hour)}, At: noon(),
	}
}

func owed(template string) request.Event {
	return request.NoticeOwed{Notice: notice, Template: template}
}

func rejection() request.Rejection {
	return request.Rejection{Ground: "legal_claims", Rules: []string{"gdpr@1: Art. 17(3)(e)"}, At: noon()}
}

func instructions() []decision {
	named := func(c string) request.Event { return request.ControllerNamed{Controller: c, By: intake, At: noon()} }
	name := func(c string, gone bool) request.Command {
		return request.NameController{Controller: c, By: intake, Gone: gone, At: noon()}
	}
	carryOut := request.Instruct{By: anna, Speaks: true, At: noon()}
	foreign, own, rejects, barred := carryOut, carryOut, carryOut, carryOut
	foreign.Speaks, own.Own = false, true
	r := rejection()
	rejects.Reject, barred.Reject, barred.Barred = &r, &r, "DECLINE_GROUND_NOT_PERMITTED"
	given := request.InstructionGiven{Controller: acme, By: anna, At: noon()}
	no := request.Rejected(rejection())
	no.Controller, no.By = acme, anna
	unproven := []request.Event{heldBy(acme)[0]}
	return []decision{
		{"a request is about the data of the controller that is named", heldBy(""), name(acme, false), one(named(acme)), nil},
		{"naming it twice is to name it once", heldBy(acme), name(acme, false), nil, nil},
		{"another one does not take its place", heldBy(acme), name("beta", false), refused("name_controller", request.ErrControllerNamed), request.ErrControllerNamed},
		{"unless it has ended", heldBy(acme), name("beta", true), one(named("beta")), nil},
		{"where nobody is waited for nobody is named", verified(), name(acme, false), refused("name_controller", request.ErrNoInstruction), request.ErrNoInstruction},
		{"a controller is asked once", heldBy(acme, asked()), request.AskController{Controller: acme, DueAt: noon(), At: noon()}, nil, nil},
		{"no controller is asked before it is proven who asks", unproven, request.AskController{Controller: acme, At: noon()}, nil, request.ErrOutOfStep},
		{"the controller lets it be carried out", heldBy(acme, asked()), carryOut, one(given), nil},
		{"to say so twice is to say it once", heldBy(acme, asked(), given), carryOut, nil, nil},
		{"who speaks for another controller is refused", heldBy(acme, asked()), foreign, refused("instruct", request.ErrForeignController), request.ErrForeignController},
		{"nobody instructs on a request of their own", heldBy(acme, asked()), own, refused("instruct", request.ErrOwnRequest), request.ErrOwnRequest},
		{"the controller rejects it, on a ground", heldBy(acme, asked()), rejects, one(no), nil},
		{"on no ground that the laws don't permit", heldBy(acme, asked()), barred, refused("instruct", "DECLINE_GROUND_NOT_PERMITTED"), request.Refusal("DECLINE_GROUND_NOT_PERMITTED")},
		{"what it let be carried out it does not reject", heldBy(acme, asked(), given), rejects, refused("instruct", request.ErrNoInstruction), request.ErrNoInstruction},
		{"nor what was withdrawn", heldBy(acme, asked(), request.Withdrawn{At: noon()}), rejects, refused("instruct", request.ErrOver), request.ErrOver},
		{"the processor does not reject what the controller decides on", heldBy(acme, asked()), request.Reject{Rejection: rejection()}, refused("reject", request.ErrControllerDecides), request.ErrControllerDecides},
		{"the person withdraws it meanwhile", heldBy(acme, asked()), request.Withdraw{At: noon()}, one(request.Withdrawn{At: noon()}), nil},
	}
}

// TestASilentControllerIsWaitedFor: it is told again and again until it is late, what
// is awaited is said, and its silence neither carries the request out nor ends it.
func TestASilentControllerIsWaitedFor(t *testing.T) {
	told := []request.Event{asked(), owed("instruction_asked")}
	again := append(told, owed("instruction_reminder.1"))
	for name, tc := range map[string]struct {
		events         []request.Event
		at             time.Time
		due            request.Step
		actor, awaited string
		next           time.Time
		byItself       string
	}{
		"nobody has said which":     {heldBy(""), noon(), "", "intake", "controller.name", time.Time{}, ""},
		"it is to be asked":         {heldBy(acme), noon(), request.StepAsk, "fulfilment", "controller.ask", time.Time{}, ""},
		"it is being asked":         {heldBy(acme, asked()), noon(), request.StepRemind, "controller", "controller.instruction", noon(), "controller.reminder"},
		"it was asked":              {heldBy(acme, told...), after(time.Hour), "", "controller", "controller.instruction", after(120 * time.Hour), "controller.reminder"},
		"it is silent":              {heldBy(acme, told...), after(120 * time.Hour), request.StepRemind, "controller", "controller.instruction", after(120 * time.Hour), "controller.reminder"},
		"it was reminded":           {heldBy(acme, again...), after(121 * time.Hour), "", "controller", "controller.instruction", after(240 * time.Hour), "controller.overdue"},
		"it is late":                {heldBy(acme, again...), after(241 * time.Hour), request.StepRemind, "controller", "controller.instruction", after(240 * time.Hour), "controller.overdue"},
		"it is late, and knows":     {heldBy(acme, append(again, owed("instruction_overdue"))...), after(9999 * time.Hour), "", "controller", "controller.instruction", time.Time{}, ""},
		"it has let it be done":     {heldBy(acme, asked(), request.InstructionGiven{Controller: acme, At: noon()}), noon(), request.StepEnter, "fulfilment", "manifest.commit", time.Time{}, ""},
		"it was withdrawn":          {heldBy(acme, asked(), request.Withdrawn{At: noon()}), noon(), request.StepClose, "fulfilment", "request.close", time.Time{}, ""},
		"a service asks for itself": {with(one(service(heldBy("")[0])), heldBy("")[1:]...), noon(), request.StepEnter, "fulfilment", "manifest.commit", time.Time{}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := fold(tc.events)
			var due request.Step
			for _, e := range request.Next(s, tc.at) {
				due = e.Step
			}
			x := request.Explain(s)
			if due != tc.due || x.Actor != tc.actor || x.Awaited != tc.awaited || !x.NextTryAt.Equal(tc.next) || x.ByItself != tc.byItself {
				t.Errorf("due %q, explained as %+v", due, x)
			}
			if x.Actor == "controller" && (x.Controller != acme || !x.Since.Equal(noon()) || !x.OverdueAt.Equal(after(240*time.Hour))) {
				t.Errorf("explained as %+v", x)
			}
			if !tc.next.IsZero() && tc.next.After(tc.at) && !request.Wake(s, tc.at).Equal(tc.next) {
				t.Errorf("wakes at %v, want %v", request.Wake(s, tc.at), tc.next)
			}
		})
	}
}

func service(ev request.Event) request.Event {
	s := ev.(request.Submitted)
	s.Service = "identity"
	return s
}
