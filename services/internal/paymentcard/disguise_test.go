package paymentcard_test

import (
	"fmt"
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"
	"unicode/utf16"
)

// disguise is a way in which a number stands in a text.
type disguise struct {
	name string
	hide func(r *rand.Rand, number string) string
}

// usual are signs that people put between groups.
func usual() map[string]string {
	return map[string]string{
		"spaces": " ", "dashes": "-", "dots": ".", "tabs": "\t", "no-break spaces": "\u00a0", "thin spaces": "\u2009", "narrow no-break spaces": "\u202f",
		"figure spaces": "\u2007", "ideographic spaces": "\u3000", "en dashes": "\u2013", "em dashes": "\u2014", "non-breaking hyphens": "\u2011", "minus signs": "\u2212",
		"full-width hyphens": "\uff0d", "middle dots": "\u00b7", "full-width dots": "\uff0e", "line breaks": "\n", "mail's line breaks": "\r\n", "dashes between spaces": " - ",
		"quoted lines": "\r\n> ", "double spaces": "  ",
	}
}

// strange are signs that stand between groups of more than one digit.
func strange() map[string]string {
	return map[string]string{"slashes": "/", "underscores": "_", "commas": ", ", "colons": ":", "bars": "|", "stars": "*", "quotes": `","`, "equals": "="}
}

// unseen take no room.
func unseen() []string {
	return []string{"\u200b", "\u200c", "\u200d", "\u2060", "\ufeff", "\u00ad", "\x00", "\u200e", "\u0301"}
}

// zeros are the first digits of scripts.
func zeros() map[string]rune {
	return map[string]rune{
		"full-width": '\uff10', "Arabic": '\u0660', "Persian": '\u06f0', "Devanagari": '\u0966', "Bengali": '\u09e6', "Thai": '\u0e50',
		"bold": '\U0001d7ce', "monospaced": '\U0001d7f6', "segmented": '\U0001fbf0', "below the line": '\u2080',
	}
}

func disguises() []disguise {
	signs := values(usual())
	all := []disguise{{"plain", func(_ *rand.Rand, n string) string { return n }}}
	for name, sep := range sorted(usual()) {
		all = append(all,
			disguise{name + " in print", func(_ *rand.Rand, n string) string { return strings.Join(printed(n), sep) }},
			disguise{name + " anywhere", func(r *rand.Rand, n string) string { return strings.Join(anywhere(r, n, 1), sep) }})
	}
	for name, sep := range sorted(strange()) {
		all = append(all, disguise{name + " in print", func(_ *rand.Rand, n string) string { return strings.Join(printed(n), sep) }})
	}
	for name, zero := range sorted(zeros()) {
		all = append(all, disguise{name + " digits", func(_ *rand.Rand, n string) string { return translated(n, zero) }})
	}
	return slices.Concat(all, mixtures(signs), places(signs), encodings(signs))
}

func mixtures(signs []string) []disguise {
	scripts, hidden := values(zeros()), unseen()
	wide := rand.New(rand.NewPCG(2026, 12)) // of its own: the others stay as they were
	return []disguise{
		{"a table's blanks", func(_ *rand.Rand, n string) string {
			var b strings.Builder
			for i, g := range printed(n) {
				if i > 0 {
					b.WriteString(strings.Repeat(one(wide, []string{" ", "\t", "\u00a0", " \t", "\r\n"}), 7+wide.IntN(60)))
				}
				b.WriteString(g)
			}
			return b.String()
		}},
		{"mixed signs", func(r *rand.Rand, n string) string {
			var b strings.Builder
			for i, g := range printed(n) {
				if i > 0 {
					b.WriteString(one(r, signs))
				}
				b.WriteString(g)
			}
			return b.String()
		}},
		{"mixed signs anywhere", func(r *rand.Rand, n string) string {
			var b strings.Builder
			for i, g := range anywhere(r, n, 1) {
				if i > 0 {
					b.WriteString(one(r, signs))
				}
				b.WriteString(g)
			}
			return b.String()
		}},
		{"every digit alone", func(r *rand.Rand, n string) string { return strings.Join(inGroups(n, 1), one(r, signs)) }},
		{"unseen signs", func(r *rand.Rand, n string) string {
			return strings.Join(anywhere(r, n, 1), one(r, hidden))
		}},
		{"unseen signs beside spaces", func(r *rand.Rand, n string) string {
			return strings.Join(printed(n), one(r, hidden)+" "+one(r, hidden))
		}},
		{"mixed scripts", func(r *rand.Rand, n string) string {
			var b strings.Builder
			for i := range len(n) {
				b.WriteString(translated(n[i:i+1], one(r, scripts)))
			}
			return b.String()
		}},
		{"superscript", func(_ *rand.Rand, n string) string { return replaced(n, "⁰¹²³⁴⁵⁶⁷⁸⁹") }},
		{"circled", func(_ *rand.Rand, n string) string { return replaced(n, "⓪①②③④⑤⑥⑦⑧⑨") }},
		{"key caps", func(_ *rand.Rand, n string) string {
			return strings.Join(inGroups(n, 1), "\ufe0f\u20e3") + "\ufe0f\u20e3"
		}},
	}
}

// places are texts with a number inside, as it is or in groups.
func places(signs []string) []disguise {
	var all []disguise
	for name, text := range sorted(map[string]string{
		"between letters": "card%sxyz", "between letters of hexadecimal": "bad%sfade", "after Cyrillic": "карта%s", "after Chinese": "卡号%s。",
		"in a sentence":                "Please charge %s, it is valid till 12/27, code 123. Thanks!",
		"before a code":                "%s 123",
		"after a date":                 "2026-11-22 %s",
		"after a date and time":        "2026-11-22 13:51:40.123456 %s 12:00",
		"before a date":                "%s 2026-11-22",
		"after a telephone number":     "+49 1511 2345678, %s",
		"before a telephone number":    "%s, +49 1511 2345678",
		"after an IBAN":                "DE89 3704 0044 0532 0130 00, %s",
		"after a UUID":                 "0b7e4a52-6a0c-4c0f-9d2c-3f0f5c1d2e3f %s",
		"after a UUID and a dash":      "0b7e4a52-6a0c-4c0f-9d2c-3f0f5c1d2e3f - %s",
		"after a digest":               "d41d8cd98f00b204e9800998ecf8427e:%s",
		"in a query":                   "https://shop.example/pay?order=17&card=%s&name=x",
		"in a path":                    "https://shop.example/cards/%s/edit",
		"in JSON":                      `{"id": 12, "card": "%s", "cvc": "123"}`,
		"in an array":                  `[12, "%s", 7]`,
		"in a table":                   "2026-11-22;12.50;%s;EUR\r\n",
		"in XML":                       "<pan>%s</pan>",
		"in an address":                "mailto:%s@example.org",
		"on a magnetic track":          "%%B%s^DOE/JANE^2712101",
		"on a second track":            ";%s=27121010000000000000?",
		"in a list":                    "1. %s\n2. something else 42",
		"in brackets":                  "(%s)",
		"with a line of digits before": "Order 12\nItem 7\n\n\n\n\n\n\n%s",
		"with a label":                 "PAN:%s",
		"with a sign before":           "#%s",
	}) {
		all = append(all,
			disguise{name, func(_ *rand.Rand, n string) string { return fmt.Sprintf(text, n) }},
			disguise{name + ", in groups", func(r *rand.Rand, n string) string {
				return fmt.Sprintf(text, strings.Join(printed(n), one(r, signs)))
			}})
	}
	return all
}

func encodings(signs []string) []disguise {
	each := func(form string) func(*rand.Rand, string) string {
		return func(_ *rand.Rand, n string) string {
			var b strings.Builder
			for i := range len(n) {
				fmt.Fprintf(&b, form, n[i])
			}
			return b.String()
		}
	}
	between := func(sep string) func(*rand.Rand, string) string {
		return func(_ *rand.Rand, n string) string { return strings.Join(printed(n), sep) }
	}
	return []disguise{
		{"percent-encoded", each("%%%02x")},
		{"percent-encoded twice", each("%%25%02X")},
		{"percent-encoded separators", func(r *rand.Rand, n string) string {
			return "a=" + url.PathEscape(strings.Join(printed(n), one(r, signs)))
		}},
		{"a query's separators", func(_ *rand.Rand, n string) string { return "a=" + url.QueryEscape(strings.Join(printed(n), " ")) }},
		{"entities", each("&#%d;")},
		{"hexadecimal entities", each("&#x%x;")},
		{"no-break space entities", between("&nbsp;")},
		{"dash entities", between("&ndash;")},
		{"numeric space entities", between("&#160;")},
		{"JSON escapes", each(`\u%04x`)},
		{"JSON's line breaks", between(`\n`)},
		{"JSON's no-break spaces", between(`\u00a0`)},
		{"Latin-1", between("\xa0")},
		{"UTF-16", func(_ *rand.Rand, n string) string { return wide(strings.Join(printed(n), " "), 0) }},
		{"UTF-16, the other way", func(_ *rand.Rand, n string) string { return wide(strings.Join(printed(n), " "), 8) }},
	}
}

// wide is a text in two bytes a character, the higher one last or first.
func wide(text string, shift int) string {
	var b []byte
	for _, u := range utf16.Encode([]rune("Card: " + text)) {
		b = append(b, byte(u>>shift), byte(u>>(8-shift)))
	}
	return string(b)
}

// printed are the groups in which cards show their number.
func printed(n string) []string {
	switch len(n) {
	case 15:
		return []string{n[:4], n[4:10], n[10:]}
	case 14:
		return []string{n[:4], n[4:10], n[10:]}
	default:
		return inGroups(n, 4)
	}
}

// anywhere cuts a number at random, into groups of so many digits at least.
func anywhere(r *rand.Rand, n string, least int) []string {
	var out []string
	for len(n) > 0 {
		take := min(least+r.IntN(6), len(n))
		out, n = append(out, n[:take]), n[take:]
	}
	return out
}

func translated(n string, zero rune) string {
	return strings.Map(func(c rune) rune { return zero + c - '0' }, n)
}

func replaced(n, digits string) string {
	all := []rune(digits)
	return strings.Map(func(c rune) rune { return all[c-'0'] }, n)
}

// sorted goes through a map in the order of its keys.
func sorted[V any](m map[string]V) func(yield func(string, V) bool) {
	return func(yield func(string, V) bool) {
		for _, k := range keys(m) {
			if !yield(k, m[k]) {
				return
			}
		}
	}
}

func keys[V any](m map[string]V) []string {
	var all []string
	for k := range m {
		all = append(all, k)
	}
	slices.Sort(all)
	return all
}

func values[V any](m map[string]V) []V {
	var all []V
	for _, k := range keys(m) {
		all = append(all, m[k])
	}
	return all
}

func one[V any](r *rand.Rand, of []V) V { return of[r.IntN(len(of))] }
