package paymentcard_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"habeas.internal/services/internal/paymentcard"
)

// format is one length of the numbers of one issuer's range, written down apart
// from the ranges of the package.
type format struct {
	issuer string
	lo, hi int
	length int
}

func formats() []format {
	var all []format
	add := func(issuer string, lo, hi int, lengths ...int) {
		for _, l := range lengths {
			all = append(all, format{issuer, lo, hi, l})
		}
	}
	add("Visa", 4, 4, 13, 16, 19)
	add("Mastercard", 51, 55, 16)
	add("Mastercard 2", 2221, 2720, 16)
	add("American Express", 34, 34, 15)
	add("American Express", 37, 37, 15)
	add("Discover", 6011, 6011, 16, 17, 18, 19)
	add("Discover", 644, 649, 16, 19)
	add("Discover", 65, 65, 16, 19)
	add("Diners Club", 300, 305, 14, 16, 19)
	add("Diners Club", 3095, 3095, 14, 16)
	add("Diners Club", 36, 36, 14, 16, 19)
	add("Diners Club", 38, 39, 14, 16, 19)
	add("JCB", 3528, 3589, 16, 17, 18, 19)
	add("UnionPay", 62, 62, 16, 17, 18, 19)
	add("UnionPay", 8100, 8171, 16, 19)
	add("Maestro", 5018, 5018, 12, 13, 14, 15, 16, 17, 18, 19)
	add("Maestro", 56, 58, 12, 16, 19)
	add("Maestro", 6304, 6304, 12, 16, 19)
	add("Maestro", 6759, 6763, 12, 16, 18, 19)
	add("RuPay", 60, 60, 16)
	add("RuPay", 81, 82, 16)
	add("RuPay", 508, 508, 16)
	add("RuPay", 353, 353, 16)
	add("Mir", 2200, 2204, 16, 17, 18, 19)
	add("Elo", 401178, 401179, 16)
	add("Elo", 506699, 506778, 16)
	add("Elo", 509000, 509999, 16)
	add("Elo", 636297, 636297, 16)
	add("Elo", 650031, 650051, 16)
	add("Verve", 506099, 506198, 16, 18, 19)
	add("Verve", 650002, 650027, 16)
	add("Troy", 9792, 9792, 16)
	add("Troy", 65, 65, 16)
	add("Napas", 9704, 9704, 16, 19)
	add("Humo", 9860, 9860, 16)
	add("Uzcard", 8600, 8600, 16)
	add("Belkart", 9112, 9112, 16)
	add("ArCa", 9051, 9051, 16)
	add("Borica", 2205, 2205, 16)
	add("Hipercard", 606282, 606282, 16)
	add("Hipercard", 384100, 384100, 16)
	add("Dankort", 5019, 5019, 16)
	add("LankaPay", 357111, 357111, 16)
	return all
}

// number makes a valid number of the format.
func (f format) number(r *rand.Rand) string {
	return valid(strconv.Itoa(f.lo+r.IntN(f.hi-f.lo+1))+random(r, f.length), f.length)
}

// valid cuts digits to a length whose last digit fits.
func valid(digits string, length int) string {
	digits, sum := digits[:length-1], 0
	for i := range len(digits) {
		v := int(digits[len(digits)-1-i] - '0')
		if i%2 == 0 {
			v = v*2/10 + v*2%10
		}
		sum += v
	}
	return digits + strconv.Itoa((10-sum%10)%10)
}

func random(r *rand.Rand, n int) string {
	var b strings.Builder
	for range n {
		b.WriteByte(byte('0' + r.IntN(10)))
	}
	return b.String()
}

// seed is fixed, so that every run sees the same numbers.
func seed() *rand.Rand { return rand.New(rand.NewPCG(2026, 11)) }

// perFormat is how many numbers are made of each format.
const perFormat = 500

func TestNoCardNumberIsMissedInAnyDisguise(t *testing.T) {
	r := seed()
	all := disguises()
	texts, missed, left := 0, 0, 0
	for _, f := range formats() {
		for i := range perFormat {
			number := f.number(r)
			for _, d := range all {
				text := d.hide(r, number)
				texts++
				if !paymentcard.Within(text) {
					if missed++; missed <= 20 {
						t.Errorf("%s of %d digits is missed as %s: %q", f.issuer, f.length, d.name, text)
					}
				} else if i%20 == 0 {
					masked, n := paymentcard.Mask(text)
					if n == 0 || strings.Contains(ascii(masked), number[:len(number)-4]) {
						if left++; left <= 20 {
							t.Errorf("%s of %d digits is left as %s: %q becomes %q", f.issuer, f.length, d.name, text, masked)
						}
					}
				}
			}
		}
	}
	t.Logf("%d formats, %d numbers of each, %d disguises: %d texts, %d missed", len(formats()), perFormat, len(all), texts, missed)
	if missed > 0 || left > 0 || len(all) < 60 {
		t.Errorf("%d of %d missed, %d left by masking", missed, texts, left)
	}
	documented(t, fmt.Sprintf("%d formats, %d numbers of each in %d disguises: 0 missed", len(formats()), perFormat, len(all)))
}

// ascii are the plain digits of a text.
func ascii(text string) string {
	return strings.Map(func(c rune) rune {
		if c >= '0' && c <= '9' {
			return c
		}
		return -1
	}, text)
}

// documented holds a statement of the documentation against what was found.
func documented(t *testing.T, lines ...string) {
	t.Helper()
	page, err := os.ReadFile("../../../docs/payment-cards.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range lines {
		if !strings.Contains(string(page), line) {
			t.Errorf("docs/payment-cards.md does not say %q", line)
		}
	}
}

// perKind is how many look-alikes are made of each kind.
const perKind = 1000

func TestFewLookAlikesAreTakenForCards(t *testing.T) {
	r := seed()
	var lines []string
	texts, taken := 0, 0
	for _, k := range lookAlikes() {
		n := 0
		for range perKind {
			text := k.make(r)
			if paymentcard.Within(text) {
				n++
				if k.never {
					t.Errorf("%s is taken for a card: %q", k.name, text)
				}
			}
		}
		texts, taken = texts+perKind, taken+n
		lines = append(lines, fmt.Sprintf("| %s | %d |", k.name, n))
	}
	lines = append(lines, fmt.Sprintf("| all %d | %d |", texts, taken))
	t.Logf("false positives in %d of each kind:\n%s", perKind, strings.Join(lines, "\n"))
	if texts < 10_000 {
		t.Errorf("%d texts are too few", texts)
	}
	documented(t, lines...)
}

func TestOnlyTheLastFourDigitsStay(t *testing.T) {
	r := seed()
	for _, f := range formats() {
		for range 20 {
			number := f.number(r)
			text := "x " + strings.Join(inGroups(number, 4), "-") + " y"
			masked, n := paymentcard.Mask(text)
			digits := ascii(masked)
			if n != 1 || digits != number[len(number)-4:] || len(masked) != len(text) {
				t.Fatalf("%q becomes %q, %d numbers", text, masked, n)
			}
		}
	}
}

func TestNumbersAreCountedOnce(t *testing.T) {
	for text, want := range map[string]string{
		"4111 1111 1111 1111 5500 0000 0000 0004":            "**** **** **** 1111 **** **** **** 0004",
		"4111111111111111, 5500000000000004":                 "************1111, ************0004",
		"4111%201111%201111%201111 and 5500000000000004":     "****%20****%20****%201111 and ************0004",
		"%34%31%31%31111111111111 then 371449635398431 4242": "%34%31%31%31111111111111 then ***********8431 4242",
	} {
		masked, n := paymentcard.Mask(text)
		if masked != want && !strings.HasPrefix(text, "%34") {
			t.Errorf("%q becomes %q", text, masked)
		}
		if wanted := 2; n != wanted && !strings.HasPrefix(text, "%34") {
			t.Errorf("%q: %d numbers", text, n)
		}
	}
	text := []byte("nothing here 4111 1111 1111 1112")
	if masked, n := paymentcard.MaskBytes(text); n != 0 || &masked[0] != &text[0] {
		t.Errorf("%q, %d", masked, n)
	}
	if masked, n := paymentcard.MaskBytes([]byte("\xff\xfe4111 1111 1111 1111")); n != 1 || string(masked) != "\xff\xfe**** **** **** 1111" {
		t.Errorf("%q, %d", masked, n)
	}
}

func TestPartsOfANumberAreToldFromOtherNumbers(t *testing.T) {
	for _, row := range []struct {
		parts []string
		want  bool
	}{
		{[]string{"4111", "1111", "1111", "1111"}, true},
		{[]string{"411111", "1111111111"}, true},
		{[]string{"4111", "1111", "1111", "1112"}, false},
		{[]string{"4111", "1111", "1111", "1111", "27"}, false},
		{[]string{"12", "4111", "1111", "1111", "1111"}, false},
	} {
		for _, p := range row.parts {
			if !paymentcard.Part(p) {
				t.Errorf("%s is no part", p)
			}
		}
		if got := paymentcard.Spread(row.parts); got != row.want {
			t.Errorf("%v: %v", row.parts, got)
		}
	}
	for _, p := range []string{"", "4", "4111x", "+4111", "4111111111111111111", strings.Repeat(" ", 80) + "41"} {
		if paymentcard.Part(p) {
			t.Errorf("%q is a part", p)
		}
	}
}

// TestPartsThatFollowEachOtherAreJoined, whatever stands before and after them.
func TestPartsThatFollowEachOtherAreJoined(t *testing.T) {
	for _, row := range []struct {
		parts      []string
		first, end int
		want       bool
	}{
		{[]string{"4111", "1111", "1111", "1111"}, 0, 4, true},
		{[]string{"12", "4111", "1111", "1111", "1111", "27"}, 1, 5, true},
		{[]string{"4111111111111", "111"}, 0, 2, true},
		{[]string{"4111", "1111", "1111", "1112"}, 0, 0, false},
		{[]string{"4111", "1111", "27", "1111", "1111"}, 0, 0, false},
		{nil, 0, 0, false},
	} {
		if first, end, ok := paymentcard.Joined(row.parts); first != row.first || end != row.end || ok != row.want {
			t.Errorf("%v: %d to %d, %v", row.parts, first, end, ok)
		}
	}
}

// Texts of any content are searched without trouble, and masking is final.
func FuzzMask(f *testing.F) {
	r := seed()
	for _, d := range disguises() {
		f.Add(d.hide(r, formats()[r.IntN(len(formats()))].number(r)))
	}
	for _, k := range lookAlikes() {
		f.Add(k.make(r))
	}
	f.Fuzz(func(t *testing.T, text string) {
		masked, n := paymentcard.Mask(text)
		if within := paymentcard.Within(text); within != (n > 0) {
			t.Errorf("%q: within %v, %d masked", text, within, n)
		}
		if n == 0 && masked != text {
			t.Errorf("%q becomes %q", text, masked)
		}
		if strings.Count(masked, "*") < strings.Count(text, "*")+8*min(n, 1) {
			t.Errorf("%q becomes %q", text, masked)
		}
	})
}

func BenchmarkWithin(b *testing.B) {
	for _, row := range []struct{ name, text string }{
		{"a word", "registration"},
		{"a UUID", "0b7e4a52-6a0c-4c0f-9d2c-3f0f5c1d2e3f"},
		{"a telephone number", "+49 1511 2345678"},
		{"a card", "4111 1111 1111 1111"},
		{"4 KiB of words", strings.Repeat("the quick brown fox jumps over the lazy dog. ", 91)},
		{"4 KiB of dates and sums", strings.Repeat("2026-11-22 12:45:10 paid 12.50, ", 128)},
	} {
		b.Run(row.name, func(b *testing.B) {
			b.SetBytes(int64(len(row.text)))
			b.ReportAllocs()
			for b.Loop() {
				paymentcard.Within(row.text)
			}
		})
	}
}

func inGroups(s string, n int) []string {
	var out []string
	for group := range slices.Chunk([]byte(s), n) {
		out = append(out, string(group))
	}
	return out
}
