package drp

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"habeas.internal/services/internal/paymentcard"
)

// Parse reads what was signed. It says nothing about who signed it.
func (s Signed) Parse() (Request, error) {
	if !utf8.Valid(s.body) {
		return Request{}, Malformed{Rule: "UTF8", Text: "is not UTF-8"}
	}
	dec := json.NewDecoder(bytes.NewReader(s.body))
	fields, err := object(dec, "")
	if err != nil {
		return Request{}, err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return Request{}, Malformed{Rule: "TRAILING", Text: "goes on after its end"}
	}
	var r Request
	for name := range fields {
		if r.field(name) == nil {
			return Request{}, Malformed{Field: known(name), Rule: "UNKNOWN", Text: "is not a field of the protocol"}
		}
	}
	for _, name := range names() {
		raw, there := fields[name]
		if !there {
			continue
		}
		if err := r.field(name)(name, raw); err != nil {
			return Request{}, err
		}
	}
	return r, r.complete(fields)
}

// names are all fields, in the order in which they are read.
func names() []string {
	return []string{
		"agent-id", "business-id", "issued-at", "expires-at", "agent-request-id", "drp.version", "exercise", "regime", "relationships",
		"status_callback", "name", "email", "email_verified", "phone_number", "phone_number_verified", "address", "address_verified",
		"power_of_attorney",
	}
}

// known is a field's name, if it is one that can be said back.
func known(name string) string {
	if regexp.MustCompile(`^[a-z][a-z0-9_.-]{0,40}$`).MatchString(name) && !paymentcard.Within(name) {
		return name
	}
	return ""
}

type reader func(name string, raw json.RawMessage) error

// field is what reads a field; nil for one that nobody knows.
func (r *Request) field(name string) reader {
	const longest = 1024
	id := regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.:-]{0,127}$`)
	switch name {
	case "agent-id":
		return word(&r.AgentID, id)
	case "business-id":
		return word(&r.BusinessID, id)
	case "agent-request-id":
		return word(&r.RequestID, id)
	case "issued-at":
		return moment(&r.IssuedAt)
	case "expires-at":
		return moment(&r.ExpiresAt)
	case "drp.version":
		return word(new(string), regexp.MustCompile(`^1\.0$`))
	case "exercise":
		return word(&r.Exercise, regexp.MustCompile(`^[a-z:_-]{1,64}$`))
	case "regime":
		return word(&r.Regime, regexp.MustCompile(`^[a-z]{0,32}$`))
	case "relationships":
		return list(&r.Relationships)
	case "status_callback":
		return text(&r.StatusCallback, 2*longest)
	case "name":
		return text(&r.Name, longest)
	case "email":
		return text(&r.Email, longest)
	case "phone_number":
		return text(&r.PhoneNumber, longest)
	case "power_of_attorney":
		return text(&r.PowerOfAttorney, 2*longest)
	case "address":
		return address(&r.AddressClaimed)
	case "email_verified":
		return flag(&r.EmailVerified)
	case "phone_number_verified":
		return flag(&r.PhoneVerified)
	case "address_verified":
		return flag(&r.AddressVerified)
	}
	return nil
}

func (r Request) complete(fields map[string]json.RawMessage) error {
	for _, name := range []string{"agent-id", "business-id", "issued-at", "expires-at", "agent-request-id", "drp.version", "exercise"} {
		if _, there := fields[name]; !there {
			return Malformed{Field: name, Rule: "REQUIRED", Text: "is missing"}
		}
	}
	if r.Email == "" && r.PhoneNumber == "" {
		return Malformed{Field: "email", Rule: "REQUIRED", Text: "neither e-mail address nor telephone number names the person"}
	}
	return nil
}

func text(to *string, most int) reader {
	return func(name string, raw json.RawMessage) error {
		got, err := stringOf(name, raw)
		if err == nil && len(got) > most {
			err = Malformed{Field: name, Rule: "SIZE", Text: "is too long"}
		}
		*to = got
		return err
	}
}

func word(to *string, shape *regexp.Regexp) reader {
	return func(name string, raw json.RawMessage) error {
		got, err := stringOf(name, raw)
		if err == nil && !shape.MatchString(got) {
			err = Malformed{Field: name, Rule: "PATTERN", Text: "is malformed"}
		}
		*to = got
		return err
	}
}

func moment(to *time.Time) reader {
	return func(name string, raw json.RawMessage) error {
		got, err := stringOf(name, raw)
		if err != nil {
			return err
		}
		at, err := time.Parse(time.RFC3339Nano, got)
		if err != nil || at.Year() < 2000 || at.Year() > 9000 {
			return Malformed{Field: name, Rule: "MOMENT", Text: "is no date and time with a zone"}
		}
		*to = at.UTC()
		return nil
	}
}

func flag(to *bool) reader {
	return func(name string, raw json.RawMessage) error {
		switch string(raw) {
		case "true":
			*to = true
		case "false":
		default:
			return Malformed{Field: name, Rule: "TYPE", Text: "is neither true nor false"}
		}
		return nil
	}
}

const mostRelationships = 32

func list(to *[]string) reader {
	return func(name string, raw json.RawMessage) error {
		var parts []json.RawMessage
		if raw[0] != '[' || json.Unmarshal(raw, &parts) != nil || len(parts) > mostRelationships {
			return Malformed{Field: name, Rule: "TYPE", Text: "is no short list of text"}
		}
		for _, p := range parts {
			got, err := stringOf(name, p)
			if err != nil {
				return err
			}
			*to = append(*to, got)
		}
		return nil
	}
}

// address is read for its form alone: nobody is found by it here.
func address(to *bool) reader {
	return func(name string, raw json.RawMessage) error {
		fields, err := object(json.NewDecoder(bytes.NewReader(raw)), name)
		if err != nil {
			return err
		}
		for part, value := range fields {
			switch part {
			case "formatted", "street_address", "locality", "region", "postal_code", "country":
			default:
				return Malformed{Field: name, Rule: "UNKNOWN", Text: "has a part that is none of an address"}
			}
			if _, err := stringOf(name, value); err != nil {
				return err
			}
		}
		*to = true
		return nil
	}
}

// stringOf reads text in which every character is one. Numbers of payment cards
// are refused here, because nobody sees them in the message as it is sent.
func stringOf(name string, raw json.RawMessage) (string, error) {
	var got string
	if len(raw) == 0 || raw[0] != '"' || json.Unmarshal(raw, &got) != nil {
		return "", Malformed{Field: name, Rule: "TYPE", Text: "is no text"}
	}
	if strings.ContainsRune(got, utf8.RuneError) || strings.ContainsRune(got, 0) {
		return "", Malformed{Field: name, Rule: "UTF8", Text: "holds what is no character"}
	}
	if paymentcard.Within(got) {
		return "", Malformed{Field: name, Rule: "PAYMENT_CARD_NUMBER", Text: "numbers of payment cards are not accepted"}
	}
	return got, nil
}

// object reads an object whose keys are all different.
func object(dec *json.Decoder, name string) (map[string]json.RawMessage, error) {
	broken := Malformed{Field: name, Rule: "JSON", Text: "is no JSON object"}
	if start, err := dec.Token(); err != nil || start != json.Delim('{') {
		return nil, broken
	}
	fields := map[string]json.RawMessage{}
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return nil, broken
		}
		k, ok := key.(string)
		if !ok {
			return nil, broken
		}
		if _, twice := fields[k]; twice {
			return nil, Malformed{Field: known(k), Rule: "DUPLICATE", Text: "comes twice"}
		}
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return nil, broken
		}
		fields[k] = value
	}
	if _, err := dec.Token(); err != nil {
		return nil, broken
	}
	return fields, nil
}
