package law

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Period is a stretch of calendar time: months, then days, then business days.
type Period struct{ Months, Days, BusinessDays int }

// ErrPeriod says that a text is no period.
var ErrPeriod = errors.New("not a period")

// maxCount keeps a period within what calendars can hold.
const maxCount = 99_999

// ParsePeriod reads "P1M", "P45D", "P2W", "P1Y6M", or "P10B" for business days.
// The empty text is the zero period; a period of nothing is refused.
func ParsePeriod(s string) (Period, error) {
	if s == "" {
		return Period{}, nil
	}
	rest, ok := strings.CutPrefix(s, "P")
	var p Period
	units := "YMWDB"
	for ok && rest != "" {
		i := strings.IndexAny(rest, units)
		if i < 1 {
			return Period{}, fmt.Errorf("%w: %q", ErrPeriod, s)
		}
		n, err := strconv.ParseUint(rest[:i], 10, 32)
		if err != nil || n > maxCount {
			return Period{}, fmt.Errorf("%w: %q", ErrPeriod, s)
		}
		p = p.plus(rest[i], int(n))
		units, rest = units[strings.IndexByte(units, rest[i])+1:], rest[i+1:]
	}
	if !ok || p.IsZero() {
		return Period{}, fmt.Errorf("%w: %q", ErrPeriod, s)
	}
	return p, nil
}

func (p Period) plus(unit byte, n int) Period {
	switch unit {
	case 'Y':
		p.Months += 12 * n
	case 'M':
		p.Months += n
	case 'W':
		p.Days += 7 * n
	case 'D':
		p.Days += n
	case 'B':
		p.BusinessDays += n
	}
	return p
}

// IsZero says that it is no time at all.
func (p Period) IsZero() bool { return p == Period{} }

// String is the period as ParsePeriod reads it.
func (p Period) String() string {
	if p.IsZero() {
		return ""
	}
	out := "P"
	for _, part := range []struct {
		n    int
		unit string
	}{{p.Months, "M"}, {p.Days, "D"}, {p.BusinessDays, "B"}} {
		if part.n != 0 {
			out += strconv.Itoa(part.n) + part.unit
		}
	}
	return out
}

// From is the last day of the period that an event on a day starts.
func (p Period) From(day Date, c Calendar) Date {
	end := day.AddMonths(p.Months).AddDays(p.Days)
	for n := p.BusinessDays; n > 0; n-- {
		end = c.Working(end.AddDays(1))
	}
	return end
}
