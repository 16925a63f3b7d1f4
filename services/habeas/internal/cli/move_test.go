package cli_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"habeas.internal/services/habeas/internal/cli"
	"habeas.internal/services/internal/es"
)

type moved struct {
	Signed   bool
	Messages uint64
	Rows     uint64
	Added    uint64 `json:"commits_added"`
	Found    uint64 `json:"commits_found"`
}

// settled is an installation with a little history.
func settled(t *testing.T) (*operator, []es.Recorded) {
	t.Helper()
	o := newOperator(t, 1)
	o.must(t, "provision")
	return o, write(t, o.log(t), 50)
}

func (o *operator) holds(t *testing.T, commits []es.Recorded) {
	t.Helper()
	log := o.log(t)
	for _, c := range commits {
		found := false
		for r, err := range log.Load(t.Context(), c.Aggregate, 0, es.Leader) {
			if err == nil {
				err = log.Verifier().Verify(t.Context(), r)
			}
			if err != nil {
				t.Fatal(err)
			}
			found = r.Hash == c.Hash
		}
		if !found {
			t.Fatalf("commit of %s is not there", c.Aggregate.ID)
		}
	}
}

func TestAnInstallationMovesThroughAFile(t *testing.T) {
	old, commits := settled(t)
	file := filepath.Join(t.TempDir(), "log.habeas")
	var out, in, again moved
	old.must(t, "export", "-f", file, "-o", "json").json(t, &out)
	if !out.Signed || out.Messages < 50 {
		t.Errorf("export says signed %v, %d messages", out.Signed, out.Messages)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("file has mode %v, error %v", info.Mode(), err)
	}
	next := newOperator(t, 4)
	from := []string{"import", "-f", file, "--old-log-key", filepath.Join(old.keys, "log.pub"), "-o", "json"}
	next.must(t, append(from, "--check")...)
	if made := files(t, next.keys); len(made) != 0 {
		t.Errorf("the check made %v", made)
	}
	next.must(t, from...).json(t, &in)
	next.must(t, from...).json(t, &again)
	if in.Added != 50 || in.Found != 0 || again.Added != 0 || again.Found != 50 {
		t.Errorf("%d added and %d found, then %d and %d", in.Added, in.Found, again.Added, again.Found)
	}
	next.must(t, "doctor", "--read")
	next.holds(t, commits)
}

func TestAnInstallationMovesThroughAPipe(t *testing.T) {
	old, commits := settled(t)
	exported := old.must(t, "export", "-q")
	if !strings.Contains(exported.err, "standard output") {
		t.Errorf("export to a pipe says %q", exported.err)
	}
	next := newOperator(t, 2)
	next.in = strings.NewReader(exported.out)
	table := next.must(t, "import", "--old-log-key", filepath.Join(old.keys, "log.pub"))
	if !strings.Contains(table.out, "IMPORTED FROM") || !strings.Contains(table.err, "import HABEAS_CONSENT_00") {
		t.Errorf("import says:\n%s\n%s", table.out, table.err)
	}
	next.holds(t, commits)
}

func TestADamagedFileMakesNothing(t *testing.T) {
	old, _ := settled(t)
	good := []byte(old.must(t, "export", "-q").out)
	flipped := bytes.Clone(good)
	flipped[len(good)/2] ^= 4
	tests := []struct {
		name string
		file []byte
		want string
	}{
		{"cut short", good[:len(good)-100], "TRUNCATED"},
		{"flipped", flipped, "ALTERED"},
		{"something else", []byte("PK\x03\x04 this is no archive of a log"), "NOT_AN_ARCHIVE"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "file")
			if err := os.WriteFile(file, test.file, 0o600); err != nil {
				t.Fatal(err)
			}
			next := newOperator(t, 2)
			r := next.run(t, "import", "-f", file, "--old-log-key", filepath.Join(old.keys, "log.pub"))
			if r.code != cli.ExitRefused || !strings.Contains(r.err, test.want) {
				t.Errorf("exit code %d: %s", r.code, r.err)
			}
			if made := files(t, next.keys); len(made) != 0 {
				t.Errorf("keys were made: %v", made)
			}
			if r := next.run(t, "doctor", "--log-key", filepath.Join(old.keys, "log.pub")); r.code != cli.ExitRefused || !strings.Contains(r.out, "STREAM_MISSING") {
				t.Errorf("doctor of nothing: exit code %d\n%s", r.code, r.out)
			}
		})
	}
}

func TestAnotherOldLogKeyIsRefused(t *testing.T) {
	old, _ := settled(t)
	file := filepath.Join(t.TempDir(), "file")
	old.must(t, "export", "-f", file)
	next := newOperator(t, 2)
	r := next.run(t, "import", "-f", file, "--old-log-key", filepath.Join(old.keys, "consent.pub"))
	if r.code != cli.ExitRefused {
		t.Errorf("exit code %d: %s", r.code, r.err)
	}
}

func TestAnExportLeavesNothingHalf(t *testing.T) {
	old, _ := settled(t)
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if r := old.run(t, "export", "-f", file, "--log-key", filepath.Join(old.keys, "consent.pub")); r.code != cli.ExitRefused {
		t.Errorf("export of a log that is not trusted: exit code %d: %s", r.code, r.err)
	}
	if left := files(t, dir); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
	old.must(t, "export", "-f", file, "--unsigned", "--skip-signatures")
	if r := old.run(t, "export", "-f", file); r.code != cli.ExitUsage {
		t.Errorf("export over a file: exit code %d", r.code)
	}
	next := newOperator(t, 2)
	key := filepath.Join(old.keys, "log.pub")
	if r := next.run(t, "import", "-f", file, "--old-log-key", key); r.code != cli.ExitRefused || !strings.Contains(r.err, "UNSIGNED") {
		t.Errorf("import of an unsigned file: exit code %d: %s", r.code, r.err)
	}
	next.must(t, "import", "-f", file, "--old-log-key", key, "--unsigned")
}

func TestAHalfImportedInstallationIsNotWell(t *testing.T) {
	old, _ := settled(t)
	good := old.must(t, "export", "-q").out
	next := newOperator(t, 2)
	next.in = strings.NewReader(good[:len(good)/2])
	key := filepath.Join(old.keys, "log.pub")
	if r := next.run(t, "import", "--old-log-key", key); r.code != cli.ExitRefused {
		t.Fatalf("half a file: exit code %d: %s", r.code, r.err)
	}
	if r := next.run(t, "doctor"); r.code != cli.ExitRefused || !strings.Contains(r.out, "IMPORT_UNFINISHED") {
		t.Errorf("doctor: exit code %d\n%s", r.code, r.out)
	}
	next.in = strings.NewReader(good)
	next.must(t, "import", "--old-log-key", key)
	next.must(t, "doctor", "--read")
}
