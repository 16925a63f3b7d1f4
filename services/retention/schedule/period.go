package schedule

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Period is a stretch of calendar time: months, then days.
type Period struct{ Months, Days int }

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
// calendar of a zone. A month that lacks the date ends on its last day.
func (p Period) After(t time.Time, zone *time.Location) time.Time {
	t = t.In(zone)
	year, month, day := t.Date()
	last := time.Date(year, month+time.Month(p.Months)+1, 0, 0, 0, 0, 0, time.UTC).Day()
	day = min(day, last) + p.Days
	hour, minute, second := t.Clock()
	return time.Date(year, month+time.Month(p.Months), day, hour, minute, second, t.Nanosecond(), zone).UTC()
}
