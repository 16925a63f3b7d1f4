package cli_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	logv1 "habeas.internal/proto/gen/habeas/log/v1"
	"habeas.internal/services/habeas/internal/cli"
	"habeas.internal/services/internal/es/jetstream"
	"habeas.internal/services/internal/testserver"

	natsjs "github.com/nats-io/nats.go/jetstream"
	"google.golang.org/protobuf/proto"
)

type diagnosis struct {
	State   string
	Parked  int
	Lost    []string `json:"lost_keys"`
	Streams []struct {
		Name, State, Reason, Detail string
		Messages                    uint64
		Replicas                    []struct {
			Server  string
			Figures *jetstream.Figures `json:"own_figures"`
		}
	}
}

// reasons are those of streams that are not well.
func (d diagnosis) reasons() map[string]string {
	out := map[string]string{}
	for _, s := range d.Streams {
		if s.State != "ok" {
			out[s.Name] = s.State + " " + s.Reason
		}
	}
	return out
}

func (o *operator) js(t *testing.T) natsjs.JetStream {
	t.Helper()
	js, err := natsjs.New(o.server.Connect(t, testserver.Admin))
	if err != nil {
		t.Fatal(err)
	}
	return js
}

func TestDoctorFindsAHealthyInstallationWell(t *testing.T) {
	o, _ := settled(t)
	var d diagnosis
	o.must(t, "doctor", "--read", "-o", "json").json(t, &d)
	if d.State != "ok" || len(d.reasons()) != 0 || len(d.Streams) != 2+1+2+2 {
		t.Errorf("%s, %v, %d streams", d.State, d.reasons(), len(d.Streams))
	}
	if table := o.must(t, "doctor").out; !strings.Contains(table, "HABEAS_SUPPRESSION") {
		t.Errorf("table:\n%s", table)
	}
}

func TestDoctorNamesWhatIsDamaged(t *testing.T) {
	tests := []struct {
		name   string
		damage func(t *testing.T, o *operator)
		stream string
		want   string
	}{
		{"a log stream that is gone", func(t *testing.T, o *operator) {
			if err := o.js(t).DeleteStream(t.Context(), jetstream.StreamName("identity", 0)); err != nil {
				t.Fatal(err)
			}
		}, jetstream.StreamName("identity", 0), "damaged STREAM_MISSING"},
		{"a vault that is gone", func(t *testing.T, o *operator) {
			if err := o.js(t).DeleteStream(t.Context(), jetstream.VaultStream(0)); err != nil {
				t.Fatal(err)
			}
		}, jetstream.VaultStream(0), "damaged STREAM_MISSING"},
		{"a changed configuration", func(t *testing.T, o *operator) {
			o.update(t, jetstream.StreamName("consent", 0), func(c *natsjs.StreamConfig) { c.MaxMsgs = 1_000_000 })
		}, jetstream.StreamName("consent", 0), "damaged STREAM_CONFIGURATION_CHANGED"},
		{"rows that may vanish", func(t *testing.T, o *operator) {
			o.update(t, jetstream.StreamSuppression, func(c *natsjs.StreamConfig) { c.MaxMsgs = 1_000_000 })
		}, jetstream.StreamSuppression, "damaged STREAM_CONFIGURATION_CHANGED"},
		{"messages that are gone", func(t *testing.T, o *operator) {
			o.update(t, jetstream.StreamName("consent", 0), func(c *natsjs.StreamConfig) { c.MaxMsgs = 5 })
			o.update(t, jetstream.StreamName("consent", 0), func(c *natsjs.StreamConfig) { c.MaxMsgs = -1 })
		}, jetstream.StreamName("consent", 0), "damaged MESSAGES_MISSING"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			o, _ := settled(t)
			test.damage(t, o)
			r := o.run(t, "doctor", "-o", "json")
			var d diagnosis
			r.json(t, &d)
			if r.code != cli.ExitRefused || d.State != "damaged" || d.reasons()[test.stream] != test.want {
				t.Errorf("exit code %d, %s, %v; want %s", r.code, d.State, d.reasons(), test.want)
			}
			if table := o.run(t, "doctor"); table.code != cli.ExitRefused || !strings.Contains(table.out, test.stream+": ") {
				t.Errorf("exit code %d\n%s", table.code, table.out)
			}
		})
	}
}

func (o *operator) update(t *testing.T, stream string, change func(*natsjs.StreamConfig)) {
	t.Helper()
	s, err := o.js(t).Stream(t.Context(), stream)
	if err != nil {
		t.Fatal(err)
	}
	c := s.CachedInfo().Config
	change(&c)
	if _, err := o.js(t).UpdateStream(t.Context(), c); err != nil {
		t.Fatal(err)
	}
}

func TestDoctorReadingFindsAFlippedBit(t *testing.T) {
	o, commits := settled(t)
	o.server.Stop()
	flip(t, o.server.StreamFolder(jetstream.StreamName("consent", 0)), commits[20].ID)
	o.server.Start(t)
	r := o.run(t, "doctor", "--read", "-o", "json")
	var d diagnosis
	r.json(t, &d)
	if got := d.reasons()[jetstream.StreamName("consent", 0)]; r.code != cli.ExitRefused || got != "damaged SEQUENCE_GAP" {
		t.Errorf("exit code %d, %q: %v", r.code, got, d.reasons())
	}
	if r := o.run(t, "export", "-f", filepath.Join(t.TempDir(), "file")); r.code != cli.ExitRefused || !strings.Contains(r.err, "SEQUENCE_GAP") {
		t.Errorf("export: exit code %d: %s", r.code, r.err)
	}
}

// flip changes one bit of the message that holds a text.
func flip(t *testing.T, folder, text string) {
	t.Helper()
	blocks, err := filepath.Glob(filepath.Join(folder, "msgs", "*.blk"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range blocks {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		at := bytes.Index(b, []byte(text))
		if at < 0 {
			continue
		}
		b[at] ^= 1
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	t.Fatalf("no block in %s holds %s", folder, text)
}

func TestDoctorAsksEveryReplica(t *testing.T) {
	o, _ := settled(t)
	var d diagnosis
	o.must(t, "doctor", "--system-seed", o.server.SeedFile(testserver.System), "-o", "json").json(t, &d)
	if d.State != "ok" {
		t.Errorf("%s, %v", d.State, d.reasons())
	}
}

func TestParkedMessagesNeedAttention(t *testing.T) {
	o, commits := settled(t)
	data, err := proto.Marshal(&logv1.Parked{
		Consumer: "saga", Stream: jetstream.StreamName("consent", 0), Sequence: commits[3].Position.Seq, Reason: "INTERNAL", Deliveries: 5,
	})
	if err == nil {
		_, err = o.js(t).Publish(t.Context(), "habeas.park.saga."+jetstream.StreamName("consent", 0), data)
	}
	if err != nil {
		t.Fatal(err)
	}
	var list []struct{ Process, Stream, Reason string }
	o.must(t, "parked", "list", "-o", "json").json(t, &list)
	if len(list) != 1 || list[0].Process != "saga" || list[0].Reason != "INTERNAL" {
		t.Errorf("list = %+v", list)
	}
	if table := o.must(t, "parked", "list").out; !strings.Contains(table, "saga") {
		t.Errorf("table:\n%s", table)
	}
	if r := o.run(t, "doctor"); r.code != cli.ExitFailed {
		t.Errorf("doctor: exit code %d\n%s%s", r.code, r.out, r.err)
	}
	if r := o.must(t, "export", "-f", filepath.Join(t.TempDir(), "file")); !strings.Contains(r.err, "1 parked") {
		t.Errorf("export warns: %s", r.err)
	}
}
