package wire_test

import (
	"testing"
	"time"

	"habeas.internal/services/identity/internal/wire"
	"habeas.internal/services/identity/staff"
)

func TestStaffsEventsStayReadable(t *testing.T) {
	codec, err := wire.Staff()
	at := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	corpus(t, staff.AggregateType, codec, err, []staff.Event{
		staff.Bound{Until: at.AddDate(1, 0, 0), Evidence: "contract-1", By: other, At: at},
		staff.Unbound{By: other, At: at},
		staff.Granted{Need: staff.Need{Case: ref, Subject: other, Until: at.AddDate(0, 1, 0)}, By: other, At: at},
		staff.Ended{Purpose: "case.identity", By: other, At: at},
		staff.Refused{Reason: "STAFF_SELF", By: other},
		staff.ReviewOwed{Owed: staff.Owed{Grant: ref, Due: at.AddDate(0, 0, 3)}},
		staff.ReviewSettled{Grant: ref},
	})
}
