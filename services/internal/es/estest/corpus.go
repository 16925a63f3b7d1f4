package estest

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"

	"habeas.internal/services/internal/es"
)

// WriteSamples is the environment variable that makes Corpus write samples
// that are missing. It never overwrites one: a sample is what was released.
const WriteSamples = "HABEAS_WRITE_SAMPLES"

var sampleName = regexp.MustCompile(`^(.+)\.v(\d+)\.binpb$`)

// Corpus holds the types of a registry against the samples in a folder, one
// file <type>.v<schema>.binpb for every schema ever released: each decodes
// through the upcasters, none is missing, and the newest encodes to the bytes
// that it was read from. newest gives an event of each type for samples that
// do not exist yet.
func Corpus[E any](t *testing.T, folder string, registry es.Registry[E], encode func(E) (es.Event, error), newest []E) {
	t.Helper()
	writeSamples(t, folder, encode, newest)
	for _, typ := range registry.Types() {
		for v := uint32(1); v <= typ.Schema; v++ {
			t.Run(fmt.Sprintf("%s schema %d decodes", typ.Name, v), func(t *testing.T) {
				data, err := os.ReadFile(sampleFile(folder, typ.Name, v))
				if err != nil {
					t.Fatalf("every released schema has a sample; set %s=1 for a new one: %v", WriteSamples, err)
				}
				events, err := registry.Decode(es.Event{Type: typ.Name, Schema: v, Data: data})
				if err != nil {
					t.Fatal(err)
				}
				if v == typ.Schema {
					roundTrip(t, data, events, encode)
				}
			})
		}
	}
	t.Run("every sample belongs to a type", func(t *testing.T) { orphans(t, folder, registry) })
}

func sampleFile(folder, name string, schema uint32) string {
	return filepath.Join(folder, name+".v"+strconv.FormatUint(uint64(schema), 10)+".binpb")
}

func writeSamples[E any](t *testing.T, folder string, encode func(E) (es.Event, error), newest []E) {
	t.Helper()
	if os.Getenv(WriteSamples) == "" {
		return
	}
	for _, e := range newest {
		ev, err := encode(e)
		if err != nil {
			t.Fatal(err)
		}
		name := sampleFile(folder, ev.Type, ev.Schema)
		if _, err := os.Stat(name); err == nil {
			continue
		}
		if err := os.MkdirAll(folder, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, ev.Data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func roundTrip[E any](t *testing.T, data []byte, events []E, encode func(E) (es.Event, error)) {
	t.Helper()
	if len(events) != 1 {
		t.Fatalf("the newest schema decodes to %d events", len(events))
	}
	back, err := encode(events[0])
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(back.Data, data) {
		t.Errorf("%s encodes to other bytes than it was read from", back.Type)
	}
}

func orphans[E any](t *testing.T, folder string, registry es.Registry[E]) {
	t.Helper()
	newest := map[string]uint32{}
	for _, typ := range registry.Types() {
		newest[typ.Name] = typ.Schema
	}
	files, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		m := sampleName.FindStringSubmatch(f.Name())
		if m == nil {
			t.Errorf("%s is no sample", f.Name())
			continue
		}
		v, err := strconv.ParseUint(m[2], 10, 32)
		if err != nil || uint32(v) > newest[m[1]] {
			t.Errorf("%s: the type was released and is gone", f.Name())
		}
	}
}
