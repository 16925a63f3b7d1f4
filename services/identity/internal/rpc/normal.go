package rpc

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/identity/internal/registry"
	"habeas.internal/services/internal/rpc/fault"

	"golang.org/x/net/idna"
)

// Values are stored and found in one spelling. What can't be brought into it is
// refused, so that two people are never one by a look-alike, nor one person two
// by a space.

// kindOf is the code of a kind, such as "email".
func kindOf(k identityv1.IdentifierKind) string {
	return strings.ToLower(strings.TrimPrefix(k.String(), "IDENTIFIER_KIND_"))
}

// kindFrom is the contract's name of a kind's code.
func kindFrom(kind string) identityv1.IdentifierKind {
	return identityv1.IdentifierKind(identityv1.IdentifierKind_value["IDENTIFIER_KIND_"+strings.ToUpper(kind)])
}

// normal brings an identifier into its one spelling; field is its path in the
// request.
func normal(field string, i *identityv1.Identifier) (registry.Value, error) {
	v := registry.Value{Kind: kindOf(i.GetKind()), Text: strings.TrimSpace(i.GetValue())}
	rule, text, ok := "", "", false
	switch i.GetKind() {
	case identityv1.IdentifierKind_IDENTIFIER_KIND_EMAIL:
		v.Text, ok = email(v.Text)
		rule, text = "EMAIL", "must be an e-mail address of ASCII letters; its domain may be international"
	case identityv1.IdentifierKind_IDENTIFIER_KIND_PHONE:
		v.Text, ok = phone(v.Text)
		rule, text = "PHONE", "must be a telephone number with its country: + and 8 to 15 digits"
	default:
		ok = opaque(v.Text)
		rule, text = "OPAQUE", "must hold printable characters only"
	}
	if !ok {
		return registry.Value{}, fault.FieldErrors{{Field: field + ".value", Rule: rule, Text: text}}
	}
	return v, nil
}

// normalAll refuses what is malformed and what comes twice.
func normalAll(field string, all []*identityv1.Identifier) ([]registry.Value, error) {
	var out []registry.Value
	seen := map[registry.Value]bool{}
	for n, i := range all {
		at := fmt.Sprintf("%s[%d]", field, n)
		v, err := normal(at, i)
		if err != nil {
			return nil, err
		}
		if seen[v] {
			return nil, fault.FieldErrors{{Field: at, Rule: "UNIQUE", Text: "comes twice"}}
		}
		seen[v] = true
		out = append(out, v)
	}
	return out, nil
}

const (
	maxLocal  = 64
	maxDomain = 253
	// localExtra is what a local part may hold besides letters and digits.
	localExtra = "!#$%&'*+-/=?^_`{|}~."
)

func email(text string) (string, bool) {
	at := strings.LastIndexByte(text, '@')
	if at < 1 || at > maxLocal {
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

const (
	leastDigits = 8
	mostDigits  = 15
)

func phone(text string) (string, bool) {
	text = strings.NewReplacer(" ", "", "-", "", ".", "", "(", "", ")", "", "/", "").Replace(text)
	if rest, ok := strings.CutPrefix(text, "00"); ok {
		text = "+" + rest
	}
	number, ok := strings.CutPrefix(text, "+")
	if !ok || len(number) < leastDigits || len(number) > mostDigits || number[0] == '0' || strings.Trim(number, "0123456789") != "" {
		return "", false
	}
	return text, true
}

func opaque(text string) bool {
	return text != "" && utf8.ValidString(text) && strings.IndexFunc(text, func(c rune) bool { return !unicode.IsPrint(c) }) < 0
}
