package person_test

import (
	"slices"
	"testing"
	"time"

	"habeas.internal/services/consent/person"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func until(at time.Time) func(*person.Decision) {
	return func(d *person.Decision) { d.ExpiresAt = at }
}

func void(at, recorded time.Time, purposes ...string) person.ConsentInvalidated {
	return person.ConsentInvalidated{Policy: "p", Purposes: purposes, Ground: "notice_misleading", InvalidatedAt: at, RecordedAt: recorded}
}

func invalidate(at, recorded time.Time) person.Invalidate {
	return person.Invalidate{Policy: "p", Purposes: []string{"mail"}, Ground: "notice_misleading", InvalidatedAt: at, At: recorded}
}

func over(of, at, recorded time.Time) person.ConsentExpired {
	return person.ConsentExpired{Topic: person.Topic{Policy: "p", Name: "mail"}, DecidedAt: of, ExpiredAt: at, RecordedAt: recorded}
}

func refuses(r person.Refusal) []person.Event {
	return []person.Event{person.DecisionRefused{Policy: "p", Reason: r.Reason()}}
}

func TestAnActIsRecordedWhollyOrNotAtAll(t *testing.T) {
	at := noon()
	before := act(person.Given, at.Add(-1))
	batch := func(choices ...person.Choice) person.Record {
		return person.Record{Policy: "p", Version: 1, Choices: choices, Evidence: "e", DecidedAt: at, At: at, Circumstances: person.Circumstances{Channel: "web"}}
	}
	chose := func(purpose string, s person.Status, known bool) person.Choice {
		return person.Choice{Purpose: purpose, Status: s, Explicit: true, Known: known}
	}
	event := func(purpose string, s person.Status) person.DecisionRecorded {
		e := act(s, at)
		e.Purpose, e.Circumstances.Channel = purpose, "web"
		return e
	}
	check(t, []decision{
		{"all of it", nil, batch(chose("mail", person.Given, true), chose("ads", person.Refused, true)), []person.Event{event("mail", person.Given), event("ads", person.Refused)}, nil},
		{"nothing of it, if one choice is forbidden", []person.Event{before}, batch(chose("ads", person.Refused, true), chose("spying", person.Given, false)), refuses(person.ErrNotDescribed), person.ErrNotDescribed},
		{"nothing of it of somebody unknown", nil, batch(chose("ads", person.Refused, true), chose("spying", person.Given, false)), nil, person.ErrNotDescribed},
	})
}

func TestRenewingNeedsSomethingToRenew(t *testing.T) {
	at, later := noon(), noon().Add(time.Hour)
	given, renewed := act(person.Given, at, until(at.Add(time.Minute))), act(person.Renewed, later)
	check(t, []decision{
		{"what stands", []person.Event{act(person.Given, at)}, record(renewed), []person.Event{renewed}, nil},
		{"what has just ended", []person.Event{given}, record(renewed), []person.Event{over(at, at.Add(time.Minute), later), renewed}, nil},
		{"what has ended and was noted", []person.Event{given, over(at, at.Add(time.Minute), later)}, record(renewed), []person.Event{renewed}, nil},
		{"not what was never given", []person.Event{act(person.Offered, at)}, record(renewed), refuses(person.ErrNotGiven), person.ErrNotGiven},
		{"not what was withdrawn", []person.Event{act(person.Withdrawn, at)}, record(renewed), refuses(person.ErrNotGiven), person.ErrNotGiven},
		{"not what is void", []person.Event{void(at, at, "mail")}, record(renewed), refuses(person.ErrNotGiven), person.ErrNotGiven},
		{"not without evidence", []person.Event{given}, record(act(person.Renewed, later, unproven)), refuses(person.ErrNoEvidence), person.ErrNoEvidence},
		{"not by silence", []person.Event{given}, record(act(person.Renewed, later, func(d *person.Decision) { d.Explicit = false })), refuses(person.ErrNotGiven), person.ErrNotGiven},
	})
}

func TestAnEndIsRecordedWithTheNextAct(t *testing.T) {
	at, end, later := noon(), noon().Add(time.Minute), noon().Add(time.Hour)
	given, no := act(person.Given, at, until(end)), act(person.Withdrawn, later)
	check(t, []decision{
		{"of the person", []person.Event{given}, record(no), []person.Event{over(at, end, later), no}, nil},
		{"of the controller", []person.Event{given}, invalidate(later, later), []person.Event{over(at, end, later), void(later, later, "mail")}, nil},
		{"once", []person.Event{given, over(at, end, later)}, record(no), []person.Event{no}, nil},
		{"not before it is there", []person.Event{given}, record(act(person.Withdrawn, at)), []person.Event{act(person.Withdrawn, at)}, nil},
		{"a grant that ends before it begins is none", []person.Event{given}, record(act(person.Given, later, until(later))), refuses(person.ErrEnded), person.ErrEnded},
	})
	s := fold(given)
	for when, want := range map[time.Time]person.Status{end.Add(-1): person.Given, end: person.Expired, later: person.Expired} {
		if got := s.Purposes[person.Topic{Policy: "p", Name: "mail"}].Decision.At(when); got != want {
			t.Errorf("at %s: %d, want %d", when, got, want)
		}
	}
}

func TestTheControllerMakesConsentVoid(t *testing.T) {
	at, later := noon(), noon().Add(time.Hour)
	check(t, []decision{
		{"that was given", []person.Event{act(person.Given, at)}, invalidate(later, later), []person.Event{void(later, later, "mail")}, nil},
		{"that may yet be recorded", nil, invalidate(later, later), []person.Event{void(later, later, "mail")}, nil},
		{"once", []person.Event{void(later, later, "mail")}, invalidate(later, later), nil, nil},
		{"not what was given since", []person.Event{act(person.Given, later)}, invalidate(at, later), nil, nil},
		{"not in the future", nil, invalidate(later, at), nil, person.ErrInFuture},
	})
	for name, tc := range map[string]struct {
		events []person.Event
		want   person.Status
	}{
		"a late yes":       {[]person.Event{void(later, later, "mail"), act(person.Given, at)}, person.Invalidated},
		"a yes since then": {[]person.Event{void(at, later, "mail"), act(person.Given, later)}, person.Given},
		"a no stays a no":  {[]person.Event{act(person.Withdrawn, later), void(later, later, "mail")}, person.Withdrawn},
	} {
		if got := fold(tc.events...).Purposes[person.Topic{Policy: "p", Name: "mail"}].Decision.Status; got != tc.want {
			t.Errorf("%s: %d, want %d", name, got, tc.want)
		}
	}
}

// anything draws what can be told of one purpose, with few moments, so that many
// are of the same one.
func anything() *rapid.Generator[person.Event] {
	return rapid.Custom(func(t *rapid.T) person.Event {
		hour := func(name string) time.Time {
			return noon().Add(time.Duration(rapid.IntRange(0, 5).Draw(t, name)) * time.Hour)
		}
		at, recorded := hour("at"), hour("recorded")
		switch rapid.IntRange(0, 6).Draw(t, "kind") {
		case 0:
			return void(at, recorded, "mail")
		case 1:
			return person.AllWithdrawn{Purposes: []person.Topic{{Policy: "p", Name: "mail"}}, DecidedAt: at, RecordedAt: recorded}
		default:
			e := act(rapid.SampledFrom([]person.Status{person.Given, person.Given, person.Renewed, person.Refused, person.Withdrawn, person.Offered}).Draw(t, "status"), at)
			e.Decision.RecordedAt, e.Decision.Version = recorded, uint32(rapid.IntRange(1, 2).Draw(t, "version"))
			e.Decision.Recipients = rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b"}), 0, 2).Draw(t, "recipients")
			if rapid.Bool().Draw(t, "implied") {
				implied(&e.Decision)
			}
			if ends := hour("ends"); e.Decision.Status == person.Given && ends.After(at) {
				e.Decision.ExpiresAt = ends
			}
			return e
		}
	})
}

// said is an act as the oracle sees it.
type said struct {
	yes, loud bool
	at, ends  time.Time
}

// tell is what an event says of the purpose; ok is false for an offer.
func tell(ev person.Event) (out said, ok bool) {
	switch e := ev.(type) { //nolint:gochecksumtype // the others are not drawn
	case person.DecisionRecorded:
		d := e.Decision
		yes := d.Status == person.Given || d.Status == person.Renewed
		return said{yes: yes, loud: !yes || d.Explicit, at: d.DecidedAt, ends: d.ExpiresAt}, d.Status != person.Offered
	case person.ConsentInvalidated:
		return said{loud: true, at: e.InvalidatedAt}, true
	case person.AllWithdrawn:
		return said{loud: true, at: e.DecidedAt}, true
	}
	return said{}, false
}

// oracle says whether anything is given at a moment, from the acts as a set: the
// last moment at which somebody spoke decides, or else the last silent one, and
// every act of that moment has to be a yes that has not ended.
func oracle(events []person.Event, now time.Time) bool {
	var last []said
	for _, ev := range events {
		e, ok := tell(ev)
		switch {
		case !ok || len(last) > 0 && (last[0].loud && !e.loud || last[0].loud == e.loud && e.at.Before(last[0].at)):
		case len(last) > 0 && last[0].loud == e.loud && e.at.Equal(last[0].at):
			last = append(last, e)
		default:
			last = []said{e}
		}
	}
	return len(last) > 0 && !slices.ContainsFunc(last, func(e said) bool { return !e.yes || !e.ends.IsZero() && !now.Before(e.ends) })
}

func TestNoOrderDuplicationOrInterleavingGivesMore(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		events := rapid.SliceOfN(anything(), 1, 8).Draw(t, "events")
		again := append(slices.Clone(events), rapid.SliceOfN(rapid.SampledFrom(events), 0, 4).Draw(t, "again")...)
		one, other := fold(events...), fold(rapid.Permutation(again).Draw(t, "order")...)
		one.Since, other.Since = time.Time{}, time.Time{}
		mail := person.Topic{Policy: "p", Name: "mail"}
		now := noon().Add(time.Duration(rapid.IntRange(0, 6).Draw(t, "now")) * time.Hour)
		a, b := one.Purposes[mail].Decision, other.Purposes[mail].Decision
		alike := a.Explicit == b.Explicit && slices.Equal(a.Recipients, b.Recipients) && a.ExpiresAt.Equal(b.ExpiresAt)
		if yes(a, now) != yes(b, now) || yes(a, now) && !alike { // which of two noes of one moment stands, matters to nobody
			t.Fatalf("-one +other:\n%s", cmp.Diff(a, b))
		}
		if want := oracle(events, now); yes(a, now) != want {
			t.Fatalf("%+v at %s: given %v, want %v", a, now, !want, want)
		}
	})
}

func yes(d person.Decision, at time.Time) bool {
	return d.At(at) == person.Given || d.At(at) == person.Renewed
}

func TestNothingThatIsRecordedLateGivesAgain(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := fold(rapid.SliceOfN(anything(), 0, 8).Draw(t, "before")...)
		at := noon().Add(6 * time.Hour)
		stop := rapid.SampledFrom([]person.Command{
			person.WithdrawAll{DecidedAt: at, At: at},
			record(act(person.Withdrawn, at)),
			invalidate(at, at),
			person.Apply{Fact: person.Erased, Cause: "c", At: at},
		}).Draw(t, "stop")
		events, err := person.Decide(s, stop)
		if err != nil {
			t.Fatal(err)
		}
		s = foldOn(s, events)
		for range rapid.IntRange(1, 4).Draw(t, "imports") { // of what was given before, by whatever order and however often
			late := act(rapid.SampledFrom([]person.Status{person.Given, person.Renewed}).Draw(t, "status"),
				noon().Add(time.Duration(rapid.IntRange(0, 6).Draw(t, "hour"))*time.Hour))
			cmd := record(late)
			cmd.At = at.Add(time.Hour)
			events, _ = person.Decide(s, cmd)
			s = foldOn(s, events)
		}
		if d := s.Purposes[person.Topic{Policy: "p", Name: "mail"}].Decision; yes(d, at.Add(time.Hour)) && !s.Erased {
			t.Fatalf("given again: %+v", d)
		}
	})
}
