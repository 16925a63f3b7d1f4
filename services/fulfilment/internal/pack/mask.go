package pack

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"habeas.internal/services/fulfilment/internal/connector"
	"habeas.internal/services/internal/paymentcard"
)

// mask leaves of every number of a payment card in a row the last four digits and
// adds to counts how many it has masked, by the category of the column. A value
// is masked, never dropped; a whole number becomes a text. The row given stays as
// it is.
func mask(r connector.Row, counts map[string]uint64) connector.Row {
	m := masking{Row: r, counts: counts}
	for i, c := range r.Columns {
		if value, n := masked(c.Value); n > 0 {
			m.set(i, value)
			m.counts[c.Category] += uint64(n)
		}
	}
	for i := 0; i < len(m.Columns); {
		i += max(1, m.spread(i))
	}
	return m.Row
}

// masking is a row that is copied before it is changed.
type masking struct {
	connector.Row
	counts map[string]uint64
	own    bool
}

func (m *masking) set(i int, value any) {
	if !m.own {
		m.Columns, m.own = slices.Clone(m.Columns), true
	}
	m.Columns[i].Value = value
}

// Whole numbers that have the length of a card number.
const (
	least = 1e11
	most  = 1e19
)

// masked is a value without card numbers, and how many it had.
func masked(value any) (any, int) {
	switch v := value.(type) {
	case string:
		return paymentcard.Mask(v)
	case []byte:
		return paymentcard.MaskBytes(v)
	case int64:
		if v >= least || v <= -least {
			return paymentcard.Mask(strconv.FormatInt(v, 10))
		}
	case float64: // a number in the wrong type of column
		if size := math.Abs(v); size >= least && size < most && v == math.Trunc(v) {
			return paymentcard.Mask(strconv.FormatFloat(v, 'f', -1, 64))
		}
	}
	return value, 0
}

// groupings are how cards print their number, by digits in each group. A number
// in several columns is known by them: any other columns of digits that happened
// to fit would be taken for one.
func groupings() [][]int { return [][]int{{4, 4, 4, 4, 3}, {4, 4, 4, 4}, {4, 6, 5}, {4, 6, 4}} }

// spread masks a number of which the columns from i on have a group each, and
// returns how many columns it has; 0 if there is none.
func (m *masking) spread(i int) int {
	for _, sizes := range groupings() {
		if i+len(sizes) > len(m.Columns) {
			continue
		}
		var parts []string
		for k, size := range sizes {
			if part := group(m.Columns[i+k].Value, size); len(part) == size {
				parts = append(parts, part)
			}
		}
		if len(parts) < len(sizes) || !paymentcard.Spread(parts) {
			continue
		}
		for k, part := range parts {
			keep := 0
			if k == len(parts)-1 {
				keep = min(4, len(part))
			}
			m.set(i+k, strings.Repeat("*", len(part)-keep)+part[len(part)-keep:])
		}
		m.counts[m.Columns[i].Category]++
		return len(sizes)
	}
	return 0
}

// group are the digits of a value that is nothing but a few digits. A whole number
// has lost the zeros that its group begins with, and gets them back.
func group(value any, size int) string {
	switch v := value.(type) {
	case string:
		if text := strings.TrimSpace(v); strings.Trim(text, "0123456789") == "" {
			return text
		}
	case int64:
		return whole(float64(v), size)
	case float64:
		return whole(v, size)
	}
	return ""
}

func whole(v float64, size int) string {
	const largest = 1e6 // more than any group has
	if v = math.Abs(v); v >= largest || v != math.Trunc(v) {
		return ""
	}
	return fmt.Sprintf("%0*d", size, int(v))
}
