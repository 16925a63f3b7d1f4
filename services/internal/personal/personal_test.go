package personal_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"habeas.internal/services/internal/personal"
)

func TestPersonalTextIsPrintedNowhere(t *testing.T) {
	const name = "Planted Name"
	type event struct {
		Name personal.Text
		Many []personal.Text
	}
	e := event{Name: personal.Clear(name), Many: []personal.Text{personal.Clear(name)}}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "event", e, "name", e.Name)
	asJSON, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	printed := []string{log.String(), string(asJSON)}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		printed = append(printed, fmt.Sprintf(verb, e), fmt.Sprintf(verb, &e), fmt.Sprintf(verb, e.Name))
	}
	for _, p := range printed {
		if strings.Contains(p, "Planted") || strings.Contains(p, fmt.Sprintf("%x", "Planted")) {
			t.Errorf("printed: %s", p)
		}
	}
	if got, ok := e.Name.Reveal(); got != name || !ok {
		t.Error("the text itself is gone")
	}
	if _, ok := personal.Sealed([]byte{1}, "e", "name").Reveal(); ok {
		t.Error("a sealed text reveals something")
	}
}
