package schedule

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Period is a stretch of calendar time: months, then days.
type Period struct{ Months, Days int }

const lastYear = 9999

// maxCount keeps a period within what calendars can hold.
const maxCount = 99_999

// ParsePeriod reads "P10Y", "P6M", "P1Y6M" or "P30D". A period of nothing, such
// as "P0D", is read as the zero period.
func ParsePeriod(s string) (Period, error) {
	rest, ok := strings.CutPrefix(s, "P")
	if !ok || rest == "" {
		return Period{}, fmt.Errorf("%w: %q", ErrPeriod, s)
	}
	var p Period
	for units := "YMD"; rest != ""; {
		i := strings.IndexAny(rest, units)
		if i < 1 {
			return Period{}, fmt.Errorf("%w: %q", ErrPeriod, s)
		}
		n, err := strconv.ParseUint(rest[:i], 10, 32)
		if err != nil || n > maxCount {
			return Period{}, fmt.Errorf("%w: %q", ErrPeriod, s)
		}
		switch rest[i] {
		case 'Y':
			p.Months += 12 * int(n)
		case 'M':
			p.Months += int(n)
		case 'D':
			p.Days += int(n)
		}
		units, rest = units[strings.IndexByte(units, rest[i])+1:], rest[i+1:]
	}
	return p, nil
}

// MaxYears is the longest that a rule may keep.
const MaxYears = 999

// tooLong says that it is more than MaxYears.
func (p Period) tooLong() bool { return p.Months/12+p.Days/366 > MaxYears || p.Months > 12*MaxYears }

// IsZero says that it is no time at all.
func (p Period) IsZero() bool { return p == Period{} }

// String is the period as ParsePeriod reads it.
func (p Period) String() string {
	out := "P"
	if p.Months >= 12 {
		out += strconv.Itoa(p.Months/12) + "Y"
	}
	if p.Months%12 != 0 {
		out += strconv.Itoa(p.Months%12) + "M"
	}
	if p.Days != 0 || p.Months == 0 {
		out += strconv.Itoa(p.Days) + "D"
	}
	return out
}

// After is the moment at which the period ends that began at a moment, by the
// calendar of a zone. In a month that lacks the date it ends with the last day, so
// that what began on a later day never ends first. It never
// ends after the year 9999, the last that a message can hold.
func (p Period) After(t time.Time, zone *time.Location) time.Time {
	t = t.In(zone)
	year, month, day := t.Date()
	last := time.Date(year, month+time.Month(p.Months)+1, 0, 0, 0, 0, 0, time.UTC).Day()
	hour, minute, second := t.Clock()
	end := time.Date(year, month+time.Month(p.Months), day+p.Days, hour, minute, second, t.Nanosecond(), zone).UTC()
	if day > last {
		end = time.Date(year, month+time.Month(p.Months), last+p.Days+1, 0, 0, 0, 0, zone).Add(-time.Microsecond).UTC()
	}
	if end.Year() > lastYear {
		return time.Date(lastYear, 12, 31, 23, 59, 59, 0, time.UTC)
	}
	return end
}
