package cli_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/habeas/internal/cli"
	"habeas.internal/services/habeas/internal/devissuer"
	"habeas.internal/services/habeas/internal/local"

	"google.golang.org/protobuf/proto"
)

// TestEveryKindOfIdentifierCanBeGiven, those of the tenant's own too, and each can
// be read from standard input.
func TestEveryKindOfIdentifierCanBeGiven(t *testing.T) {
	s, id := serve(t, "identity"), "00000000-0000-4000-8000-000000000001"
	one := func(kind identityv1.IdentifierKind, value string) *identityv1.RegisterSubjectRequest {
		return &identityv1.RegisterSubjectRequest{RequestId: id, Identifiers: []*identityv1.Identifier{{Kind: kind, Value: value}}}
	}
	for flag, want := range map[string]*identityv1.RegisterSubjectRequest{
		"--email": one(1, "v"), "--phone": one(2, "v"), "--account": one(3, "v"), "--device": one(4, "v"), "--cookie": one(5, "v"),
		"--sso": one(6, "v"), "--idfa": one(7, "v"), "--gaid": one(8, "v"), "--analytics": one(9, "v"), "--other loyalty:": one(10, "loyalty:v"),
	} {
		for _, value := range []string{"v", "-"} {
			args := strings.Fields("subject register --request-id " + id + " " + flag + " " + value)
			if name, before, found := strings.Cut(flag, " "); found {
				args = strings.Fields("subject register --request-id " + id + " " + name + " " + before + value)
			}
			if r := s.run(t, "v\n", args...); r.code != cli.ExitOK || !proto.Equal(s.sent, want) {
				t.Errorf("%s: exit code %d, sent %v: %s", args, r.code, s.sent, r.err)
			}
		}
	}
	for _, args := range []string{"--other loyalty", "--other :v", "--other -", "--email - --phone -"} {
		if r := s.run(t, "v\n", strings.Fields("subject register "+args)...); r.code != cli.ExitUsage {
			t.Errorf("%s: exit code %d: %s%s", args, r.code, r.out, r.err)
		}
	}
}

// TestATokenThatIsSetToNothingIsNoOther: the command that was to make it has
// failed, and the client configuration's would be another person.
func TestATokenThatIsSetToNothingIsNoOther(t *testing.T) {
	s := serve(t, "identity")
	for _, value := range []string{"", " ", "\n"} {
		for _, args := range []string{"whoami", "tenant get"} {
			r := s.runAs(t, "", []string{"HABEAS_TOKEN=" + value}, strings.Fields(args)...)
			if r.code != cli.ExitUsage || r.out != "" || !strings.Contains(r.err, "HABEAS_TOKEN") {
				t.Errorf("%q %s: exit code %d: %s%s", value, args, r.code, r.out, r.err)
			}
		}
	}
	if r := s.run(t, "", "tenant", "get"); r.code != cli.ExitOK || s.token != "Bearer secret-token" {
		t.Errorf("unset: exit code %d as %s: %s", r.code, s.token, r.err)
	}
}

// TestATokenThatHasEndedIsNeitherMadeNorShownAsGood by any command.
func TestATokenThatHasEndedIsNeitherMadeNorShownAsGood(t *testing.T) {
	s, data := serve(t, "identity"), t.TempDir()
	for _, life := range []string{"0s", "-1h"} {
		if r := s.run(t, "", "token", "--data", data, "--life", life); r.code != cli.ExitUsage || r.out != "" {
			t.Errorf("%s: exit code %d: %s%s", life, r.code, r.out, r.err)
		}
	}
	signer, err := devissuer.Open(filepath.Join(data, "tokens"))
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		from time.Time
		code int
		says string
	}{
		{time.Now(), cli.ExitOK, "vera"},
		{time.Now().Add(-2 * time.Hour), cli.ExitDenied, "which has passed"},
	} {
		token, err := signer.Token(devissuer.Claims{Tenant: "demo", Subject: "vera", From: tc.from, Life: time.Hour, Roles: local.Roles()})
		if err != nil {
			t.Fatal(err)
		}
		r := s.runAs(t, "", []string{"HABEAS_TOKEN=" + token}, "whoami")
		if r.code != tc.code || !strings.Contains(r.out, tc.says) {
			t.Errorf("from %s: exit code %d: %s%s", tc.from, r.code, r.out, r.err)
		}
	}
}

// TestAFileWithoutAnEndEndsTheCommand: whoever names a device by mistake is told.
func TestAFileWithoutAnEndEndsTheCommand(t *testing.T) {
	s := serve(t, "fulfilment")
	for _, line := range []string{
		"agent submit acme /dev/zero", "policy publish /dev/zero", "policy post p 1 --text /dev/zero", "settings set --from /dev/zero",
		"system register shop --connector sqlite --dataset /dev/zero", "request verify r --staff-check --method in-person --evidence /dev/zero",
		"request verify r --id-token-file /dev/zero",
	} {
		if r := s.run(t, "", strings.Fields(line)...); r.code != cli.ExitUsage || s.calls > 0 {
			t.Errorf("%s: exit code %d after %d calls: %s", line, r.code, s.calls, r.err)
		}
	}
}

// TestNoFileIsReadWithoutABound walks the sources of the command line.
func TestNoFileIsReadWithoutABound(t *testing.T) {
	unbounded := regexp.MustCompile(`os\.ReadFile|LoadX509KeyPair|io\.ReadAll\((?:[^i]|i[^o])`)
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		if found := unbounded.Find(text); found != nil && !strings.Contains(path, "logintest") {
			t.Errorf("%s: %s reads without a bound", path, found)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
