package request

import (
	"strconv"
	"time"
)

// Instruction is the word of the controller whose processor the tenant is: without
// it nothing is looked up and nothing is changed, and nothing ends by its silence.
type Instruction struct {
	Controller string
	AskedAt    time.Time
	DueAt      time.Time // from when on it is overdue
	Reminders  []time.Time
	Given      bool
	By         string // who spoke for the controller
	At         time.Time
}

// Instructing is what a policy says of the controller's word, as it was pinned.
type Instructing struct {
	// Period is how long it may take, as an ISO 8601 period; empty: it is not asked.
	Period string
	// Reminders are the periods, from the question, after which it is reminded.
	Reminders []string
}

// NameController says whose data the request is about.
type NameController struct {
	Controller, By string
	Gone           bool // the one that was named has ended
	At             time.Time
}

// AskController begins the controller's own clock.
type AskController struct {
	Controller string
	DueAt      time.Time
	Reminders  []time.Time
	At         time.Time
}

// Instruct is the controller's word. Speaks: who gives it speaks for the request's
// controller. Own: they made the request themselves. Reject: it is not to be carried
// out. Barred is why that ground is none, as whoever has looked says.
type Instruct struct {
	By     string
	Speaks bool
	Own    bool
	Reject *Rejection
	Barred Refusal
	At     time.Time
}

func (NameController) command() {}
func (AskController) command()  {}
func (Instruct) command()       {}

// ControllerNamed says whose data the request is about.
type ControllerNamed struct {
	Controller, By string
	At             time.Time
}

// InstructionAsked says since when the controller is waited for, and until when.
type InstructionAsked struct {
	Controller string
	DueAt      time.Time
	Reminders  []time.Time
	At         time.Time
}

// InstructionGiven says that the controller lets the request be carried out.
type InstructionGiven struct {
	Controller, By string
	At             time.Time
}

func (ControllerNamed) event()  {}
func (InstructionAsked) event() {}
func (InstructionGiven) event() {}

const (
	// ErrNoInstruction refuses a controller's word that nothing waits for.
	ErrNoInstruction = Refusal("INSTRUCTION_NOT_AWAITED")
	// ErrForeignController refuses it to whoever speaks for another controller, or
	// for none.
	ErrForeignController = Refusal("CONTROLLER_FOREIGN")
	// ErrControllerNamed refuses to name another controller than the one that is named.
	ErrControllerNamed = Refusal("CONTROLLER_ALREADY_NAMED")
	// ErrControllerDecides refuses the processor a decision that is the controller's.
	ErrControllerDecides = Refusal("CONTROLLER_DECIDES")
)

// NoController is the reason while nobody has said whose data a request is about.
const NoController = "CONTROLLER_NOT_NAMED"

// The messages to a controller.
const (
	TemplateAsked    = "instruction_asked"
	TemplateReminder = "instruction_reminder"
	TemplateOverdue  = "instruction_overdue"
)

// AwaitsInstruction reports whether the request is not carried out before its
// controller has said so. What the system itself asks for, by law, is not asked
// about.
func (s Request) AwaitsInstruction() bool {
	return s.Submitted && s.Terms.Instructing.Period != "" && s.Service == "" && !s.Instruction.Given && !s.Placed && !s.over()
}

// ToController is the next message to the controller, and when it is due; empty once
// none is left.
func (s Request) ToController() (template string, at time.Time) {
	i := s.Instruction
	if i.AskedAt.IsZero() {
		return "", time.Time{}
	}
	if t := s.round(TemplateAsked); !s.owed(t) {
		return t, i.AskedAt
	}
	for n, at := range i.Reminders {
		if t := s.round(TemplateReminder + "." + strconv.Itoa(n+1)); !s.owed(t) && at.Before(i.DueAt) {
			return t, at
		}
	}
	if t := s.round(TemplateOverdue); !s.owed(t) {
		return t, i.DueAt
	}
	return "", time.Time{}
}

// instructing is what is due while the controller is waited for.
func (s Request) instructing(now time.Time) []Effect {
	if s.Instruction.Controller == "" {
		return nil
	}
	if s.Instruction.AskedAt.IsZero() {
		return one(StepAsk)
	}
	if template, at := s.ToController(); template != "" && !now.Before(at) {
		return one(StepRemind)
	}
	return nil
}

// instruction decides what concerns the controller.
func instruction(s Request, cmd Command) ([]Event, error) {
	switch c := cmd.(type) { //nolint:gochecksumtype // Decide chose what concerns the controller
	case NameController:
		switch {
		case s.over():
			return refuse("name_controller", ErrOver)
		case s.Instruction.Controller == c.Controller:
			return nil, nil
		case s.Terms.Instructing.Period == "", s.Instruction.Given:
			return refuse("name_controller", ErrNoInstruction)
		case s.Instruction.Controller != "" && !c.Gone:
			return refuse("name_controller", ErrControllerNamed)
		}
		return []Event{ControllerNamed{Controller: c.Controller, By: c.By, At: c.At}}, nil
	case AskController:
		if !s.AwaitsInstruction() || !s.Assured() || s.Instruction.Controller != c.Controller {
			return nil, ErrOutOfStep
		}
		return once(!s.Instruction.AskedAt.IsZero(), InstructionAsked(c))
	case Instruct:
		return instruct(s, c)
	}
	return nil, errUnknown
}

// instruct decides the controller's word. Its decline is a rejection like any other.
func instruct(s Request, c Instruct) ([]Event, error) {
	switch {
	case s.Instruction.Given && s.Instruction.By == c.By && c.Reject == nil:
		return nil, nil
	case !c.Speaks:
		return refuse("instruct", ErrForeignController)
	case c.Own:
		return refuse("instruct", ErrOwnRequest)
	case s.over():
		return refuse("instruct", ErrOver)
	case !s.AwaitsInstruction() || !s.Assured():
		return refuse("instruct", ErrNoInstruction)
	case c.Reject == nil:
		return []Event{InstructionGiven{Controller: s.Instruction.Controller, By: c.By, At: c.At}}, nil
	case c.Barred != "":
		return refuse("instruct", c.Barred)
	}
	r := *c.Reject
	r.Controller, r.By, r.Leaves, r.At = s.Instruction.Controller, c.By, nil, c.At
	return []Event{Rejected(r)}, nil
}

func evolveInstruction(s Request, ev Event) Request {
	switch e := ev.(type) { //nolint:gochecksumtype // Evolve chose the events of the controller
	case ControllerNamed:
		s.Instruction, s.Since = Instruction{Controller: e.Controller}, e.At
	case InstructionAsked:
		s.Instruction.AskedAt, s.Instruction.DueAt, s.Instruction.Reminders, s.Since = e.At, e.DueAt, e.Reminders, e.At
	case InstructionGiven:
		s.Instruction.Given, s.Instruction.By, s.Instruction.At, s.Since = true, e.By, e.At, e.At
	}
	return s
}

// explainInstruction says that the controller is waited for, or whoever is to name
// it.
func explainInstruction(s Request, x Explanation) Explanation {
	if s.Instruction.Controller == "" {
		x.Actor, x.Awaited, x.Reason = ActorIntake, "controller.name", NoController
		return x
	}
	x.Actor, x.Awaited, x.Controller, x.Since = ActorController, "controller.instruction", s.Instruction.Controller, s.Instruction.AskedAt
	if x.OverdueAt.IsZero() || s.Instruction.DueAt.Before(x.OverdueAt) {
		x.OverdueAt = s.Instruction.DueAt
	}
	if template, at := s.ToController(); template != "" {
		x.NextTryAt, x.ByItself = at, "controller.reminder"
		if template == s.round(TemplateOverdue) {
			x.ByItself = "controller.overdue"
		}
	}
	return x
}
