package identifier_test

import (
	"strings"
	"testing"

	"habeas.internal/services/internal/identifier"

	"golang.org/x/text/unicode/norm"
	"pgregory.net/rapid"
)

// spelling is how a value is written, or nothing if it is refused.
type spelling struct{ name, kind, in, want string }

func TestAValueHasOneSpelling(t *testing.T) {
	for _, tc := range append(addresses(), others()...) {
		t.Run(tc.name, func(t *testing.T) {
			got, problem := identifier.Normal(tc.kind, tc.in)
			if got != tc.want || (problem != nil) != (tc.want == "") {
				t.Errorf("got %q, %v", got, problem)
			}
		})
	}
}

func addresses() []spelling {
	return []spelling{
		{"letters of an address are small", identifier.KindEmail, " Jane.DOE@Example.COM ", "jane.doe@example.com"},
		{"a tag is part of an address", identifier.KindEmail, "jane+shop@example.com", "jane+shop@example.com"},
		{"dots are part of an address", identifier.KindEmail, "j.a.ne@gmail.com", "j.a.ne@gmail.com"},
		{"an international domain is written in ASCII", identifier.KindEmail, "jane@BÜCHER.example", "jane@xn--bcher-kva.example"},
		{"a decomposed domain is the composed one", identifier.KindEmail, "jane@Bu\u0308cher.example", "jane@xn--bcher-kva.example"},
		{"a domain that is written in ASCII already stays", identifier.KindEmail, "jane@xn--bcher-kva.example", "jane@xn--bcher-kva.example"},
		{"a Kelvin sign is no k", identifier.KindEmail, "\u212aim@example.com", ""},
		{"a dotless i is no i", identifier.KindEmail, "k\u0131m@example.com", ""},
		{"a Cyrillic letter is no Latin one", identifier.KindEmail, "j\u0430ne@example.com", ""},
		{"a hidden character is refused", identifier.KindEmail, "ja\u200bne@example.com", ""},
		{"quotes are no part of an address", identifier.KindEmail, `"jane doe"@example.com`, ""},

		{"a number loses its ornaments", identifier.KindPhone, "+49 (30) 1234-5678", "+493012345678"},
		{"a trunk zero in brackets goes", identifier.KindPhone, "+49 (0) 30 / 12345678", "+493012345678"},
		{"a trunk zero without spaces goes", identifier.KindPhone, "+44(0)20.7946.0958", "+442079460958"},
		{"spaces that don't break are spaces", identifier.KindPhone, "+33\u00a01\u202f23\u200945 67 89", "+33123456789"},
		{"hyphens of all kinds are hyphens", identifier.KindPhone, "+1 212\u2011555\u20130123", "+12125550123"},
		{"two zeros are a plus", identifier.KindPhone, "0049 30 12345678", "+493012345678"},
		{"an Italian zero stays", identifier.KindPhone, "+39 06 698 12345", "+390669812345"},
		{"an unassigned country is refused", identifier.KindPhone, "+210 12345678", ""},
		{"a spare code is refused", identifier.KindPhone, "+999 12345678", ""},
		{"no country begins with zero", identifier.KindPhone, "+0 12345678", ""},
		{"an American number has ten digits", identifier.KindPhone, "+1 212 555 012", ""},
		{"an American area does not begin with one", identifier.KindPhone, "+1 112 555 0123", ""},
		{"a number without a country is refused", identifier.KindPhone, "030 12345678", ""},
		{"an extension is refused", identifier.KindPhone, "+49 30 12345678;ext=9", ""},
		{"digits of other widths are refused", identifier.KindPhone, "+49３０12345678", ""},
	}
}

func others() []spelling {
	const idfa = "EA7583CD-A667-48BC-B806-42ECB2B48606"
	return []spelling{
		{"an advertising id of Apple is written small", identifier.KindIDFA, idfa, strings.ToLower(idfa)},
		{"an advertising id of Google too", identifier.KindGAID, idfa, strings.ToLower(idfa)},
		{"a device that gives none is nobody", identifier.KindIDFA, "00000000-0000-0000-0000-000000000000", ""},
		{"groups are where they belong", identifier.KindGAID, "EA7583CDA667-48BC-B806-42ECB2B48606-", ""},

		{"a sign-on names issuer and subject", identifier.KindSSO, "https://Login.Example.com/Realm 248289761001", "https://login.example.com/Realm 248289761001"},
		{"a subject keeps its capitals", identifier.KindSSO, "https://a.example AbC", "https://a.example AbC"},
		{"an issuer's slash is its own", identifier.KindSSO, "https://a.example/ AbC", "https://a.example/ AbC"},
		{"a subject alone is nobody's", identifier.KindSSO, "248289761001", ""},
		{"an issuer alone is nobody", identifier.KindSSO, "https://a.example", ""},
		{"an issuer is asked over TLS", identifier.KindSSO, "http://a.example x", ""},
		{"an issuer has no query", identifier.KindSSO, "https://a.example?x=1 x", ""},
		{"an issuer has no user", identifier.KindSSO, "https://b@a.example x", ""},
		{"a subject has ASCII alone", identifier.KindSSO, "https://a.example jäne", ""},
		{"a subject is not without end", identifier.KindSSO, "https://a.example " + strings.Repeat("x", 256), ""},

		{"an account is taken as it is", identifier.KindAccount, " User-42/A ", "User-42/A"},
		{"an account is composed", identifier.KindAccount, "Zoe\u0308", "Zo\u00eb"},
		{"an account keeps its width", identifier.KindAccount, "Ａ1", "Ａ1"},
		{"an account has no control characters", identifier.KindAccount, "a\x00b", ""},
		{"a device has no marks of direction", identifier.KindDevice, "a\u202eb", ""},
		{"half a character is none", identifier.KindCookie, "a\xffb", ""},
		{"a declared kind is named", identifier.KindDeclared, "card:123", "card:123"},
		{"a value without a declared kind is refused", identifier.KindDeclared, "123", ""},
		{"a declared kind without a value is refused", identifier.KindDeclared, "card:", ""},
	}
}

func TestATenantDeclaresHowItsOwnKindsAreWritten(t *testing.T) {
	for _, tc := range []struct {
		name     string
		kind     identifier.Declared
		in, want string
	}{
		{"as it is", identifier.Declared{Name: "card"}, " AbＣ ", "card:AbＣ"},
		{"folded", identifier.Declared{Name: "card", Fold: true}, " AbＣ ", "card:abc"},
		{"folded into a space and an accent", identifier.Declared{Name: "card", Fold: true}, "\u00a8", "card:\u0308"},
		{"folded beyond case", identifier.Declared{Name: "card", Fold: true}, "\u212a1", "card:k1"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got, ok := tc.kind.Normal(tc.in); !ok || got != tc.want {
				t.Errorf("got %q, %v", got, ok)
			}
		})
	}
	if _, ok := (identifier.Declared{Name: "card"}).Normal(" "); ok {
		t.Error("nothing is a value")
	}
}

// What is stored was normalised once; finding it again normalises it again.
func TestNormalIsStable(t *testing.T) {
	kinds := []string{
		identifier.KindEmail, identifier.KindPhone, identifier.KindAccount, identifier.KindDevice, identifier.KindCookie, identifier.KindSSO,
		identifier.KindIDFA, identifier.KindAnalytics, identifier.KindDeclared,
	}
	rapid.Check(t, func(t *rapid.T) {
		kind := rapid.SampledFrom(kinds).Draw(t, "kind")
		text := rapid.OneOf(rapid.String(), rapid.StringMatching(`\+[0-9 ()-]{6,18}`), rapid.StringMatching(`[a-zA-Z.+]{1,9}@[a-zäöß]{1,9}\.[a-z]{2,3}`),
			rapid.StringMatching(`https://[A-Za-z.]{1,9}/[a-z]{0,3} [ -~]{1,9}`)).Draw(t, "text")
		once, problem := identifier.Normal(kind, text)
		if problem != nil {
			return
		}
		again, problem := identifier.Normal(kind, once)
		if problem != nil || again != once {
			t.Fatalf("%q becomes %q becomes %q, %v", text, once, again, problem)
		}
		if !norm.NFC.IsNormalString(once) && kind != identifier.KindDeclared {
			t.Fatalf("%q is not composed", once)
		}
		folded := identifier.Declared{Name: "x", Fold: true}
		if one, ok := folded.Normal(text); ok {
			if two, _ := folded.Normal(strings.TrimPrefix(one, "x:")); two != one {
				t.Fatalf("folded, %q becomes %q becomes %q", text, one, two)
			}
		}
	})
}
