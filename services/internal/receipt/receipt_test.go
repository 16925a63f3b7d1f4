package receipt_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/receipt"
)

func key(t *testing.T) es.Signer {
	t.Helper()
	k, err := es.GenerateSigner(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func sample() receipt.Receipt {
	at := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	return receipt.Receipt{Schema: receipt.Schema, ID: "1", IssuedAt: at, Record: receipt.Record{
		Schema: receipt.Schema, ID: "2", Principal: "aaaaaaaaaaaaaaaaaaaaaaaaaa",
		Processing: receipt.Processing{Withdrawal: "by <letter> & mail"},
		Events:     []receipt.Event{{Time: at, State: "dpv:ConsentGiven", Purpose: "mail"}},
	}}
}

func TestAReceiptIsReadAsItWasSignedOrNotAtAll(t *testing.T) {
	k, stranger := key(t), key(t)
	file, err := receipt.Sign(sample(), k)
	if err != nil {
		t.Fatal(err)
	}
	replace := func(old, with string) []byte {
		if !bytes.Contains(file, []byte(old)) {
			t.Fatalf("the file holds no %q", old)
		}
		return bytes.Replace(file, []byte(old), []byte(with), 1)
	}
	again, err := receipt.Sign(sample(), stranger)
	if err != nil {
		t.Fatal(err)
	}
	public := base64.StdEncoding.EncodeToString(k.Public())
	strange := base64.StdEncoding.EncodeToString(stranger.Public())
	var dense bytes.Buffer
	if err := json.Compact(&dense, file); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name string
		file []byte
		err  error
	}{
		{"as it was written", file, nil},
		{"without white space", dense.Bytes(), nil},
		{"with another status", replace("dpv:ConsentGiven", "dpv:ConsentWithdrawn"), receipt.ErrForged},
		{"with a status that stands twice", replace(`"event_state"`, `"event_state": "dpv:ConsentWithdrawn", "event_state"`), receipt.ErrMalformed},
		{"with a second receipt before it", replace(`"receipt"`, `"receipt": {}, "receipt"`), receipt.ErrMalformed},
		{"with what nobody knows", replace(`"receipt_id"`, `"more": 1, "receipt_id"`), receipt.ErrMalformed},
		{"with more after it", append(bytes.Clone(file), "{}"...), receipt.ErrMalformed},
		{"signed by a stranger", again, receipt.ErrKey},
		{"with a stranger's key and the old signature", bytes.ReplaceAll(replace(public, strange), []byte(k.KeyID), []byte(stranger.KeyID)), receipt.ErrKey},
		{"with a key that its id does not name", replace(public, strange), receipt.ErrMalformed},
		{"with another algorithm", replace("Ed25519", "none"), receipt.ErrMalformed},
		{"no JSON", []byte("hello"), receipt.ErrMalformed},
		{"nothing", nil, receipt.ErrMalformed},
	} {
		got, _, err := receipt.Verify(tc.file, k.Public())
		if !errors.Is(err, tc.err) {
			t.Errorf("%s: %v, want %v", tc.name, err, tc.err)
		}
		if tc.err == nil && got.Record.Events[0].State != "dpv:ConsentGiven" || tc.err != nil && got.ID != "" {
			t.Errorf("%s: %+v", tc.name, got)
		}
	}
}

func TestWithoutATrustedKeyTheCallerIsToldWhoSigned(t *testing.T) {
	k := key(t)
	file, err := receipt.Sign(sample(), k)
	if err != nil {
		t.Fatal(err)
	}
	if _, public, err := receipt.Verify(file, nil); err != nil || !public.Equal(k.Public()) {
		t.Errorf("%v, error %v", public, err)
	}
}

// TestASignatureOfSomethingElseIsNone: without the label, a signature that the
// same key makes of anything else could pass for one of a receipt.
func TestASignatureOfSomethingElseIsNone(t *testing.T) {
	k := key(t)
	file, err := receipt.Sign(sample(), k)
	if err != nil {
		t.Fatal(err)
	}
	var parts struct{ Receipt json.RawMessage }
	if err := json.Unmarshal(file, &parts); err != nil {
		t.Fatal(err)
	}
	var body bytes.Buffer
	if err := json.Compact(&body, parts.Receipt); err != nil {
		t.Fatal(err)
	}
	for name, signature := range map[string][]byte{
		"another label":  k.Attest("another", body.Bytes()),
		"the bare bytes": ed25519.Sign(k.Private(), body.Bytes()),
	} {
		var s map[string]any
		if err := json.Unmarshal(file, &s); err != nil {
			t.Fatal(err)
		}
		was := s["signature"].(map[string]any)["value"].(string) //nolint:forcetypeassert // just written
		forged := strings.Replace(string(file), was, base64.StdEncoding.EncodeToString(signature), 1)
		if _, _, err := receipt.Verify([]byte(forged), k.Public()); !errors.Is(err, receipt.ErrForged) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
