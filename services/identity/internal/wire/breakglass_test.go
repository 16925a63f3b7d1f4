package wire_test

import (
	"testing"
	"time"

	"habeas.internal/services/identity/breakglass"
	"habeas.internal/services/identity/internal/wire"
)

func TestGrantsEventsStayReadable(t *testing.T) {
	codec, err := wire.BreakGlass()
	at := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	corpus(t, breakglass.AggregateType, codec, err, []breakglass.Event{
		breakglass.Asked{
			Subject: ref, Case: other, Policy: "qcera", Ground: "law", Reason: "subpoena", Document: "case-7", Imminent: true,
			Categories: []string{"leave.absence"}, For: time.Hour, By: other, At: at,
		},
		breakglass.Permitted{By: other, Until: at.Add(time.Hour), ReviewBy: at.AddDate(0, 0, 3), At: at},
		breakglass.Refused{Reason: "GROUND_NOT_ALLOWED", By: other},
		breakglass.Denied{By: other, Reason: "not_needed", At: at},
		breakglass.Used{By: other, Method: "/habeas.identity.v1.SubjectService/ListIdentifiers", At: at},
		breakglass.Closed{By: other, At: at},
		breakglass.Lapsed{At: at},
		breakglass.Missed{At: at},
		breakglass.Judged{By: other, Justified: true, Reason: "as_stated", At: at},
	})
}
