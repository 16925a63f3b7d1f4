package rpc

import (
	"testing"

	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
)

func TestOneIdentifierHasOneSpelling(t *testing.T) {
	const (
		email   = identityv1.IdentifierKind_IDENTIFIER_KIND_EMAIL
		phone   = identityv1.IdentifierKind_IDENTIFIER_KIND_PHONE
		account = identityv1.IdentifierKind_IDENTIFIER_KIND_ACCOUNT
	)
	for _, tc := range []struct {
		name string
		kind identityv1.IdentifierKind
		in   string
		want string // empty: refused
	}{
		{"letters of an address are small", email, "Jane.DOE@Example.COM", "jane.doe@example.com"},
		{"space around an address is nothing", email, "\t jane@example.com\n", "jane@example.com"},
		{"an international domain is written in ASCII", email, "jane@Bücher.example", "jane@xn--bcher-kva.example"},
		{"a tag is part of the address", email, "jane+shop@example.com", "jane+shop@example.com"},
		{"a look-alike letter is refused", email, "jаne@example.com", ""},
		{"an address without a domain is refused", email, "jane@", ""},
		{"an address of a bare host is refused", email, "jane@localhost", ""},
		{"an address with a line break inside is refused", email, "jane\r\nBcc: x@example.com", ""},
		{"a name is no part of an address", email, "Jane <jane@example.com>", ""},
		{"two dots in a row are refused", email, "jane..doe@example.com", ""},
		{"a number loses its ornaments", phone, "+49 (30) 1234-5678", "+493012345678"},
		{"two zeros are a plus", phone, "0049 30 12345678", "+493012345678"},
		{"a number without a country is refused", phone, "030 12345678", ""},
		{"a number that is too long is refused", phone, "+1234567890123456", ""},
		{"letters are no digits", phone, "+49 30 CALLNOW", ""},
		{"digits of other scripts are refused", phone, "+٤٩٣٠١٢٣٤٥٦٧٨", ""},
		{"an account is taken as it is", account, " User-42/A ", "User-42/A"},
		{"an account holds no control characters", account, "user\x0042", ""},
		{"nor hidden ones", account, "user\u200b42", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := normal("identifier", &identityv1.Identifier{Kind: tc.kind, Value: tc.in})
			if got.Text != tc.want || (err != nil) != (tc.want == "") {
				t.Errorf("got %q, %v", got.Text, err)
			}
		})
	}
}

func TestKindsHaveCodesAndBack(t *testing.T) {
	for n, name := range identityv1.IdentifierKind_name {
		kind := identityv1.IdentifierKind(n)
		if got := kindFrom(kindOf(kind)); got != kind {
			t.Errorf("%s becomes %q becomes %s", name, kindOf(kind), got)
		}
	}
}
