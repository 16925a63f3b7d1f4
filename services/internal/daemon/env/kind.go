package env

import (
	"cmp"
	"errors"
	"io"
	"log/slog"
	"net/url"
	"os"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// File is the path of a file that could be read when the configuration was
// loaded.
type File string

// Secret is a value that must never be shown. Whatever prints it prints
// [redacted]; Reveal is the only way to the text.
type Secret string

const redacted = "[redacted]"

// Reveal returns the secret text.
func (s Secret) Reveal() string { return string(s) }

// String hides the text from fmt.
func (Secret) String() string { return redacted }

// GoString hides the text from %#v.
func (Secret) GoString() string { return redacted }

// LogValue hides the text from slog.
func (Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText hides the text from JSON and other encoders.
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// kind is one type that a variable can have.
type kind struct {
	name  string
	parse func(string) (any, error)
	// order compares two values; nil for types without one.
	order func(a, b any) int
}

func (k kind) less(v any, bound string) bool { return k.compare(v, bound) < 0 }
func (k kind) more(v any, bound string) bool { return k.compare(v, bound) > 0 }

func (k kind) compare(v any, bound string) int {
	b, err := k.parse(bound)
	if err != nil || k.order == nil {
		return 0
	}
	return k.order(v, b)
}

func kindOf(t reflect.Type) (kind, bool) {
	switch t {
	case reflect.TypeFor[time.Duration]():
		return kind{"duration", parseDuration, ordered[time.Duration]}, true
	case reflect.TypeFor[*url.URL]():
		return kind{"URL", parseURL, nil}, true
	case reflect.TypeFor[File]():
		return kind{"file", parseFile, nil}, true
	case reflect.TypeFor[Secret]():
		return kind{"secret", parseText, nil}, true
	case reflect.TypeFor[[]string]():
		return kind{"list", parseList, nil}, true
	}
	return plainKind(t.Kind())
}

func plainKind(k reflect.Kind) (kind, bool) {
	switch k {
	case reflect.String:
		return kind{"string", parseText, nil}, true
	case reflect.Bool:
		return kind{"bool", parseBool, nil}, true
	case reflect.Int:
		return kind{"int", parseInt, ordered[int]}, true
	case reflect.Float64:
		return kind{"number", parseFloat, ordered[float64]}, true
	default:
		return kind{}, false
	}
}

func ordered[T cmp.Ordered](a, b any) int { return cmp.Compare(a.(T), b.(T)) }

func parseText(s string) (any, error) { return s, nil }

func parseBool(s string) (any, error) {
	v, err := strconv.ParseBool(s)
	return v, replace(err, "must be true or false")
}

func parseInt(s string) (any, error) {
	v, err := strconv.Atoi(s)
	return v, replace(err, "must be a whole number")
}

func parseFloat(s string) (any, error) {
	v, err := strconv.ParseFloat(s, 64)
	return v, replace(err, "must be a number")
}

func parseDuration(s string) (any, error) {
	v, err := time.ParseDuration(s)
	return v, replace(err, "must be a duration such as 250ms, 10s or 5m")
}

func parseURL(s string) (any, error) {
	u, err := url.Parse(s)
	if err != nil || u.Scheme == "" || u.Host == "" && u.Path == "" {
		return nil, errors.New("must be a URL with a scheme, such as nats://host:4222")
	}
	return u, nil
}

func parseFile(s string) (any, error) {
	f, err := os.Open(s)
	if err != nil {
		return nil, errors.New("must name a file that can be read")
	}
	defer func() { _ = f.Close() }() // read only: nothing to lose
	if _, err := f.Read(make([]byte, 1)); err != nil && !errors.Is(err, io.EOF) {
		return nil, errors.New("must name a file that can be read")
	}
	return File(s), nil
}

func parseList(s string) (any, error) {
	var words []string
	for word := range strings.SplitSeq(s, ",") {
		if word = strings.TrimSpace(word); word != "" {
			words = append(words, word)
		}
	}
	return words, nil
}

// replace swaps a parser's error, which quotes the value, for one that does not.
func replace(err error, text string) error {
	if err == nil {
		return nil
	}
	return errors.New(text)
}
