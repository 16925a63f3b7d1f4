package policydiff

import "habeas.internal/services/internal/policydoc"

// A calendar's months and years vary; these are their bounds in days.
const (
	shortMonth, longMonth = 28, 31
	shortYear, longYear   = 365, 366
)

// longer is the effect of a period that grows, where a long one exposes. Two
// that no calendar orders can't be compared.
func (d *differ) longer(a at, from, to, what string) {
	if from == to {
		return
	}
	d.note(a, lengthens(from, to), what+" was "+named(from)+" and is now "+named(to)+".")
}

func named(period string) string {
	if period == "" {
		return "not limited"
	}
	return period
}

// lengthens is the effect; empty is without an end.
func lengthens(from, to string) Effect {
	if from == "" || to == "" {
		if to == "" {
			return Less
		}
		return More
	}
	a, b := parts(from), parts(to)
	least, most := a.span()
	leastTo, mostTo := b.span()
	switch {
	case a == b:
		return Neutral
	case b.months >= a.months && b.days >= a.days, leastTo >= most:
		return Less
	case b.months <= a.months && b.days <= a.days, mostTo <= least:
		return More
	}
	return Differs
}

// length is a period in months and days. Years are twelve months.
type length struct{ months, days int }

func parts(text string) length {
	p, err := policydoc.ParsePeriod(text)
	if err != nil { // of a document that was never linted
		return length{}
	}
	return length{12*p.Years + p.Months, p.Days}
}

// span is between how many days a period is.
func (l length) span() (least, most int) {
	years, months := l.months/12, l.months%12
	return years*shortYear + months*shortMonth + l.days, years*longYear + months*longMonth + l.days
}
