package ages_test

import (
	"errors"
	"maps"
	"testing"

	"habeas.internal/services/identity/internal/ages"
	"habeas.internal/services/identity/subject"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/personal"
)

const (
	qcera     = "qcera"                // for thirteen and up
	personnel = "personnel-technology" // for eighteen and up
	caseworks = "caseworks"            // for everybody
)

// TestOnlyAPolicyThatSomebodyIsUnderErasesThem: others that do not serve them, or
// are posted later, block and destroy nothing.
func TestOnlyAPolicyThatSomebodyIsUnderErasesThem(t *testing.T) {
	for _, tc := range []struct {
		name   string
		posted []string
		policy string
		years  int
		want   map[string]bool
	}{
		{"a customer of 15 of the policy for 13 and up", []string{personnel, qcera}, qcera, 15, map[string]bool{personnel: false}},
		{"a customer of 12 of the policy for 13 and up", []string{personnel, qcera}, qcera, 12, map[string]bool{personnel: false, qcera: true}},
		{"a customer of 15 of the policy for 18 and up", []string{personnel, qcera}, personnel, 15, map[string]bool{personnel: true}},
		{"somebody of 15 who may be under either", []string{personnel, qcera}, "", 15, map[string]bool{personnel: false}},
		{"somebody of 12 who may be under either", []string{personnel, qcera}, "", 12, map[string]bool{personnel: true, qcera: false}},
		{"somebody of 12 where one policy serves everybody", []string{caseworks, qcera}, "", 12, map[string]bool{qcera: false}},
		{"a customer of 12 of the policy for everybody", []string{caseworks, qcera}, caseworks, 12, map[string]bool{qcera: false}},
		{"somebody of 12 of a policy that nobody has posted", []string{qcera}, "another", 12, map[string]bool{qcera: false}},
		{"an adult", []string{personnel, qcera}, "", 30, map[string]bool{}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newWorld(t, tc.posted...)
			jane := w.joins("jane@example.com", tc.policy, 0)
			if got := w.learns(jane, subject.AgeDocumented, tc.years); !maps.Equal(got, tc.want) {
				t.Errorf("blocked by %v", got)
			}
			erased := 0
			for policy, asks := range tc.want {
				if asks {
					erased++
				}
				if !w.minor[jane+"/"+policy] {
					t.Errorf("consent does not know of %s", policy)
				}
			}
			if len(w.asked) != erased {
				t.Errorf("asked for %d erasures", len(w.asked))
			}
		})
	}
}

func TestAPolicyThatIsPostedLaterErasesNobody(t *testing.T) {
	w := newWorld(t, qcera)
	jane, john := w.joins("jane@example.com", qcera, 15), w.joins("john@example.com", "", 15)
	w.posted = append(w.posted, personnel)
	for _, ref := range []string{jane, john} {
		if got := w.learns(ref, subject.AgeDocumented, 15); !maps.Equal(got, map[string]bool{personnel: false}) {
			t.Errorf("blocked by %v", got)
		}
	}
	if len(w.asked) > 0 {
		t.Errorf("asked for %v", w.asked)
	}
}

// TestAnErasureIsTakenBackWhenAPolicyServesThePerson: what identity vouched for, it
// does not any more.
func TestAnErasureIsTakenBackWhenAPolicyServesThePerson(t *testing.T) {
	w := newWorld(t, personnel, qcera)
	jane := w.joins("jane@example.com", "", 0)
	w.learns(jane, subject.AgeStatedBy, 12)
	request := w.request(jane)
	w.vouches(jane, request, true)
	if got := w.learns(jane, subject.AgeStatedBy, 15); !maps.Equal(got, map[string]bool{personnel: false}) {
		t.Errorf("at 15 blocked by %v", got)
	}
	w.vouches(jane, request, false)
	if got := w.learns(jane, subject.AgeDocumented, 40); len(got) > 0 || w.minor[jane+"/"+personnel] {
		t.Errorf("an adult is blocked by %v, to consent a minor: %v", got, w.minor)
	}
	w.vouches(jane, request, false)
}

func TestARegistrationNamesAPolicyThatIsInForce(t *testing.T) {
	w := newWorld(t, qcera)
	_, err := w.desk.Admit(t.Context(), tenant, ages.Known{Birth: w.born(12), Policy: "qcerra"})
	if !errors.Is(err, ages.ErrPolicy) {
		t.Errorf("got %v", err)
	}
}

// TestACommandThatWasRefusedLeavesConsentAsItWas: consent is told before, and is
// told the truth after.
func TestACommandThatWasRefusedLeavesConsentAsItWas(t *testing.T) {
	w := newWorld(t, personnel)
	cmd := w.command(nil)
	jane, err := w.registers(cmd, "jane@example.com", personnel, 30)
	if err != nil {
		t.Fatal(err)
	}
	cmd.Body = []byte("another")
	if _, err = w.registers(cmd, "jane@example.com", personnel, 16); !errors.Is(err, es.ErrCommandReused) {
		t.Fatalf("the same id with another body: %v", err)
	}
	if w.minor[jane+"/"+personnel] || len(w.seen) > 1 {
		t.Errorf("a registration that was refused was told to consent: %v, %d facts", w.minor, len(w.seen))
	}
	age := func(years int) subject.Command {
		return subject.StateAge{Age: subject.Age{Source: subject.AgeStatedBy, Birth: personal.Clear(w.born(years))}, At: w.clock.Now()}
	}
	cmd = w.command(age(31))
	if _, _, err := w.desk.Record(t.Context(), tenant, jane, cmd); err != nil {
		t.Fatal(err)
	}
	cmd.Body, cmd.Data = []byte("another"), age(16)
	if _, _, err := w.desk.Record(t.Context(), tenant, jane, cmd); !errors.Is(err, es.ErrCommandReused) {
		t.Fatalf("the same id with another body: %v", err)
	}
	if w.minor[jane+"/"+personnel] {
		t.Error("an adult is a minor to consent by an age that was refused")
	}
}

// TestWhatConsentWasToldInVainIsTakenBackWithTheNextAge: whoever told it has died
// before they recorded anything.
func TestWhatConsentWasToldInVainIsTakenBackWithTheNextAge(t *testing.T) {
	w := newWorld(t, personnel)
	jane := w.joins("jane@example.com", personnel, 30)
	w.minor[jane+"/"+personnel] = true
	if got := w.learns(jane, subject.AgeDocumented, 30); len(got) > 0 || w.minor[jane+"/"+personnel] {
		t.Errorf("after a document blocked by %v, to consent %v", got, w.minor)
	}
}

// TestAMinorWhoWasMergedAwayIsErased, unless the one they were joined with is shown
// to be somebody else.
func TestAMinorWhoWasMergedAwayIsErased(t *testing.T) {
	w := newWorld(t, qcera)
	jane, john := w.joins("jane@example.com", "", 0), w.joins("john@example.com", "", 0)
	w.runs(john, subject.BeginMerge{Merge: "m", Into: jane, At: w.clock.Now()})
	w.runs(jane, subject.Absorb{Merge: "m", Other: john, At: w.clock.Now()})
	w.runs(john, subject.CompleteMerge{Merge: "m"})
	w.learns(john, subject.AgeDocumented, 6)
	first := w.request(john)
	for _, ref := range []string{jane, john} { // whichever fulfilment resolves the address to
		w.vouches(ref, first, true)
	}
	w.learns(jane, subject.AgeDocumented, 40)
	w.vouches(jane, first, false)
	asked := len(w.asked)
	if w.reacts(john); len(w.asked) != asked {
		t.Error("somebody who is shown to be an adult is to be erased")
	}
	w.runs(jane, subject.Separate{Merge: "m", Reason: "wrong_person", At: w.clock.Now()})
	w.runs(john, subject.UndoMerge{Merge: "m"})
	w.reacts(john)
	again := w.request(john)
	if again == first || len(w.asked) != asked+1 {
		t.Errorf("by himself he is asked for %d times", len(w.asked))
	}
	w.vouches(john, again, true)
	w.vouches(jane, again, false)
	w.vouches(john, first, false)
}

// TestNobodyCanForeseeTheSystemsRequest: its id follows from nothing that is shown.
func TestNobodyCanForeseeTheSystemsRequest(t *testing.T) {
	ids := map[string]bool{}
	for range 2 { // at the same moment by the world's clock, with the same name
		w := newWorld(t, qcera)
		w.learns(w.joins("jane@example.com", qcera, 0), subject.AgeDocumented, 6)
		if len(w.asked) != 1 || ids[w.asked[0].GetRequestId()] {
			t.Fatalf("asked for %v", w.asked)
		}
		ids[w.asked[0].GetRequestId()] = true
	}
}
