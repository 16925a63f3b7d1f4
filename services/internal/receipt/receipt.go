// Package receipt is what a person can take home of their consent: a record in
// the fields of ISO/IEC TS 27560, as JSON, signed by the consent service.
//
// Anybody who has the service's public key can verify one, without asking
// anybody. It names the person by their reference alone.
package receipt

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"habeas.internal/services/internal/es"
)

// Schema is the version of the fields.
const Schema = "ISO/IEC TS 27560:2023"

// NotStated stands where the policy does not state what a record must say.
const NotStated = "not stated"

// Receipt is what is handed out.
type Receipt struct {
	Schema   string    `json:"schema_version"`
	ID       string    `json:"receipt_id"`
	IssuedAt time.Time `json:"issued_at"`
	Record   Record    `json:"record"`
}

// Record is the consent of a person under a policy.
type Record struct {
	Schema     string     `json:"schema_version"`
	ID         string     `json:"record_id"`
	Principal  string     `json:"pii_principal_id"`
	Processing Processing `json:"pii_processing"`
	Events     []Event    `json:"events"` // in the order they were recorded
}

// Processing is what the policy says, in the version in force.
type Processing struct {
	Notice        Notice    `json:"privacy_notice"`
	Language      string    `json:"language"`
	Purposes      []Purpose `json:"purposes"`
	Controllers   []Party   `json:"pii_controllers"`
	Collection    []string  `json:"collection_method"`
	Storage       []string  `json:"storage_locations"`
	Jurisdiction  string    `json:"jurisdiction"`
	Rules         []string  `json:"codes_of_conduct"`
	ThirdParties  []string  `json:"recipient_third_parties"` // kinds
	Withdrawal    string    `json:"withdrawal_method"`
	PrivacyRights []string  `json:"privacy_rights"`
}

// Notice is the policy's text.
type Notice struct {
	Policy   string    `json:"policy"`
	Version  uint32    `json:"version"`
	TextHash string    `json:"text_sha256"`
	PostedAt time.Time `json:"posted_at"`
}

// Purpose is one that a decision was made on.
type Purpose struct {
	Purpose string `json:"purpose"`
	Title   string `json:"title"`
	Basis   string `json:"lawful_basis"`
	Status  string `json:"event_state"` // a W3C DPV name
	PII     []PII  `json:"pii_information"`
}

// PII is a kind of data.
type PII struct {
	Type      string `json:"pii_type"`
	Title     string `json:"title"`
	Sensitive bool   `json:"sensitive_pii_category"`
	Retention string `json:"retention_period"`
}

// Party is an organisation.
type Party struct {
	ID      string `json:"party_id"`
	Name    string `json:"name"`
	Address string `json:"address"`
	Contact string `json:"contact"`
	Type    string `json:"type"` // controller or processor
}

// Event is one act.
type Event struct {
	Time       time.Time `json:"event_time"`
	RecordedAt time.Time `json:"recorded_at"`
	Validity   string    `json:"validity_duration"` // until when; "until withdrawn"
	Entity     string    `json:"entity_id"`         // who acted
	Type       string    `json:"event_type"`        // how it was expressed
	State      string    `json:"event_state"`       // a W3C DPV name
	Purpose    string    `json:"purpose,omitempty"`
	Category   string    `json:"pii_type,omitempty"`
	Version    uint32    `json:"policy_version"`
	Notice     string    `json:"notice,omitempty"`
	TextHash   string    `json:"text_sha256,omitempty"`
	Language   string    `json:"language,omitempty"`
	Method     string    `json:"collection_method,omitempty"`
	Channel    string    `json:"channel,omitempty"`
}

// signed is a receipt with its signature, as it stands in a file.
type signed struct {
	Receipt   json.RawMessage `json:"receipt"`
	Signature Signature       `json:"signature"`
}

// Signature is who vouches for a receipt.
type Signature struct {
	Algorithm string `json:"algorithm"`
	KeyID     string `json:"key_id"`
	PublicKey string `json:"public_key"` // base64
	Value     string `json:"value"`      // base64
}

const (
	algorithm = "Ed25519"
	label     = "habeas-consent-receipt/v1"
)

// What is wrong with a file.
var (
	// ErrMalformed says that it is no receipt, or not one as it was written.
	ErrMalformed = errors.New("not a receipt")
	// ErrKey says that another key has signed it than the one that is trusted.
	ErrKey = errors.New("signed by another key")
	// ErrForged says that it is not what was signed.
	ErrForged = errors.New("the signature is not of this receipt")
)

// Sign writes a receipt.
func Sign(r Receipt, key es.Signer) ([]byte, error) {
	body, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("write receipt: %w", err)
	}
	return write(signed{Receipt: body, Signature: Signature{
		Algorithm: algorithm, KeyID: key.KeyID, PublicKey: base64.StdEncoding.EncodeToString(key.Public()),
		Value: base64.StdEncoding.EncodeToString(key.Attest(label, body)),
	}})
}

func write(s signed) ([]byte, error) {
	out, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("write receipt: %w", err)
	}
	return append(out, '\n'), nil
}

// Verify reads a receipt, and the key that has signed it: trusted, unless that is
// nil. Then the caller has to know the key that is returned. White space may
// have changed, and nothing else: what stands twice is not read.
func Verify(file []byte, trusted ed25519.PublicKey) (Receipt, ed25519.PublicKey, error) {
	var s signed
	var r Receipt
	if err := strictly(file, &s); err != nil {
		return Receipt{}, nil, err
	}
	var body bytes.Buffer
	if err := json.Compact(&body, s.Receipt); err != nil {
		return Receipt{}, nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if err := strictly(body.Bytes(), &r); err != nil {
		return Receipt{}, nil, err
	}
	public, err := base64.StdEncoding.DecodeString(s.Signature.PublicKey)
	value, bad := base64.StdEncoding.DecodeString(s.Signature.Value)
	if err != nil || bad != nil || s.Signature.Algorithm != algorithm || s.Signature.KeyID != es.KeyID(public) {
		return Receipt{}, nil, ErrMalformed
	}
	if trusted != nil && !trusted.Equal(ed25519.PublicKey(public)) {
		return Receipt{}, nil, ErrKey
	}
	if !es.Attested(public, label, body.Bytes(), value) {
		return Receipt{}, nil, ErrForged
	}
	return r, public, nil
}

// strictly reads JSON that says nothing twice and nothing unknown: it has to be
// what writing it again gives, but for white space.
func strictly(file []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(file))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	again, err := json.Marshal(into)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	var have bytes.Buffer
	if err := json.Compact(&have, file); err != nil {
		return fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if !bytes.Equal(have.Bytes(), again) {
		return ErrMalformed
	}
	return nil
}
