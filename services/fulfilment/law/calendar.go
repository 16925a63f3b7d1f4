package law

import (
	"time"

	"habeas.internal/services/internal/calendar"
)

// Date is a day of the calendar, without a zone.
type Date = calendar.Date

// Calendar says which days are not worked.
type Calendar = calendar.Calendar

// DateOf is the day that it is at a moment in a zone.
func DateOf(t time.Time, zone *time.Location) Date { return calendar.DateOf(t, zone) }

// LastDay is the day in a zone that ends at a moment, or during which it comes.
func LastDay(end time.Time, zone *time.Location) Date { return calendar.LastDay(end, zone) }

// CalendarOf is a calendar by its code, and whether there is one.
func CalendarOf(code string) (Calendar, bool) { return calendar.Of(code) }
