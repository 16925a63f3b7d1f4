package paymentcard

import "strings"

// Within reports whether a text holds the number of a payment card. It keeps
// nothing, and allocates nothing for texts of fewer digits.
func Within(text string) bool {
	if !enough(text) || len(text) == formUUID && isUUID(text) {
		return false
	}
	var room [3 * longest]digit
	f := finder{text: text, row: room[:0]}
	f.run()
	return f.numbers > 0
}

// WithinBytes is Within for bytes that may be text, in UTF-8, Latin-1 or UTF-16.
func WithinBytes(data []byte) bool { return enough(data) && Within(string(data)) }

// shown is how many digits of a masked number stay.
const shown = 4

// mark is what a byte of a text is.
type mark uint8

// marks are those of a text.
type marks []mark

// What a byte can be.
const (
	outside mark = iota
	inside       // of a number
	first        // of a digit that is masked
	further      // of the same digit
)

// Mask writes an asterisk for every digit of a card number but the last four, and
// says how many numbers it has masked. Everything else stays as it is, so that a
// text is as long as it was, but for digits that took several bytes.
func Mask(text string) (masked string, numbers int) {
	if !enough(text) {
		return text, 0
	}
	var room [3 * longest]digit
	f := finder{text: text, row: room[:0], all: true}
	f.run()
	if f.numbers == 0 {
		return text, 0
	}
	var out strings.Builder
	out.Grow(len(text))
	for i := range len(text) {
		switch f.marks[i] {
		case first:
			out.WriteByte('*')
		case further:
		default:
			out.WriteByte(text[i])
		}
	}
	return out.String(), f.numbers
}

// MaskBytes is Mask for bytes that may be text. It returns the same bytes if it
// finds nothing, and others if it does.
func MaskBytes(data []byte) (masked []byte, numbers int) {
	if !enough(data) {
		return data, 0
	}
	text, numbers := Mask(string(data))
	if numbers == 0 {
		return data, 0
	}
	return []byte(text), numbers
}

// add notes what of a number is to be masked, and reports whether the number
// shares no digit with those before. Where numbers overlap, only what is among
// the last four digits of each stays.
func (m marks) add(number []digit) (apart bool) {
	apart = true
	for i, d := range number {
		apart = apart && m[d.start] == outside
		if i >= len(number)-shown {
			m[d.start] = max(m[d.start], inside)
			continue
		}
		if m[d.start] != further {
			m[d.start] = first
		}
		for b := d.start + 1; b < d.end; b++ {
			if m[b] != first {
				m[b] = further
			}
		}
	}
	return apart
}

// Part reports whether a text could be a part of a card number that is spread
// over several fields: two digits or more, fewer than the longest number has, and
// usual signs.
func Part(text string) bool {
	const most = 64
	if len(text) < 2 || len(text) > most {
		return false
	}
	digits := 0
	for at := 0; at < len(text); {
		s := next(text[at:], false)
		switch s.kind {
		case ends, other:
			return false
		case number:
			digits++
		}
		at += s.size
	}
	return digits >= 2 && digits < longest
}

// Joined finds a card number of which some of these parts, one after the other,
// hold a piece each, and returns which: from first to before end. No number
// is in a part alone.
func Joined(parts []string) (first, end int, ok bool) {
	for first = range parts {
		digits := 0
		for end = first; end < len(parts) && digits < longest; {
			digits += digitsOf(parts[end])
			end++
			if end > first+1 && digits <= longest && Spread(parts[first:end]) {
				return first, end, true
			}
		}
	}
	return 0, 0, false
}

// digitsOf is how many digits a text has.
func digitsOf(text string) int {
	digits := 0
	for at := 0; at < len(text); {
		s := next(text[at:], false)
		if s.kind == number {
			digits++
		}
		at += s.size
	}
	return digits
}

// Spread reports whether parts, one after the other, are a card number and
// nothing besides.
func Spread(parts []string) bool {
	digits := 0
	for _, p := range parts {
		digits += digitsOf(p)
	}
	if digits < shortest || digits > longest {
		return false
	}
	f := finder{text: strings.Join(parts, " "), all: true}
	f.run()
	return f.longest == digits
}
