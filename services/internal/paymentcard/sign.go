package paymentcard

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// kind is what a sign of a text is to a card number.
type kind uint8

const (
	ends   kind = iota // a letter: nothing goes on across it
	number             // a digit
	hidden             // takes no room
	usual              // what people put between groups of digits
	other              // any other sign
)

// sign is one sign of a text: a character, or an escape that stands for one.
type sign struct {
	kind  kind
	value byte // of a digit
	char  byte // the character, if it is one of ASCII
	blank bool // white space: any number of it, one after the other, is one sign
	size  int  // bytes in the text
}

// next reads the sign at the beginning of a text that is not empty. With escapes
// it reads what an escape stands for, if that is of any interest.
func next(text string, escapes bool) sign {
	c := text[0]
	if c >= utf8.RuneSelf {
		return wide(text)
	}
	if escapes {
		if r, size := unescape(text); size > 0 {
			if s := classify(r); s.kind != ends && s.kind != other || s.char == '>' {
				s.size = size
				return s
			}
		}
	}
	s := ascii(c)
	s.size = 1
	return s
}

func ascii(c byte) sign {
	s := plainASCII(c)
	s.char = c
	return s
}

func plainASCII(c byte) sign {
	switch {
	case c >= '0' && c <= '9':
		return sign{kind: number, value: c - '0'}
	case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z':
		return sign{kind: ends}
	case c == ' ' || c >= '\t' && c <= '\r':
		return sign{kind: usual, blank: true}
	case c == '-' || c == '.':
		return sign{kind: usual}
	case c < ' ' || c == 0x7f:
		return sign{kind: hidden}
	}
	return sign{kind: other}
}

func wide(text string) sign {
	r, size := utf8.DecodeRuneInString(text)
	if r == utf8.RuneError && size == 1 {
		switch text[0] {
		case 0xa0: // the no-break space of Latin-1
			return sign{kind: usual, size: 1, blank: true}
		case 0xad: // its soft hyphen
			return sign{kind: hidden, size: 1}
		}
		return sign{kind: ends, size: 1}
	}
	s := classify(r)
	s.size = size
	return s
}

func classify(r rune) sign {
	if r < utf8.RuneSelf {
		return ascii(byte(r))
	}
	if v, ok := digitOf(r); ok {
		return sign{kind: number, value: v}
	}
	switch {
	case unicode.IsSpace(r), unicode.Is(unicode.Z, r):
		return sign{kind: usual, blank: true}
	case unicode.Is(unicode.Pd, r), strings.ContainsRune("\u2212\u2043\u00b7\u2022\u2024\u2027\u2219\u22c5\u3002\uff0e\u30fb\uff65\uff61", r):
		return sign{kind: usual}
	case unicode.In(r, unicode.Cf, unicode.Cc, unicode.Mn, unicode.Me):
		return sign{kind: hidden}
	case unicode.IsLetter(r), unicode.IsNumber(r):
		return sign{kind: ends}
	}
	return sign{kind: other}
}

// digitOf is the value of a decimal digit of any script, or of one in a circle or
// above or below the line.
func digitOf(r rune) (byte, bool) {
	if unicode.Is(unicode.Nd, r) {
		return decimal(r), true
	}
	for _, first := range []rune{'\u2080', '\u2460' - 1, '\u2474' - 1, '\u2488' - 1, '\u24f5' - 1, '\u2776' - 1, '\u2780' - 1, '\u278a' - 1} {
		if first == '\u2080' && r == first {
			return 0, true
		}
		if r > first && r <= first+9 {
			return byte(r - first), true
		}
	}
	switch r {
	case '\u2070', '\u24ea', '\u24ff':
		return 0, true
	case '\u00b9':
		return 1, true
	case '\u00b2', '\u00b3':
		return byte(r-'\u00b2') + 2, true
	}
	if r >= '\u2074' && r <= '\u2079' {
		return byte(r - '\u2070'), true
	}
	return 0, false
}

// decimal is the value of a decimal digit: each script has its ten in order, and
// Unicode lists them from zero on.
func decimal(r rune) byte {
	for _, t := range unicode.Nd.R16 {
		if lo, hi := rune(t.Lo), rune(t.Hi); r >= lo && r <= hi {
			return byte((r - lo) % 10)
		}
	}
	for _, t := range unicode.Nd.R32 {
		if lo, hi := rune(t.Lo), rune(t.Hi); r >= lo && r <= hi {
			return byte((r - lo) % 10)
		}
	}
	return 0
}

// unescape reads a character that stands at the beginning of a text as an escape
// of a URL, of HTML or of JSON. The size is 0 if there is none.
func unescape(text string) (rune, int) {
	switch text[0] {
	case '%':
		return percent(text)
	case '&':
		return entity(text)
	case '\\':
		return backslash(text)
	}
	return 0, 0
}

// percent reads %XX, %25XX and so on, and a character of several bytes.
func percent(text string) (rune, int) {
	var bytes [utf8.UTFMax]byte
	n, at := 0, 0
	for n < len(bytes) && at < len(text) && text[at] == '%' {
		p := at + 1
		for strings.HasPrefix(text[p:], "25") {
			p += 2
		}
		if len(text) < p+2 {
			break
		}
		if !isHex(text[p]) || !isHex(text[p+1]) {
			break
		}
		bytes[n] = hex(text[p])<<4 | hex(text[p+1])
		n, at = n+1, p+2
		if utf8.FullRune(bytes[:n]) {
			break
		}
	}
	r, size := utf8.DecodeRune(bytes[:n])
	if size == 0 || r == utf8.RuneError {
		return 0, 0
	}
	return r, at
}

// hex is the value of a hexadecimal digit.
func hex(c byte) byte {
	if isDigit(c) {
		return c - '0'
	}
	return c | 0x20 - 'a' + 10
}

// entity reads &#52;, &#x34; and the names of spaces, dashes and dots.
func entity(text string) (rune, int) {
	const most = 12
	end := strings.IndexByte(text[:min(len(text), most)], ';')
	if end < 2 {
		return 0, 0
	}
	name := text[1:end]
	if name[0] == '#' {
		base, digits := 10, name[1:]
		if digits != "" && (digits[0] == 'x' || digits[0] == 'X') {
			base, digits = 16, digits[1:]
		}
		v, err := strconv.ParseUint(digits, base, 21)
		if err != nil {
			return 0, 0
		}
		return rune(v), end + 1
	}
	switch name {
	case "nbsp", "ensp", "emsp", "emsp13", "emsp14", "thinsp", "hairsp", "numsp", "puncsp", "Tab", "NewLine", "NonBreakingSpace":
		return ' ', end + 1
	case "gt":
		return '>', end + 1
	case "ndash", "mdash", "minus", "hyphen", "dash", "horbar":
		return '-', end + 1
	case "middot", "period", "bull", "sdot":
		return '.', end + 1
	case "shy", "zwnj", "zwj", "lrm", "rlm", "NoBreak", "wbr":
		return '\u200b', end + 1
	}
	return 0, 0
}

// backslash reads \n, \r, \t and \u0034.
func backslash(text string) (rune, int) {
	if len(text) < 2 {
		return 0, 0
	}
	switch text[1] {
	case 'n':
		return '\n', 2
	case 'r', 't':
		return ' ', 2
	case 'u':
		if len(text) < 6 {
			return 0, 0
		}
		v, err := strconv.ParseUint(text[2:6], 16, 16)
		if err != nil {
			return 0, 0
		}
		return rune(v), 6
	}
	return 0, 0
}
