package paymentcard

import (
	"slices"
	"strconv"
	"strings"
)

// excused reports whether the digits from i to before j of a row are part of
// something that is known to be no card's number.
func (f *finder) excused(row []digit, i, j int) bool {
	start, end := int(row[i].start), int(row[j-1].end)
	return f.fraction(row, i, j) || f.sums(row[i:j]) || cutsDate(f.text, row, i) || cutsDate(f.text, row, j) ||
		f.telephone(row, i, j) || f.uuid(start, end) || f.hexadecimal(row[i:j]) || f.iban(start, end)
}

// fraction: the digits are those of a number with a dot, or those behind the dot.
// Such a number begins with 0, or stands where a value of JSON or SQL does, or is
// the whole text, and has no more than three digits before the dot.
func (f *finder) fraction(row []digit, i, j int) bool {
	const most = 3
	k, dot := i, i // where the number begins, and the digit behind its dot
	if i > 0 && f.between(row, i) == "." {
		for k--; k > 0 && row[k].before == none; {
			k--
		}
	} else {
		for dot++; dot < j && row[dot].before == none; {
			dot++
		}
	}
	if dot == j || dot-k > most || f.between(row, dot) != "." {
		return false
	}
	if slices.ContainsFunc(row[dot+1:j], func(d digit) bool { return d.before == unseen || d.before == plain }) {
		return false
	}
	if dot-k == 1 && row[k].value == 0 {
		return true
	}
	before := strings.TrimRight(f.text[:row[k].start], " \t\r\n")
	if before == "" {
		return int(row[j-1].end-row[k].start) == len(f.text) && j-k == len(f.text)-1
	}
	return strings.IndexByte(":,[(-=", before[len(before)-1]) >= 0
}

// sums: 51.20 33.10 45.00 12.34, with two digits after each dot and the same
// between sums.
func (f *finder) sums(number []digit) bool {
	dots, between, last, run := 0, "", "", 0
	for i, d := range number {
		if i == 0 || d.before == none {
			run++
			continue
		}
		gap := f.between(number, i)
		switch {
		case gap == ".":
			dots++
		case between != "" && between != gap:
			return false
		default:
			between = gap
		}
		if last != "" && (last == ".") == (gap == ".") || last == "." && run != 2 {
			return false
		}
		last, run = gap, 1
	}
	return dots >= 2 && between != "" && (last != "." || run == 2)
}

// cutsDate reports whether the gap before digit i is inside a date: four digits
// from 1900 to 2099, two, and two, with a dash between them.
func cutsDate(text string, row []digit, i int) bool {
	if i <= 0 || i >= len(row) {
		return false
	}
	const form = len("2026-11-22")
	for _, back := range []int{len("2026-"), len("2026-11-")} {
		start := int(row[i].start) - back
		if start < 0 || start+form > len(text) || start > 0 && isDigit(text[start-1]) || start+form < len(text) && isDigit(text[start+form]) {
			continue
		}
		if isDate(text[start : start+form]) {
			return true
		}
	}
	return false
}

func isDate(d string) bool {
	if d[4] != '-' || d[7] != '-' || d[:2] != "19" && d[:2] != "20" || !isDigit(d[2]) || !isDigit(d[3]) {
		return false
	}
	month, errM := strconv.ParseUint(d[5:7], 10, 8)
	day, errD := strconv.ParseUint(d[8:], 10, 8)
	return errM == nil && errD == nil && month >= 1 && month <= 12 && day >= 1 && day <= 31
}

func isDigit(c byte) bool { return c-'0' <= 9 }

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

// What telephone numbers have at most, with the country's code.
const (
	mostE164  = 15
	mostAlone = 13 // of those whose beginning could be an issuer's
)

// telephone: the digits belong to a number that begins with a "+".
func (f *finder) telephone(row []digit, i, j int) bool {
	for k := i; k >= 0 && j-k <= mostE164; k-- {
		if k < i && row[k+1].before == odd && k+1 != i {
			return false
		}
		p := int(row[k].start) - 1
		if p < 0 || f.text[p] != '+' || p > 0 && (isDigit(f.text[p-1]) || isLetter(f.text[p-1])) {
			continue
		}
		return k < i || j-i <= mostAlone
	}
	return false
}

// uuid: the text from start to end is inside a UUID.
func (f *finder) uuid(start, end int) bool {
	const form = formUUID
	for at := max(0, end-form); at <= start && at+form <= len(f.text); at++ {
		if !isUUID(f.text[at : at+form]) {
			continue
		}
		if at > 0 && isWord(f.text[at-1]) || at+form < len(f.text) && isWord(f.text[at+form]) {
			continue
		}
		return true
	}
	return false
}

// formUUID is the length of a UUID's text.
const formUUID = 36

func isUUID(s string) bool {
	for i := range len(s) {
		if dash := i == 8 || i == 13 || i == 18 || i == 23; dash != (s[i] == '-') || !dash && !isHex(s[i]) {
			return false
		}
	}
	return true
}

func isHex(c byte) bool { return isDigit(c) || c|0x20 >= 'a' && c|0x20 <= 'f' }

func isWord(c byte) bool { return isDigit(c) || isLetter(c) }

// hexadecimal: the number is inside a word that is an object id or a digest.
func (f *finder) hexadecimal(number []digit) bool {
	start, end := int(number[0].start), int(number[len(number)-1].end)
	const most = 128
	if end-start != len(number) {
		return false
	}
	for start > 0 && isWord(f.text[start-1]) && end-start <= most {
		start--
	}
	for end < len(f.text) && isWord(f.text[end]) && end-start <= most {
		end++
	}
	switch end - start {
	case 24, 32, 40, 48, 56, 64, 96, 128:
	default:
		return false
	}
	letters, digits := 0, 0
	for i := start; i < end; i++ {
		switch c := f.text[i]; {
		case !isHex(c):
			return false
		case isLetter(c):
			letters++
		default:
			digits++
		}
	}
	return letters > 0 && digits > len(number)
}

// ibans are the lengths of IBANs by country.
const ibans = "AD24AE23AL28AT20AZ28BA20BE16BG22BH22BI27BR29BY28CH21CR22CY28CZ24DE22DJ27DK18DO28EE20EG29ES24FI18FK18FO18FR27GB22" +
	"GE22GI23GL18GR27GT28HN28HR21HU28IE22IL23IQ23IS26IT27JO30KW30KZ20LB28LC32LI21LT20LU20LV21LY25MC27MD24ME22MK19MN20MR27" +
	"MT31MU30NI28NL18NO15OM23PK24PL28PS29PT25QA29RO24RS22RU33SA24SC31SD18SE24SI19SK24SM27SO23ST25SV28TL23TN24TR26UA29VA22VG24XK20YE30"

// iban: the text from start to end is inside an IBAN, in groups or not.
func (f *finder) iban(start, end int) bool {
	const most = 34 + 8 // with a space after every four
	for at := start - 1; at >= 0 && end-at <= most; at-- {
		c := f.text[at]
		if c != ' ' && !isDigit(c) && (c < 'A' || c > 'Z') {
			return false
		}
		if at+4 > len(f.text) || !isLetter(c) || !isLetter(f.text[at+1]) || !isDigit(f.text[at+2]) || at > 0 && isWord(f.text[at-1]) {
			continue
		}
		if stop := ibanAt(f.text[at:]); stop >= end-at {
			return true
		}
	}
	return false
}

// ibanAt is where the IBAN that a text begins with ends, or 0.
func ibanAt(text string) int {
	i := 0
	for ; i < len(ibans) && ibans[i:i+2] != text[:2]; i += 4 {
	}
	if i == len(ibans) {
		return 0
	}
	length := int(ibans[i+2]-'0')*10 + int(ibans[i+3]-'0')
	var letters strings.Builder
	at := 0
	for ; at < len(text) && letters.Len() < length; at++ {
		switch c := text[at]; {
		case isDigit(c) || c >= 'A' && c <= 'Z':
			letters.WriteByte(c)
		case c != ' ' || text[at-1] == ' ':
			return 0
		}
	}
	if letters.Len() < length || at < len(text) && isWord(text[at]) {
		return 0
	}
	s, rest := letters.String(), 0
	for _, c := range []byte(s[4:] + s[:4]) {
		if isDigit(c) {
			rest = (rest*10 + int(c-'0')) % 97
		} else {
			rest = (rest*100 + int(c-'A') + 10) % 97
		}
	}
	if rest != 1 {
		return 0
	}
	return at
}
