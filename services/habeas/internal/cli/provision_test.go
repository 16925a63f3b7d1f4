package cli_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"habeas.internal/services/habeas/internal/cli"
	"habeas.internal/services/internal/testserver"

	"github.com/google/go-cmp/cmp"
)

type provisioned struct {
	LogKey  string `json:"log_key"`
	Streams []struct{ Name, State string }
	Keys    []struct{ Name, ID, File, State string }
}

func TestProvisionMakesStreamsAndKeysOnce(t *testing.T) {
	o := newOperator(t, 2)
	var first, second provisioned
	o.must(t, "provision", "-o", "json").json(t, &first)
	o.must(t, "provision", "-o", "json").json(t, &second)
	if len(first.Streams) != 2*2+2+2+2 || len(first.Keys) != 3 {
		t.Fatalf("%d streams and %d keys were made", len(first.Streams), len(first.Keys))
	}
	for i, s := range first.Streams {
		if s.State != "made" || second.Streams[i].State != "found" || second.Streams[i].Name != s.Name {
			t.Errorf("stream %s is %s, then %s", s.Name, s.State, second.Streams[i].State)
		}
	}
	for i, k := range first.Keys {
		if k.State != "made" || second.Keys[i].State != "found" || second.Keys[i].ID != k.ID {
			t.Errorf("key %s is %s, then %s", k.Name, k.State, second.Keys[i].State)
		}
		if info, err := os.Stat(k.File); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("key file %s: %v, error %v", k.Name, info.Mode(), err)
		}
	}
	want := []string{"consent.key", "consent.pub", "identity.key", "identity.pub", "log.key", "log.pub"}
	if diff := cmp.Diff(want, files(t, o.keys)); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	table := o.must(t, "provision").out
	for _, line := range []string{"HABEAS_CONSENT_01", "HABEAS_VAULT_00", "HABEAS_EVENTLOG_KEY=" + first.LogKey} {
		if !strings.Contains(table, line) {
			t.Errorf("table lacks %s:\n%s", line, table)
		}
	}
}

func TestProvisionMakesNoSecondLogKeyForAnInstallation(t *testing.T) {
	o := newOperator(t, 2)
	o.must(t, "provision")
	elsewhere := filepath.Join(t.TempDir(), "other")
	r := o.run(t, "provision", "--keys", elsewhere)
	if r.code != cli.ExitRefused || len(files(t, elsewhere)) != 0 {
		t.Errorf("exit code %d, files %v: %s", r.code, files(t, elsewhere), r.err)
	}
}

func TestProvisionRefusesAKeyThatOthersMayRead(t *testing.T) {
	o := newOperator(t, 2)
	o.must(t, "provision")
	if err := os.Chmod(filepath.Join(o.keys, "consent.key"), 0o644); err != nil {
		t.Fatal(err)
	}
	if r := o.run(t, "provision"); r.code != cli.ExitRefused {
		t.Errorf("exit code %d: %s", r.code, r.err)
	}
}

func TestAnotherLogKeyIsRefused(t *testing.T) {
	o, other := newOperator(t, 2), newOperator(t, 2)
	o.must(t, "provision")
	other.must(t, "provision")
	for _, command := range []string{"provision", "export", "doctor"} {
		r := o.run(t, command, "--keys", other.keys)
		if r.code != cli.ExitRefused {
			t.Errorf("%s: exit code %d: %s%s", command, r.code, r.out, r.err)
		}
	}
}

func TestCommandsSpeakMutualTLS(t *testing.T) {
	o := newOperator(t, 2)
	o.server = testserver.NATS(t, testserver.WithTLS())
	if r := o.run(t, "provision"); r.code != cli.ExitUnavailable {
		t.Errorf("without a certificate: exit code %d: %s", r.code, r.err)
	}
	id := o.server.ClientIdentity()
	o.must(t, "provision", "--nats-ca", id.CAFile, "--tls-cert", id.CertFile, "--tls-key", id.KeyFile)
}
