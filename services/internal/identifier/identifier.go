// Package identifier has the one spelling of what identifies people, for every
// service that takes identifiers in.
package identifier

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

const (
	maxLocal  = 64
	maxDomain = 253
	// localExtra is what a local part may hold besides letters and digits.
	localExtra = "!#$%&'*+-/=?^_`{|}~."
)

// Email is an address in its one spelling: ASCII letters in lower case, an
// international domain encoded. Names for display, quotes and comments are none.
func Email(text string) (string, bool) {
	at := strings.LastIndexByte(text, '@')
	if at < 1 || at > maxLocal {
		return "", false
	}
	if !ascii(text[:at]) { // before it is folded: a Kelvin sign in small letters is a k
		return "", false
	}
	local := strings.ToLower(text[:at])
	for _, c := range []byte(local) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && strings.IndexByte(localExtra, c) < 0 {
			return "", false
		}
	}
	if strings.HasPrefix(local, ".") || strings.HasSuffix(local, ".") || strings.Contains(local, "..") {
		return "", false
	}
	domain, err := idna.Lookup.ToASCII(text[at+1:])
	if err != nil || len(domain) > maxDomain || !strings.Contains(domain, ".") || strings.HasSuffix(domain, ".") {
		return "", false
	}
	return local + "@" + strings.ToLower(domain), true
}

// Opaque reports whether a text can be an identifier that means nothing by
// itself: printable and not empty.
func Opaque(text string) bool {
	return text != "" && utf8.ValidString(text) && strings.IndexFunc(text, func(c rune) bool { return !unicode.IsPrint(c) }) < 0
}
