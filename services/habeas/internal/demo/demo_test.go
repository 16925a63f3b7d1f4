package demo_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"habeas.internal/services/habeas/internal/demo"
)

func TestThePeopleAreInventedAndAlwaysTheSame(t *testing.T) {
	first, second := demo.People(), demo.People()
	emails, both, shared := map[string]bool{}, 0, map[int]int{}
	for i, p := range first {
		if p != second[i] {
			t.Fatalf("person %d differs", i)
		}
		if emails[p.Email] || !strings.HasSuffix(p.Email, "@example.com") {
			t.Errorf("e-mail of person %d is taken or real", i)
		}
		emails[p.Email] = true
		if p.Shop && p.Messenger {
			both++
		}
		shared[p.Household]++
	}
	homes := 0
	for _, n := range shared {
		if n > 1 {
			homes++
		}
	}
	if len(first) < 300 || both < 80 || homes < 30 {
		t.Errorf("%d people, %d in both systems, %d shared homes", len(first), both, homes)
	}
}

func TestTheDatabasesAreMadeOnceAndHoldThePeople(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a folder?")
	if err := demo.Prepare(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	systems, err := demo.Systems()
	if err != nil {
		t.Fatal(err)
	}
	before := map[string]os.FileInfo{}
	for _, s := range systems {
		info, err := os.Stat(s.Path(dir))
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Fatalf("%s: %v %v", s.Name, info, err)
		}
		before[s.Name] = info
	}
	if err := demo.Prepare(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	for _, s := range systems {
		if info, err := os.Stat(s.Path(dir)); err != nil || !os.SameFile(info, before[s.Name]) {
			t.Errorf("%s was made anew: %v", s.Name, err)
		}
	}
	for _, p := range demo.People() {
		if !p.Shop || !p.Messenger {
			continue
		}
		for _, s := range systems {
			traces := []demo.Trace{{What: "e-mail", Text: strings.ToUpper(p.Email)}, {What: "name", Text: p.Name}, {What: "nothing", Text: "nobody's"}}
			found, err := demo.Read(t.Context(), s.Path(dir), s.Name, traces)
			if err != nil || found.Of("e-mail") != 1 || found.Of("name") == 0 || found.Of("nothing") != 0 {
				t.Fatalf("found %v: %v", found.Places, err)
			}
			if tables := strings.Count(string(s.Dataset), "- name: ") - strings.Count(string(s.Dataset), "          - name: "); found.Tables != tables || found.Columns <= tables {
				t.Errorf("%s: %d tables and %d columns were read, want %d tables", s.Name, found.Tables, found.Columns, tables)
			}
		}
		break
	}
}
