package cli_test

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"habeas.internal/services/habeas/internal/cli"
)

// run runs a command against the installation, running or not.
func (in *installation) run(t *testing.T, args ...string) result {
	t.Helper()
	var out, errs bytes.Buffer
	code := cli.Run(t.Context(), args, cli.Streams{
		In: strings.NewReader(""), Out: &out, Err: &errs, Environ: []string{"HABEAS_CONFIG=" + filepath.Join(in.data, "client.yaml")},
	})
	return result{code, out.String(), errs.String()}
}

type replaySummary struct {
	Summary struct {
		Read     int  `json:"commits_read"`
		Shown    int  `json:"commits_shown"`
		Unknown  int  `json:"unknown_events"`
		Streams  int  `json:"streams"`
		Verified bool `json:"verified"`
	} `json:"summary"`
}

// replay returns the lines of `habeas audit replay -o json` and its summary.
func (in *installation) replay(t *testing.T, args ...string) (lines []string, s replaySummary) {
	t.Helper()
	r := in.run(t, append([]string{"audit", "replay", "-o", "json"}, args...)...)
	if r.code != cli.ExitOK {
		t.Fatalf("exit code %d\n%s", r.code, r.err)
	}
	lines = strings.Split(strings.TrimSpace(r.out), "\n")
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &s); err != nil {
		t.Fatal(err)
	}
	return lines[:len(lines)-1], s
}

func TestHistoryIsReadFromARunningAndFromAStoppedInstallation(t *testing.T) {
	in := up(t, filepath.Join(t.TempDir(), "data"))
	running, s := in.replay(t)
	if !s.Summary.Verified || s.Summary.Streams != 20 || s.Summary.Read < 32 || s.Summary.Unknown != 0 {
		t.Errorf("summary is %+v", s.Summary)
	}
	if r := in.stop(); r.code != cli.ExitOK {
		t.Fatalf("exit code %d\n%s", r.code, r.err)
	}
	stopped, s := in.replay(t)
	if !s.Summary.Verified || strings.Join(stopped, "\n") != strings.Join(running, "\n") {
		t.Errorf("the stopped log shows %d commits, the running one %d", len(stopped), len(running))
	}
	table := in.run(t, "audit", "replay")
	if table.code != cli.ExitOK || !strings.Contains(table.out, "log.genesis") || !strings.Contains(table.out, "signed by an announced key") {
		t.Errorf("exit code %d\n%s%s", table.code, table.out, table.err)
	}
}

func TestAReplayOfNothingIsNotFound(t *testing.T) {
	in := up(t, filepath.Join(t.TempDir(), "data"))
	for _, flag := range []string{"--subject", "--request", "--tenant"} {
		r := in.run(t, "audit", "replay", flag, strings.Repeat("a", 26))
		if r.code != cli.ExitNotFound || !strings.Contains(r.err, "holds nothing of what was asked for") || !strings.Contains(r.out, "0 of ") {
			t.Errorf("%s: exit code %d\n%s%s", flag, r.code, r.out, r.err)
		}
	}
}

func TestATraceOfNothingIsNotFound(t *testing.T) {
	in := up(t, filepath.Join(t.TempDir(), "data"))
	if r := in.run(t, "trace", strings.Repeat("a", 26)); r.code != cli.ExitNotFound {
		t.Errorf("exit code %d\n%s", r.code, r.err)
	}
}
