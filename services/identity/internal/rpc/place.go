package rpc

import (
	"strings"
	"time"

	"habeas.internal/services/internal/calendar"
	"habeas.internal/services/internal/rpc/fault"
)

// countable refuses a time zone or a calendar that no deadline can be counted in:
// with one of them, none of the tenant's requests would be taken in. at comes
// before the fields' names.
func countable(at, zone, code string) error {
	var wrong fault.FieldErrors
	if _, err := time.LoadLocation(zone); err != nil || zone == "Local" {
		wrong = append(wrong, fault.FieldError{Field: at + "time_zone", Rule: "TIME_ZONE", Text: "must be an IANA time zone"})
	}
	if _, ok := calendar.Of(code); !ok {
		wrong = append(wrong, fault.FieldError{
			Field: at + "calendar", Rule: "CALENDAR_UNKNOWN", Text: "must be one of " + strings.Join(calendar.Codes(), ", ") + ", or empty",
		})
	}
	if len(wrong) == 0 {
		return nil
	}
	return wrong
}
