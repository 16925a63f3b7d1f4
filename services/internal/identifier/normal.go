package identifier

import (
	"net/url"
	"strings"

	"golang.org/x/text/unicode/norm"
)

// The kinds of identifiers, by the codes under which they are stored.
const (
	KindEmail     = "email"
	KindPhone     = "phone"
	KindAccount   = "account"
	KindDevice    = "device"
	KindCookie    = "cookie"
	KindSSO       = "sso"
	KindIDFA      = "idfa"
	KindGAID      = "gaid"
	KindAnalytics = "analytics"
	KindDeclared  = "declared"
)

// Problem says why a value is none of its kind: a rule's code, and the rule.
type Problem struct{ Rule, Text string }

// Normal brings a value into the one spelling of its kind, in which it is stored
// and found. What can't be brought into it is refused, so that two people are
// never one by a look-alike, nor one person two by a space. A value of a declared
// kind begins with the name of the kind and a colon; its own rule is the tenant's,
// and Declared.Normal applies it.
func Normal(kind, text string) (string, *Problem) {
	text = strings.TrimSpace(text)
	out, ok, p := "", false, Problem{Rule: "OPAQUE", Text: "must hold printable characters only"}
	switch kind {
	case KindEmail:
		out, ok = Email(text)
		p = Problem{Rule: "EMAIL", Text: "must be an e-mail address alone, of ASCII letters; its domain may be international"}
	case KindPhone:
		out, ok = Phone(text)
		p = Problem{Rule: "PHONE", Text: "must be a telephone number with its country: + and 8 to 15 digits"}
	case KindSSO:
		out, ok = SSO(text)
		p = Problem{Rule: "SSO", Text: "must be the issuer's https address, a space, and the subject that it gave"}
	case KindIDFA, KindGAID:
		out, ok = Advertising(text)
		p = Problem{Rule: "ADVERTISING", Text: "must be an advertising id: 32 hexadecimal digits in the groups of a UUID, not all zero"}
	case KindDeclared:
		name, value, found := strings.Cut(text, ":")
		out, ok = text, found && name != "" && Opaque(value)
		p = Problem{Rule: "DECLARED", Text: "must be the name of a kind that the tenant has declared, a colon and a value"}
	default:
		out, ok = norm.NFC.String(text), Opaque(text)
	}
	if !ok {
		return "", &p
	}
	return out, nil
}

// Declared is a kind of identifier of a tenant's own.
type Declared struct {
	Name      string
	Fold      bool // upper and lower case, and compatible forms, are the same
	Analytics bool // never joined with another identifier
}

// Normal is the one spelling of a value of the kind, without its name.
func (d Declared) Normal(value string) (string, bool) {
	if d.Fold {
		value = norm.NFKC.String(strings.ToLower(norm.NFKC.String(value)))
	}
	value = strings.TrimSpace(norm.NFC.String(value)) // folding makes spaces, too
	return d.Name + ":" + value, Opaque(value)
}

// maxSub is how long OpenID Connect lets a subject be.
const maxSub = 255

// SSO is a subject of a single sign-on: the issuer and, after a space, the
// subject, as OpenID Connect has them. The subject is taken as it is; of the
// issuer only scheme and host lose their capitals.
func SSO(text string) (string, bool) {
	issuer, sub, found := strings.Cut(text, " ")
	at, err := url.Parse(issuer)
	if err != nil || !found || at.Scheme != "https" || at.Host == "" || at.User != nil || at.RawQuery != "" || at.Fragment != "" {
		return "", false
	}
	at.Host = strings.ToLower(at.Host)
	if !ascii(issuer) || !ascii(sub) || sub == "" || len(sub) > maxSub || strings.TrimSpace(sub) != sub {
		return "", false
	}
	return at.String() + " " + sub, true
}

// ascii: printable ASCII alone.
func ascii(text string) bool {
	return strings.IndexFunc(text, func(c rune) bool { return c < ' ' || c > '~' }) < 0
}

// zeroID is what a device gives that gives no advertising id.
const zeroID = "00000000-0000-0000-0000-000000000000"

// Advertising is an advertising id: a UUID in small letters. That of a device
// which gives none belongs to nobody.
func Advertising(text string) (string, bool) {
	text = strings.ToLower(text)
	if len(text) != len(zeroID) || text == zeroID {
		return "", false
	}
	for i := range len(text) {
		if (zeroID[i] == '-') != (text[i] == '-') || zeroID[i] != '-' && !strings.ContainsRune("0123456789abcdef", rune(text[i])) {
			return "", false
		}
	}
	return text, true
}
