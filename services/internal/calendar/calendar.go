// Package calendar counts days: dates without a zone, when they begin and end in
// one, and which of them are not worked. It is pure: nothing here knows the
// present.
package calendar

import "time"

// Calendar says which days are not worked. Its zero value knows weekends only.
type Calendar struct {
	Code    string
	Version string
	rules   []holiday
}

// holiday is a rule that gives one day of each year.
type holiday struct {
	name string
	// Exactly one of these is set.
	fixed  Date // of any year
	nth    nthWeekday
	easter *int // days after Easter Sunday
	once   Date // of one year only

	from  int // the first year in which it holds
	after int // days after the one that the rule gives
	moved observance
}

// nthWeekday is the n-th such weekday of a month; -1 is the last.
type nthWeekday struct {
	n     int
	day   time.Weekday
	month time.Month
}

// observance is what happens to a holiday that falls on a weekend.
type observance int

const (
	asIs        observance = iota // it is lost
	nearest                       // Saturday to Friday, Sunday to Monday
	sundayOnly                    // Sunday to Monday
	nextWorking                   // the next day that is neither weekend nor holiday
)

// IsHoliday says that a day is a holiday, or observed as one.
func (c Calendar) IsHoliday(d Date) bool {
	// One of New Year may be observed in the year before.
	for year := d.Year; year <= d.Year+1; year++ {
		for _, day := range c.holidays(year) {
			if day == d {
				return true
			}
		}
	}
	return false
}

// IsWorking says that a day is neither of a weekend nor a holiday.
func (c Calendar) IsWorking(d Date) bool { return !weekend(d) && !c.IsHoliday(d) }

// Working is d if it is worked, or else the next day that is.
func (c Calendar) Working(d Date) Date {
	for range 366 { // no calendar has a year without work
		if c.IsWorking(d) {
			return d
		}
		d = d.AddDays(1)
	}
	return d
}

func weekend(d Date) bool { return d.Weekday() == time.Saturday || d.Weekday() == time.Sunday }

// holidays lists the days of a year, moved ones where they are observed. The
// day from which a holiday was moved is a weekend and not worked anyway.
func (c Calendar) holidays(year int) []Date {
	taken := map[Date]bool{}
	var out, waiting []Date
	for _, h := range c.rules {
		d, ok := h.in(year)
		if !ok {
			continue
		}
		if h.moved == nextWorking && weekend(d) {
			waiting = append(waiting, d)
			continue
		}
		d = h.observed(d)
		taken[d] = true
		out = append(out, d)
	}
	for _, d := range waiting {
		for weekend(d) || taken[d] {
			d = d.AddDays(1)
		}
		taken[d] = true
		out = append(out, d)
	}
	return out
}

// in is the holiday's own day in a year.
func (h holiday) in(year int) (Date, bool) {
	switch {
	case year < h.from:
		return Date{}, false
	case h.once.Year != 0:
		return h.once, h.once.Year == year
	case h.easter != nil:
		return Easter(year).AddDays(*h.easter), true
	case h.nth.n != 0:
		return h.nth.in(year).AddDays(h.after), true
	}
	return Date{year, h.fixed.Month, h.fixed.Day}, true
}

func (h holiday) observed(d Date) Date {
	switch {
	case d.Weekday() == time.Saturday && h.moved == nearest:
		return d.AddDays(-1)
	case d.Weekday() == time.Sunday && (h.moved == nearest || h.moved == sundayOnly):
		return d.AddDays(1)
	}
	return d
}

func (n nthWeekday) in(year int) Date {
	first := Date{year, n.month, 1}
	if n.n < 0 {
		last := first.AddMonths(1).AddDays(-1)
		return last.AddDays(-int((last.Weekday() - n.day + 7) % 7))
	}
	return first.AddDays(int((n.day-first.Weekday()+7)%7) + 7*(n.n-1))
}

// Easter is Easter Sunday of a year in the Gregorian calendar (Meeus, Jones
// and Butcher).
func Easter(year int) Date {
	a, b, c := year%19, year/100, year%100
	d, e := b/4, b%4
	g := (8*b + 13) / 25
	h := (19*a + b - d - g + 15) % 30
	i, k := c/4, c%4
	l := (32 + 2*e + 2*i - h - k) % 7
	m := (a + 11*h + 22*l) / 451
	n := h + l - 7*m + 114
	return Date{year, time.Month(n / 31), n%31 + 1}
}

// After is the n-th working day after d.
func (c Calendar) After(d Date, n int) Date {
	for range n {
		d = c.Working(d.AddDays(1))
	}
	return d
}
