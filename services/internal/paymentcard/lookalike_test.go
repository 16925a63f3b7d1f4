package paymentcard_test

import (
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"
)

// lookAlike is a kind of number that is no card's. Those that are never one can
// be told for certain; of the others some are as good as a card's.
type lookAlike struct {
	name  string
	never bool
	make  func(r *rand.Rand) string
}

func lookAlikes() []lookAlike { return slices.Concat(ids(), times(), accounts(), goods(), texts()) }

func moment(r *rand.Rand) time.Time {
	return time.Date(2015+r.IntN(15), time.Month(1+r.IntN(12)), 1+r.IntN(28), r.IntN(24), r.IntN(60), r.IntN(60), r.IntN(1e9), time.UTC)
}

func octets(r *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

func uuid(r *rand.Rand) string {
	b := octets(r, 16)
	b[6], b[8] = b[6]&0xf|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

func ids() []lookAlike {
	return []lookAlike{
		{"UUIDs", true, uuid},
		{"UUIDs of decimal digits", true, func(r *rand.Rand) string {
			return random(r, 8) + "-" + random(r, 4) + "-4" + random(r, 3) + "-8" + random(r, 3) + "-" + random(r, 12)
		}},
		{"UUIDs in a list", true, func(r *rand.Rand) string { return uuid(r) + ", " + uuid(r) + "\n" + uuid(r) }},
		{"SHA-256, hexadecimal", true, func(r *rand.Rand) string { s := sha256.Sum256(octets(r, 8)); return hex.EncodeToString(s[:]) }},
		{"SHA-1, hexadecimal", true, func(r *rand.Rand) string { s := sha1.Sum(octets(r, 8)); return hex.EncodeToString(s[:]) }},
		{"object ids of 24 hexadecimal digits", true, func(r *rand.Rand) string { return hex.EncodeToString(octets(r, 12)) + "f"[:0] }},
		{"base64 of 48 bytes", false, func(r *rand.Rand) string { return base64.RawURLEncoding.EncodeToString(octets(r, 48)) }},
		{"base32 ids of 26 letters", false, func(r *rand.Rand) string { return letters(r, "abcdefghijklmnopqrstuvwxyz234567", 26) }},
		{"ULIDs", false, func(r *rand.Rand) string { return "01" + letters(r, "0123456789ABCDEFGHJKMNPQRSTVWXYZ", 24) }},
		{"order ids of 10 digits", true, func(r *rand.Rand) string { return random(r, 10) }},
		{"order ids with a year", true, func(r *rand.Rand) string { return "ORD-" + strconv.Itoa(2015+r.IntN(12)) + "-" + random(r, 8) }},
		{"order ids in three groups (3-7-7)", false, func(r *rand.Rand) string { return random(r, 3) + "-" + random(r, 7) + "-" + random(r, 7) }},
		{"12 random digits", false, func(r *rand.Rand) string { return random(r, 12) }},
		{"14 random digits", false, func(r *rand.Rand) string { return random(r, 14) }},
		{"16 random digits", false, func(r *rand.Rand) string { return random(r, 16) }},
		{"20 random digits", true, func(r *rand.Rand) string { return random(r, 20) }},
		{"snowflakes of 19 digits", true, func(r *rand.Rand) string { return strconv.FormatInt(1<<60+r.Int64N(7e17), 10) }},
		{"snowflakes of 18 digits", false, func(r *rand.Rand) string { return strconv.FormatInt(1e17+r.Int64N(9e17), 10) }},
	}
}

func letters(r *rand.Rand, of string, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = of[r.IntN(len(of))]
	}
	return string(b)
}

func times() []lookAlike {
	return []lookAlike{
		{"milliseconds since 1970", true, func(r *rand.Rand) string { return strconv.FormatInt(moment(r).UnixMilli(), 10) }},
		{"microseconds since 1970", true, func(r *rand.Rand) string { return strconv.FormatInt(moment(r).UnixMicro(), 10) }},
		{"nanoseconds since 1970", true, func(r *rand.Rand) string { return strconv.FormatInt(moment(r).UnixNano(), 10) }},
		{"RFC 3339", true, func(r *rand.Rand) string { return moment(r).Format(time.RFC3339Nano) }},
		{"a line of a log", true, func(r *rand.Rand) string {
			return moment(r).Format("2006-01-02 15:04:05.000000") + " [" + strconv.Itoa(r.IntN(40000)) + "] LOG: duration: " + fmt.Sprintf("%.3f ms", r.Float64()*100)
		}},
		{"times of 14 digits", true, func(r *rand.Rand) string { return moment(r).Format("20060102150405") }},
		{"three dates", false, func(r *rand.Rand) string {
			return moment(r).Format(time.DateOnly) + " " + moment(r).Format(time.DateOnly) + " " + moment(r).Format(time.DateOnly)
		}},
	}
}

func accounts() []lookAlike {
	iban := func(r *rand.Rand) string {
		country, n := "DE", 18
		switch r.IntN(4) {
		case 0:
			country, n = "FR", 23
		case 1:
			country, n = "ES", 20
		case 2:
			country, n = "FI", 14
		}
		account := random(r, n)
		rest := 0
		for _, c := range account + strconv.Itoa(int(country[0]-'A')+10) + strconv.Itoa(int(country[1]-'A')+10) + "00" {
			rest = (rest*10 + int(c-'0')) % 97
		}
		return fmt.Sprintf("%s%02d%s", country, 98-rest, account)
	}
	return []lookAlike{
		{"telephone numbers (E.164)", true, func(r *rand.Rand) string {
			return "+" + []string{"49", "44", "1", "370", "505", "63", "52", "36", "62"}[r.IntN(9)] + random(r, 7+r.IntN(4))
		}},
		{"telephone numbers in groups", true, func(r *rand.Rand) string {
			return "+49 " + random(r, 3) + " " + random(r, 3) + " " + random(r, 2) + " " + random(r, 2) + ", Fax +49 (0) " + random(r, 2) + " " + random(r, 4)
		}},
		{"telephone numbers without a plus", false, func(r *rand.Rand) string {
			return []string{"49", "44", "1", "370", "505", "63", "52", "36", "62"}[r.IntN(9)] + random(r, 9+r.IntN(2))
		}},
		{"IBANs", true, iban},
		{"IBANs in groups", true, func(r *rand.Rand) string { return "IBAN: " + strings.Join(inGroups(iban(r), 4), " ") + "." }},
		{"bank accounts of 8 to 10 digits, with a code", false, func(r *rand.Rand) string { return random(r, 6) + " " + random(r, 8+r.IntN(3)) }},
		{"social security numbers", true, func(r *rand.Rand) string { return random(r, 3) + "-" + random(r, 2) + "-" + random(r, 4) }},
	}
}

func goods() []lookAlike {
	ean := func(first string, r *rand.Rand) string {
		digits, sum := (first + random(r, 12))[:12], 0
		for i, c := range digits {
			sum += int(c-'0') * (1 + i%2*2)
		}
		return digits + strconv.Itoa((10-sum%10)%10)
	}
	return []lookAlike{
		{"IMEIs", true, func(r *rand.Rand) string { return valid([]string{"35", "86", "01", "99"}[r.IntN(4)]+random(r, 13), 15) }},
		{"ISBN-13", true, func(r *rand.Rand) string { return ean("978", r) }},
		{"ISBN-13 with dashes", true, func(r *rand.Rand) string {
			e := ean("978", r)
			return e[:3] + "-" + e[3:4] + "-" + e[4:7] + "-" + e[7:12] + "-" + e[12:]
		}},
		{"EAN-13 of all countries", false, func(r *rand.Rand) string { return ean("", r) }},
		{"UPS (1Z...)", true, func(r *rand.Rand) string {
			return "1Z" + letters(r, "0123456789ABCDEFGHJKLMNPRSTUVWXY", 6) + random(r, 10)
		}},
		{"USPS, 22 digits", true, func(r *rand.Rand) string { return "9400" + random(r, 18) }},
		{"USPS in groups", false, func(r *rand.Rand) string { return strings.Join(inGroups("9400"+random(r, 18), 4), " ") }},
		{"FedEx, 12 digits", false, func(r *rand.Rand) string { return random(r, 12) }},
		{"DHL (JD...)", true, func(r *rand.Rand) string { return "JD01" + random(r, 16) }},
	}
}

func texts() []lookAlike {
	return []lookAlike{
		{"IPv4 addresses", false, func(r *rand.Rand) string {
			return fmt.Sprintf("%d.%d.%d.%d", r.IntN(256), r.IntN(256), r.IntN(256), r.IntN(256))
		}},
		{"MAC addresses", true, func(r *rand.Rand) string { return strings.Join(inGroups(hex.EncodeToString(octets(r, 6)), 2), ":") }},
		{"places on a map, in JSON", false, func(r *rand.Rand) string {
			return fmt.Sprintf(`{"lat": %v, "lon": %v}`, r.Float64()*90, r.Float64()*180)
		}},
		{"fractions of one", true, func(r *rand.Rand) string { return fmt.Sprintf("[%v, %v]", r.Float64()*.9+.1, r.Float64()*.9+.1) }},
		{"ten sums of money", false, func(r *rand.Rand) string {
			var all []string
			for range 10 {
				all = append(all, fmt.Sprintf("%d.%02d", r.IntN(300), r.IntN(100)))
			}
			return strings.Join(all, " ")
		}},
		{"a bill of three lines", false, func(r *rand.Rand) string {
			var b strings.Builder
			for i := range 3 {
				fmt.Fprintf(&b, "%d x item %d, %d.%02d EUR, art. no. %s\n", i+1, r.IntN(1000), r.IntN(300), r.IntN(100), random(r, 8))
			}
			return b.String()
		}},
		{"a table of 40 small numbers", false, func(r *rand.Rand) string {
			var all []string
			for range 40 {
				all = append(all, strconv.Itoa(r.IntN(1000)))
			}
			return strings.Join(all, ",")
		}},
	}
}
