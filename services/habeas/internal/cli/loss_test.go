package cli_test

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"habeas.internal/services/habeas/internal/cli"
)

// peopled is an installation with a tenant and a person, stopped again.
func peopled(t *testing.T) *installation {
	t.Helper()
	in := up(t, filepath.Join(t.TempDir(), "data"))
	for _, args := range [][]string{
		{"tenant", "create", "demo", "--name", "Demo", "--zone", "UTC", "--calendar", "us"},
		{"subject", "register", "--email", "ada@example.com"},
		{"doctor"},
	} {
		if r := in.run(t, args...); r.code != cli.ExitOK {
			t.Fatalf("%s: exit code %d\n%s%s", args[0], r.code, r.out, r.err)
		}
	}
	if r := in.stop(); r.code != cli.ExitOK {
		t.Fatalf("exit code %d\n%s", r.code, r.err)
	}
	return in
}

// start runs `habeas up` and returns what a start says that is refused.
func (in *installation) start(t *testing.T) result {
	t.Helper()
	var out, errs bytes.Buffer
	code := cli.Run(t.Context(), []string{"up", "--no-demo", "--once", "-q", "--data", in.data}, cli.Streams{
		In: strings.NewReader(""), Out: &out, Err: &errs,
	})
	return result{code, out.String(), errs.String()}
}

func TestKeysThatAreLostStopTheStartAndDoctorSaysWhatToDo(t *testing.T) {
	in := peopled(t)
	if r := in.run(t, "doctor"); r.code != cli.ExitOK || !strings.Contains(r.out, "No service runs here") {
		t.Errorf("doctor of a stopped installation: exit code %d\n%s%s", r.code, r.out, r.err)
	}
	keks, aside := filepath.Join(in.data, "keks"), filepath.Join(in.data, "aside")
	if err := os.Rename(keks, aside); err != nil {
		t.Fatal(err)
	}
	for range 2 { // nothing that the first start does makes the second go on
		r := in.start(t)
		if r.code != cli.ExitRefused || !strings.Contains(r.err, "KEK_LOST") || !strings.Contains(r.err, "from its backup") {
			t.Errorf("up: exit code %d\n%s", r.code, r.err)
		}
	}
	if made := files(t, keks); len(made) != 0 {
		t.Errorf("keys were made anew: %v", made)
	}
	r := in.run(t, "doctor")
	if r.code != cli.ExitRefused || !strings.Contains(r.out, "KEK_LOST") || !strings.Contains(r.out, "put the folder back") {
		t.Errorf("doctor: exit code %d\n%s%s", r.code, r.out, r.err)
	}
	if err := os.Remove(keks); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(aside, keks); err != nil {
		t.Fatal(err)
	}
	if r := in.run(t, "doctor"); r.code != cli.ExitOK {
		t.Errorf("doctor with the keys back: exit code %d\n%s%s", r.code, r.out, r.err)
	}
	if r := in.start(t); r.code != cli.ExitOK {
		t.Errorf("up with the keys back: exit code %d\n%s", r.code, r.err)
	}
}

func TestDoctorFindsAFlippedBitInTheLogAndInTheVault(t *testing.T) {
	tests := []struct {
		name, stream, text, reason string
		refuses                    bool // the start
	}{
		{"a commit", "HABEAS_IDENTITY_*", "tenant.created", "", false}, // a gap, or at the end messages that are missing
		{"a wrapped key", "HABEAS_VAULT_*", ".key.demo.", "MESSAGES_MISSING", true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			in := peopled(t)
			in.flip(t, test.stream, test.text)
			var d diagnosis
			r := in.run(t, "doctor", "-o", "json")
			r.json(t, &d)
			found := ""
			for _, reason := range d.reasons() {
				found += reason
			}
			if test.refuses != slices.ContainsFunc(d.Lost, func(key string) bool { return strings.HasPrefix(key, "demo/") }) {
				t.Errorf("doctor says of lost keys: %v", d.Lost)
			}
			if r.code != cli.ExitRefused || !strings.HasPrefix(found, "damaged ") || !strings.HasSuffix(found, test.reason) {
				t.Errorf("exit code %d, found %q", r.code, found)
			}
			if table := in.run(t, "doctor"); !strings.Contains(table.out, "WHAT TO DO") || !strings.Contains(table.out, "restore") {
				t.Errorf("doctor says no remedy:\n%s", table.out)
			}
			if !test.refuses {
				return
			}
			if r := in.start(t); r.code != cli.ExitRefused || !strings.Contains(r.err, test.reason) {
				t.Errorf("up: exit code %d\n%s", r.code, r.err)
			}
		})
	}
}

// flip changes a bit of one message of a stream that holds a text.
func (in *installation) flip(t *testing.T, stream, text string) {
	t.Helper()
	folders, err := filepath.Glob(filepath.Join(in.data, "nats", "*", "jetstream", "*", "streams", stream))
	if err != nil {
		t.Fatal(err)
	}
	for _, folder := range folders {
		blocks, err := filepath.Glob(filepath.Join(folder, "msgs", "*.blk"))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range blocks {
			if b, err := os.ReadFile(path); err == nil && bytes.Contains(b, []byte(text)) {
				flip(t, folder, text)
				return
			}
		}
	}
	t.Fatalf("no stream %s holds %s", stream, text)
}
