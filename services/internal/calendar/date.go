package calendar

import (
	"cmp"
	"fmt"
	"time"
)

// Date is a day of the calendar, without a zone.
type Date struct {
	Year  int
	Month time.Month
	Day   int
}

// DateOf is the day that it is at a moment in a zone.
func DateOf(t time.Time, zone *time.Location) Date {
	y, m, d := t.In(zone).Date()
	return Date{y, m, d}
}

func (d Date) utc() time.Time { return time.Date(d.Year, d.Month, d.Day, 0, 0, 0, 0, time.UTC) }

// AddDays is the day n days later.
func (d Date) AddDays(n int) Date { return DateOf(d.utc().AddDate(0, 0, n), time.UTC) }

// AddMonths is the same date n months later, or the last day of that month if
// it has no such date.
func (d Date) AddMonths(n int) Date {
	first := time.Date(d.Year, d.Month+time.Month(n), 1, 0, 0, 0, 0, time.UTC)
	last := first.AddDate(0, 1, -1)
	return Date{last.Year(), last.Month(), min(d.Day, last.Day())}
}

// DaysUntil is how many days later other is.
func (d Date) DaysUntil(other Date) int {
	return int(other.utc().Sub(d.utc()) / (24 * time.Hour))
}

// Weekday is the day of the week.
func (d Date) Weekday() time.Weekday { return d.utc().Weekday() }

// Compare orders days.
func (d Date) Compare(other Date) int {
	return cmp.Or(cmp.Compare(d.Year, other.Year), cmp.Compare(d.Month, other.Month), cmp.Compare(d.Day, other.Day))
}

// String is the day as 2006-01-02.
func (d Date) String() string { return fmt.Sprintf("%04d-%02d-%02d", d.Year, d.Month, d.Day) }

// Start is the first instant in a zone at which it is this day, in UTC. Where
// clocks skip midnight it is the moment of the skip; where they pass it twice,
// the first.
func (d Date) Start(zone *time.Location) time.Time {
	midnight := d.utc()
	var best time.Time
	// No zone is a day or more away from UTC, so one of the offsets in force
	// around midnight is the one that counts, or the change between them is.
	for at := midnight.Add(-30 * time.Hour); ; {
		_, offset := at.In(zone).Zone()
		begin, end := at.In(zone).ZoneBounds()
		for _, t := range []time.Time{midnight.Add(-time.Duration(offset) * time.Second), begin} {
			inside := !t.Before(begin) && (end.IsZero() || t.Before(end))
			if !t.IsZero() && inside && DateOf(t, zone).Compare(d) >= 0 && (best.IsZero() || t.Before(best)) {
				best = t
			}
		}
		if end.IsZero() || end.After(midnight.Add(30*time.Hour)) {
			return best.UTC()
		}
		at = end
	}
}

// LastDay is the day in a zone that ends at a moment, or during which it comes:
// the day to name where an instant of Date.End is a deadline.
func LastDay(end time.Time, zone *time.Location) Date { return DateOf(end.Add(-time.Nanosecond), zone) }

// End is the first instant after this day: what happens before it happens in
// time.
func (d Date) End(zone *time.Location) time.Time { return d.AddDays(1).Start(zone) }
