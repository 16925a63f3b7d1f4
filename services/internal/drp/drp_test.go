package drp_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"

	"habeas.internal/services/internal/drp"
)

func key(b byte) ed25519.PrivateKey {
	seed := make([]byte, ed25519.SeedSize)
	seed[0] = b
	return ed25519.NewKeyFromSeed(seed)
}

func public(k ed25519.PrivateKey) []byte { return k.Public().(ed25519.PublicKey) } //nolint:forcetypeassert // it is one

const good = `{"agent-id":"ACME","business-id":"shop","issued-at":"2026-11-22T12:00:00Z","expires-at":"2026-11-22T13:10:00+01:00",` +
	`"agent-request-id":"r-1","drp.version":"1.0","exercise":"deletion","regime":"ccpa","relationships":["customer"],` +
	`"status_callback":"https://agent.example/cb","name":"Jane Doe","email":"jane@example.com","email_verified":true,` +
	`"phone_number":"+14155550100","phone_number_verified":false,"address":{"formatted":"1 Road","country":"US"},"address_verified":false,` +
	`"power_of_attorney":"https://agent.example/poa/1"}`

func parse(body string) (drp.Request, error) {
	s, err := drp.Open(drp.Seal(key(1), []byte(body)))
	if err != nil {
		return drp.Request{}, err
	}
	return s.Parse()
}

func TestAMessageIsReadAsItWasWritten(t *testing.T) {
	r, err := parse(good)
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	if r.AgentID != "ACME" || r.BusinessID != "shop" || r.RequestID != "r-1" || !r.IssuedAt.Equal(at) || r.ExpiresAt.Sub(at) != 10*time.Minute ||
		r.Exercise != drp.Deletion || r.Regime != "ccpa" || r.Email != "jane@example.com" || !r.Verified() || !r.AddressClaimed ||
		r.PhoneNumber != "+14155550100" || len(r.Relationships) != 1 {
		t.Errorf("read as %+v", r)
	}
}

func TestASignatureCountsForTheExactBytesAndOneKey(t *testing.T) {
	message := drp.Seal(key(1), []byte(good))
	s, err := drp.Open(message)
	if err != nil {
		t.Fatal(err)
	}
	if !s.By(public(key(1))) {
		t.Error("the agent's own message is refused")
	}
	if s.By(public(key(2))) || s.By(nil) || s.By(public(key(1))[1:]) || (drp.Signed{}).By(public(key(1))) {
		t.Error("a message counts for a key that has not signed it")
	}
	raw, err := base64.StdEncoding.DecodeString(message)
	if err != nil {
		t.Fatal(err)
	}
	for i := range raw {
		raw[i] ^= 1
		changed, err := drp.Open(base64.StdEncoding.EncodeToString(raw))
		if err != nil {
			t.Fatal(err)
		}
		if changed.By(public(key(1))) {
			t.Fatalf("with byte %d changed it counts", i)
		}
		raw[i] ^= 1
	}
}

func TestOnlyOneFormIsRead(t *testing.T) {
	with := func(from, to string) string { return strings.Replace(good, from, to, 1) }
	for name, tc := range map[string]struct{ body, field, rule string }{
		"an unknown field":              {with(`"name"`, `"nick"`), "nick", "UNKNOWN"},
		"another spelling of a field":   {with(`"email"`, `"Email"`), "", "UNKNOWN"},
		"a field that comes twice":      {with(`"name"`, `"agent-id":"B","name"`), "agent-id", "DUPLICATE"},
		"one that is escaped":           {with(`"name"`, `"\u0061gent-id":"B","name"`), "agent-id", "DUPLICATE"},
		"a part that comes twice":       {with(`"formatted"`, `"country":"DE","formatted"`), "country", "DUPLICATE"},
		"an unknown part of an address": {with(`"formatted"`, `"planet"`), "address", "UNKNOWN"},
		"more after the end":            {good + `{}`, "", "TRAILING"},
		"a byte after the end":          {good + "\x00", "", "TRAILING"},
		"another message":               {`[` + good + `]`, "", "JSON"},
		"nothing":                       {`null`, "", "JSON"},
		"half of it":                    {good[:len(good)-1], "", "JSON"},
		"bytes that are no text":        {with("Jane", "J\xffne"), "", "UTF8"},
		"half a character":              {with("Jane", `\ud800`), "name", "UTF8"},
		"a zero":                        {with("Jane", `\u0000`), "name", "UTF8"},
		"another version":               {with(`"1.0"`, `"0.9"`), "drp.version", "PATTERN"},
		"no version":                    {with(`"drp.version":"1.0",`, ``), "drp.version", "REQUIRED"},
		"no id":                         {with(`"agent-request-id":"r-1",`, ``), "agent-request-id", "REQUIRED"},
		"a moment without a zone":       {with("12:00:00Z", "12:00:00"), "issued-at", "MOMENT"},
		"a day that is none":            {with("11-22T12", "11-31T12"), "issued-at", "MOMENT"},
		"a flag in words":               {with(`"email_verified":true`, `"email_verified":"true"`), "email_verified", "TYPE"},
		"a number for text":             {with(`"Jane Doe"`, `7`), "name", "TYPE"},
		"null for text":                 {with(`"Jane Doe"`, `null`), "name", "TYPE"},
		"a list of something else":      {with(`["customer"]`, `[1]`), "relationships", "TYPE"},
		"no list":                       {with(`["customer"]`, `"customer"`), "relationships", "TYPE"},
		"a text that is too long":       {with(`Jane Doe`, strings.Repeat("j", 1025)), "name", "SIZE"},
		"nobody":                        {with(`"email":"jane@example.com",`, ``), "", ""},
		"a payment card":                {with(`Jane Doe`, "4111 1111 1111 1111"), "name", "PAYMENT_CARD_NUMBER"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := parse(tc.body)
			var got drp.Malformed
			if errors.As(err, &got); got.Field != tc.field || got.Rule != tc.rule {
				t.Errorf("refused by %v, want %s at %q", err, tc.rule, tc.field)
			}
		})
	}
	nobody := strings.Replace(with(`"email":"jane@example.com",`, ``), `"phone_number":"+14155550100",`, ``, 1)
	if _, err := parse(nobody); err == nil {
		t.Error("a message about nobody is read")
	}
}

func TestAMessageIsOneLineOfBase64OfBoundedLength(t *testing.T) {
	message := drp.Seal(key(1), []byte(good))
	for name, text := range map[string]string{
		"nothing": "", "no base64": "§", "a signature alone": drp.Seal(key(1), nil), "two lines": message[:40] + "\n" + message[40:],
		"another alphabet": "-_" + message[2:], "no padding": strings.TrimRight(drp.Seal(key(1), []byte(good[:1])), "="),
		"64 KiB and one byte": drp.Seal(key(1), []byte(strings.Repeat(" ", drp.MaxBytes+1))),
		"a megabyte":          strings.Repeat("A", 1<<20),
	} {
		if _, err := drp.Open(text); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
	if _, err := drp.Open(drp.Seal(key(1), []byte(strings.Repeat(" ", drp.MaxBytes)))); err != nil {
		t.Errorf("64 KiB: %v", err)
	}
}

func TestAKeyUnderWhichAnybodyCanSignIsNone(t *testing.T) {
	small := make([]byte, 32)
	small[0] = 1
	two := make([]byte, 32)
	for i := range two {
		two[i] = 0xff
	}
	two[0], two[31] = 0xec, 0x7f
	for name, k := range map[string][]byte{"none": nil, "a short one": public(key(1))[1:], "the neutral element": small, "of order two": two, "of order four": make([]byte, 32)} {
		if err := drp.CheckKey(k); !errors.Is(err, drp.ErrKey) {
			t.Errorf("%s is taken", name)
		}
	}
	for b := range byte(8) {
		if err := drp.CheckKey(public(key(b))); err != nil {
			t.Errorf("key %d: %v", b, err)
		}
	}
}

// FuzzParse: whatever is sent, it is read to the end or refused by a rule; what
// is read names an agent, a tenant, a person and two moments.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{good, `{}`, `{"a":1,"a":2}`, good + " ", `{"agent-id":"\ud800"}`, `{"address":{"address":{}}}`} {
		f.Add(drp.Seal(key(1), []byte(seed)))
	}
	f.Add("AAAA")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := drp.Open(text)
		var rule drp.Malformed
		if err != nil {
			if !errors.As(err, &rule) || rule.Rule == "" {
				t.Fatalf("refused without a rule: %v", err)
			}
			return
		}
		s.By(public(key(1)))
		r, err := s.Parse()
		switch {
		case err != nil && (!errors.As(err, &rule) || rule.Rule == ""):
			t.Fatalf("refused without a rule: %v", err)
		case err == nil && (r.AgentID == "" || r.BusinessID == "" || r.RequestID == "" || r.Email+r.PhoneNumber == "" || r.IssuedAt.IsZero() || r.ExpiresAt.IsZero()):
			t.Fatalf("half a request is read: %+v", r)
		}
	})
}
