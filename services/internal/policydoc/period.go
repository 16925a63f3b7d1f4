package policydoc

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Period is a length of time in a calendar. Its parts are not convertible into
// each other.
type Period struct{ Years, Months, Days int }

// ErrPeriod says that a text is no period.
var ErrPeriod = errors.New("not a period of years, months and days")

// ParsePeriod reads an ISO 8601 period of whole years, months and days that is
// longer than nothing, such as "P10Y" or "P1Y6M".
func ParsePeriod(text string) (Period, error) {
	rest, ok := strings.CutPrefix(text, "P")
	if !ok {
		return Period{}, ErrPeriod
	}
	var p Period
	for _, part := range []struct {
		unit   string
		digits int
		into   *int
	}{{"Y", 3, &p.Years}, {"M", 4, &p.Months}, {"D", 5, &p.Days}} {
		number, after, found := strings.Cut(rest, part.unit)
		if !found {
			continue
		}
		if len(number) == 0 || len(number) > part.digits || strings.Trim(number, "0123456789") != "" {
			return Period{}, ErrPeriod
		}
		n, err := strconv.Atoi(number)
		if err != nil {
			return Period{}, fmt.Errorf("%w: %w", ErrPeriod, err)
		}
		*part.into, rest = n, after
	}
	if rest != "" || p == (Period{}) {
		return Period{}, ErrPeriod
	}
	return p, nil
}
