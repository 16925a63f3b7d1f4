package cli_test

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"habeas.internal/services/habeas/internal/cli"
	"habeas.internal/services/habeas/internal/demo"
)

// story is what `habeas up --once -o json` says of its demo.
type story struct {
	Demo demo.Story
}

// once plays the demo on a folder and stops.
func once(t *testing.T, data string) (story, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	var out, errs bytes.Buffer
	code := cli.Run(ctx, []string{"up", "--once", "--data", data, "-o", "json"}, cli.Streams{
		In: strings.NewReader(""), Out: &out, Err: &errs,
	})
	if code != cli.ExitOK {
		t.Fatalf("exit code %d\n%s", code, errs.String())
	}
	var s story
	if err := json.Unmarshal(out.Bytes(), &s); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	return s, errs.String()
}

// check says what must be true of every run of the demo.
func (s story) check(t *testing.T) (access, erasure demo.Followed) {
	t.Helper()
	if len(s.Demo.Requests) != 2 {
		t.Fatalf("story is %+v", s.Demo)
	}
	access, erasure = s.Demo.Requests[0], s.Demo.Requests[1]
	if access.Outcome != "complete" || access.After.Of("name") != access.Before.Of("name") {
		t.Errorf("access: %+v", access)
	}
	if erasure.Outcome != "complete with retained" || erasure.After.Tables != 9 || erasure.After.Columns < 40 {
		t.Errorf("erasure: %+v", erasure)
	}
	for _, what := range []string{"e-mail address", "telephone number", "name", "device id", "card token"} {
		if erasure.Before.Of(what) == 0 || erasure.After.Of(what) != 0 {
			t.Errorf("%s of the erased is found %d times, before %d", what, erasure.After.Of(what), erasure.Before.Of(what))
		}
	}
	for place := range erasure.After.Places["address"] { // but where others live at it
		if place != "shop orders.billing_address" && place != "shop addresses.street" {
			t.Errorf("the address of the erased is left in %s", place)
		}
	}
	return access, erasure
}

func TestTheDemoPlaysAgainAndItsHistoryCanBeShown(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	first, told := once(t, data)
	access, erasure := first.check(t)
	for _, part := range []string{
		"rows of billing.transaction\n      legal_obligation.tax (26 CFR 1.6001-1), until ", "A scan of all 48 columns in 9 tables of 2 databases",
		"  1 row  ",
	} {
		if !strings.Contains(told, part) {
			t.Errorf("the story lacks %q:\n%s", part, told)
		}
	}
	if strings.Contains(told, " 1 rows") {
		t.Error("the story counts one row as several")
	}
	second, _ := once(t, data)
	if again, _ := second.check(t); again.Subject == access.Subject {
		t.Error("the second run asks for the same person")
	}

	in := up(t, data)
	in.acts(t, access.Subject)
	for _, args := range [][]string{
		{"request", "list"},
		{"request", "get", erasure.Request},
		{"request", "explain", erasure.Request},
		{"request", "watch", erasure.Request},
		{"subject", "show", erasure.Subject},
		{"consent", "history", access.Subject},
		{"hold", "list", access.Subject},
		{"policy", "list"},
		{"policy", "show", "caseworks"},
		{"system", "list"},
		{"system", "show", "shop"},
		{"tenant", "get"},
		{"doctor"},
		{"trace", erasure.Request},
	} {
		for _, form := range []string{"table", "json"} {
			r := in.run(t, append(args, "-o", form)...)
			if r.code != cli.ExitOK || r.out == "" || form == "json" && !json.Valid([]byte(r.out)) {
				t.Errorf("%s -o %s: exit code %d\n%s%s", strings.Join(args, " "), form, r.code, r.out, r.err)
			}
		}
	}
	in.download(t, access.Request)
	lines, s := in.replay(t, "--request", erasure.Request)
	if !s.Summary.Verified || s.Summary.Unknown != 0 || s.Summary.Shown < 10 {
		t.Errorf("summary is %+v", s.Summary)
	}
	if text := strings.Join(lines, "\n"); strings.Contains(text, "@example.com") {
		t.Error("the history shows an address in clear")
	}
	if r := in.stop(); r.code != cli.ExitOK {
		t.Fatalf("exit code %d\n%s", r.code, r.err)
	}
	in.holdsNobodyInClear(t)
	stopped, _ := in.replay(t, "--request", erasure.Request)
	if strings.Join(stopped, "\n") != strings.Join(lines, "\n") {
		t.Errorf("the stopped log shows %d commits, the running one %d", len(stopped), len(lines))
	}
}

// holdsNobodyInClear looks for the people's addresses in every file but those of
// the demo's own systems.
func (in *installation) holdsNobodyInClear(t *testing.T) {
	t.Helper()
	err := filepath.WalkDir(in.data, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			if d != nil && d.IsDir() && d.Name() == "demo" {
				return filepath.SkipDir
			}
			return err
		}
		text, err := os.ReadFile(path)
		if bytes.Contains(bytes.ToLower(text), []byte("@example.com")) {
			t.Errorf("%s holds an address in clear", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// download fetches a package, which is a zip archive with a readable page.
func (in *installation) download(t *testing.T, request string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "package.zip")
	if r := in.run(t, "request", "download", request, "-f", file); r.code != cli.ExitOK {
		t.Errorf("download: exit code %d\n%s", r.code, r.err)
		return
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	z, err := zip.NewReader(bytes.NewReader(text), int64(len(text)))
	if err != nil {
		t.Fatal(err)
	}
	page := false
	for _, f := range z.File {
		page = page || strings.HasSuffix(f.Name, "index.html")
	}
	if !page {
		t.Errorf("the package has no page among %d files", len(z.File))
	}
}

// acts runs the commands that change something, as one would by hand.
func (in *installation) acts(t *testing.T, subject string) {
	t.Helper()
	must := func(want int, args ...string) result {
		t.Helper()
		r := in.run(t, args...)
		if r.code != want {
			t.Errorf("%s: exit code %d, want %d\n%s%s", strings.Join(args, " "), r.code, want, r.out, r.err)
		}
		return r
	}
	must(cli.ExitOK, "subject", "link", subject, "--account", "account-1")
	must(cli.ExitOK, "subject", "unlink", subject, "--account", "account-1")
	must(cli.ExitOK, "consent", "accept", subject, "personnel-technology", "1", "--evidence", "sha256:abc")
	must(cli.ExitOK, "consent", "signal", subject, "personnel-technology", "dnt")
	purpose := []string{"--policy", "personnel-technology", "--purpose", "mail.updates"}
	must(cli.ExitOK, append([]string{"consent", "record", subject, "--evidence", "sha256:abc"}, purpose...)...)
	must(cli.ExitOK, append([]string{"consent", "withdraw", subject}, purpose...)...)
	must(cli.ExitOK, "consent", "withdraw", subject, "--all")
	must(cli.ExitRefused, append([]string{"consent", "check", subject, "--category", "personal.email", "--source", "online"}, purpose...)...)
	hold := strings.Fields(must(cli.ExitOK, "hold", "place", subject, "--authority", "case 1", "--review-at", "2099-01-01").out)
	if len(hold) > 2 {
		must(cli.ExitOK, "hold", "review", subject, hold[2], "--review-at", "2099-06-01")
		must(cli.ExitOK, "hold", "release", subject, hold[2])
		must(cli.ExitNotFound, "hold", "release", subject, strings.Repeat("a", 26))
	}
	filed := strings.Fields(must(cli.ExitOK, "request", "submit", "access", "--email", "nobody@example.com", "--policy", "caseworks").out)
	if len(filed) > 2 {
		must(cli.ExitRefused, "request", "verify", filed[2], "00000000")
		must(cli.ExitOK, "request", "withdraw", filed[2])
		must(cli.ExitRefused, "request", "retry", filed[2])
	}
	auditor := must(cli.ExitOK, "token", "--data", in.data, "--role", "auditor")
	if r := in.runWith(t, "HABEAS_TOKEN="+strings.TrimSpace(auditor.out), "policy", "list"); r.code != cli.ExitOK {
		t.Errorf("an auditor can't list policies: %d %s", r.code, r.err)
	}
	if r := in.runWith(t, "HABEAS_TOKEN="+strings.TrimSpace(auditor.out), "tenant", "create", "other"); r.code != cli.ExitDenied {
		t.Errorf("an auditor may create a tenant: %d %s", r.code, r.err)
	}
}

// runWith runs a command with one more variable.
func (in *installation) runWith(t *testing.T, variable string, args ...string) result {
	t.Helper()
	var out, errs bytes.Buffer
	code := cli.Run(t.Context(), args, cli.Streams{
		In: strings.NewReader(""), Out: &out, Err: &errs,
		Environ: []string{"HABEAS_CONFIG=" + filepath.Join(in.data, "client.yaml"), variable},
	})
	return result{code, out.String(), errs.String()}
}
