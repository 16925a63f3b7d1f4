package wire_test

import (
	"context"
	"testing"
	"time"

	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/eventpb"
	"habeas.internal/services/retention/internal/wire"
	"habeas.internal/services/retention/person"
	"habeas.internal/services/retention/schedule"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

// survives checks that an event comes back as it was.
func survives[E any](r *rapid.T, codec eventpb.Codec[E], kind string, event E) {
	stored, err := codec.Encode(nil)(context.Background(), aggregate(kind), es.EventID(id, 0), event)
	if err != nil {
		r.Fatal(err)
	}
	back, err := codec.Registry().Decode(stored)
	if err != nil {
		r.Fatal(err)
	}
	if diff := cmp.Diff([]E{event}, back, cmpopts.EquateEmpty()); diff != "" {
		r.Fatalf("event (-written +read):\n%s", diff)
	}
}

// moment draws a moment or none.
func moment(r *rapid.T, label string) time.Time {
	if rapid.Bool().Draw(r, label+" unset") {
		return time.Time{}
	}
	return time.Unix(rapid.Int64Range(0, 4_000_000_000).Draw(r, label), rapid.Int64Range(0, 999_999_999).Draw(r, label+" fraction")).UTC()
}

func TestEveryEventOfAPersonSurvivesTheWire(t *testing.T) {
	codec, err := wire.Person()
	if err != nil {
		t.Fatal(err)
	}
	word := rapid.StringMatching(`[a-z0-9_.]{0,20}`)
	rapid.Check(t, func(r *rapid.T) {
		a, b, c := word.Draw(r, "a"), word.Draw(r, "b"), word.Draw(r, "c")
		at, then, flag, n := moment(r, "at"), moment(r, "then"), rapid.Bool().Draw(r, "flag"), rapid.Uint64().Draw(r, "n")
		for _, event := range []person.Event{
			person.HoldPlaced{
				Hold: a, Ground: b, Authority: c, PlacedAt: at, ReviewAt: then, EffectiveBy: moment(r, "effective"),
				OpenPermits: rapid.SliceOfN(word, 0, 3).Draw(r, "open"),
			},
			person.HoldReviewed{Hold: a, ReviewedAt: at, ReviewAt: then},
			person.HoldReviewDue{Hold: a, ReviewAt: at},
			person.HoldReleased{Hold: a, ReleasedAt: at, Free: flag},
			person.PermitGiven{
				Permit: a, Request: b, System: c, Policy: a, ScheduleVersion: uint32(n), GivenAt: at, ExpiresAt: then,
				Others: rapid.SliceOfN(word, 0, 3).Draw(r, "others"),
			},
			person.PermitRefused{Request: a, System: b, Reason: c},
			person.PermitEnded{Permit: a, RowsDestroyed: n, EndedAt: at, Late: flag},
		} {
			survives(r, codec, person.AggregateType, event)
		}
	})
}

func TestEveryEventOfAScheduleSurvivesTheWire(t *testing.T) {
	codec, err := wire.Schedule()
	if err != nil {
		t.Fatal(err)
	}
	word := rapid.StringMatching(`[a-z0-9_.]{0,20}`)
	rule := rapid.Custom(func(r *rapid.T) schedule.Rule {
		return schedule.Rule{
			ID: word.Draw(r, "id"), Category: word.Draw(r, "category"), Systems: rapid.SliceOfN(word, 0, 3).Draw(r, "systems"),
			Period: schedule.Period{Months: rapid.IntRange(0, 5000).Draw(r, "months"), Days: rapid.IntRange(0, 99_999).Draw(r, "days")},
			Ground: word.Draw(r, "ground"), Authority: word.Draw(r, "authority"),
		}
	})
	rapid.Check(t, func(r *rapid.T) {
		survives[schedule.Event](r, codec, schedule.AggregateType, schedule.Replaced{
			Policy: word.Draw(r, "policy"), Version: schedule.Version{
				Number: rapid.Uint32().Draw(r, "number"), PolicyVersion: rapid.Uint32().Draw(r, "version"), From: moment(r, "from"),
				Rules: rapid.SliceOfN(rule, 0, 4).Draw(r, "rules"),
			},
		})
		survives[schedule.Event](r, codec, schedule.AggregateType, schedule.ReplacementRefused{
			PolicyVersion: rapid.Uint32().Draw(r, "refused"), Reason: word.Draw(r, "reason"),
		})
		survives[schedule.Event](r, codec, schedule.AggregateType, schedule.PolicyListed{Policy: word.Draw(r, "listed")})
	})
}
