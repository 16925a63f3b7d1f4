// Package personal holds the one type in which personal data passes through a
// domain. It prints as [redacted] wherever it is printed, and a value that was
// read back from the log holds the sealed form alone. It imports the standard
// library only, so that domain packages may use it.
package personal

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
)

const redacted = "[redacted]"

// Text is personal data: in clear on its way into the log, sealed on its way
// out. The zero value is neither.
type Text struct {
	clear  string
	sealed []byte
	event  string
	path   string
	has    bool
}

// Clear is personal data as a command brings it.
func Clear(text string) Text { return Text{clear: text, has: true} }

// Sealed is personal data as an event holds it: an encoded
// habeas.seal.v1.Sealed, and its place, without which nobody can open it: the
// event's id and the field's path.
func Sealed(box []byte, event, path string) Text { return Text{sealed: box, event: event, path: path} }

// Reveal returns the clear text; ok is false when it is sealed or absent.
func (t Text) Reveal() (text string, ok bool) { return t.clear, t.has }

// Box returns the sealed form, or nil.
func (t Text) Box() []byte { return t.sealed }

// Place says where the sealed form stands: the event's id and the field's path.
func (t Text) Place() (event, path string) { return t.event, t.path }

// Equal compares what two texts hold, for tests.
func (t Text) Equal(o Text) bool {
	return t.clear == o.clear && t.has == o.has && bytes.Equal(t.sealed, o.sealed)
}

var (
	_ fmt.Formatter  = Text{}
	_ json.Marshaler = Text{}
	_ slog.LogValuer = Text{}
)

// String hides the text.
func (t Text) String() string { return redacted }

// GoString hides the text.
func (t Text) GoString() string { return redacted }

// Format hides the text from every verb.
func (t Text) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redacted)) }

// MarshalJSON hides the text.
func (t Text) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }

// LogValue hides the text.
func (t Text) LogValue() slog.Value { return slog.StringValue(redacted) }
