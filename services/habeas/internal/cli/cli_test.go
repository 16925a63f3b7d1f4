package cli_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"habeas.internal/services/habeas/internal/cli"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/estest"
	"habeas.internal/services/internal/es/jetstream"
	"habeas.internal/services/internal/es/keyfile"
	"habeas.internal/services/internal/testserver"

	metricnoop "go.opentelemetry.io/otel/metric/noop"
	tracenoop "go.opentelemetry.io/otel/trace/noop"
)

// operator runs commands against one server, with one folder of keys.
type operator struct {
	server *testserver.Server
	keys   string
	shards int
	in     io.Reader
}

func newOperator(t *testing.T, shards int) *operator {
	t.Helper()
	return &operator{server: testserver.NATS(t), keys: filepath.Join(t.TempDir(), "keys"), shards: shards, in: strings.NewReader("")}
}

func (o *operator) environ() []string {
	return []string{
		"HABEAS_NATS_URL=" + o.server.URL(), "HABEAS_NATS_SEED=" + o.server.SeedFile(testserver.Admin),
		"HABEAS_KEYS=" + o.keys, "HABEAS_EVENTLOG_SHARDS=" + strconv.Itoa(o.shards), "HABEAS_EVENTLOG_CONTEXTS=identity,consent",
		"HABEAS_GRPC_LISTEN=127.0.0.1:0", // a daemon's, which is none of ours
	}
}

type result struct {
	code     int
	out, err string
}

func (o *operator) run(t *testing.T, args ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	var out, errs bytes.Buffer
	code := cli.Run(ctx, args, cli.Streams{In: o.in, Out: &out, Err: &errs, Environ: o.environ()})
	return result{code, out.String(), errs.String()}
}

// must runs a command that has to succeed.
func (o *operator) must(t *testing.T, args ...string) result {
	t.Helper()
	r := o.run(t, args...)
	if r.code != cli.ExitOK {
		t.Fatalf("habeas %s: exit code %d\n%s%s", strings.Join(args, " "), r.code, r.out, r.err)
	}
	return r
}

func (r result) json(t *testing.T, into any) {
	t.Helper()
	if err := json.Unmarshal([]byte(r.out), into); err != nil {
		t.Fatalf("output is no JSON: %v\n%s", err, r.out)
	}
}

// log opens the installation as a service would, with a signed instance key.
func (o *operator) log(t *testing.T) *jetstream.Log {
	t.Helper()
	public, err := keyfile.ReadPublic(filepath.Join(o.keys, "log.pub"))
	if err != nil {
		t.Fatal(err)
	}
	instance, err := es.GenerateSigner(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	log, err := jetstream.Open(t.Context(), jetstream.Config{
		Conn: o.server.Connect(t, testserver.Admin), LogKey: public, Signer: instance,
		Topology: jetstream.Topology{Contexts: []string{"identity", "consent"}, Shards: o.shards, Replicas: 1},
		Tracer:   tracenoop.NewTracerProvider().Tracer(""), Meter: metricnoop.NewMeterProvider().Meter(""),
		Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(log.Close)
	service, err := keyfile.Read(filepath.Join(o.keys, "consent.key"))
	if err == nil {
		err = log.AnnounceInstance(t.Context(), rand.Reader, service, "consent", "consent", time.Now())
	}
	if err != nil {
		t.Fatal(err)
	}
	return log
}

// write appends n commits of one aggregate each.
func write(t *testing.T, log *jetstream.Log, n int) []es.Recorded {
	t.Helper()
	var out []es.Recorded
	for i := range n {
		id, err := es.NewID(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		agg := es.Aggregate{Context: "consent", Tenant: "t1", Type: "counter", ID: id}
		r, err := log.Append(t.Context(), es.Head{}, estest.NewCommit(t, agg, uint64(i+1)))
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, r)
	}
	return out
}

func TestAWrongCommandLineIsAMistakeOfUsage(t *testing.T) {
	tests := []struct {
		name string
		args []string
		want string // in the error
	}{
		{"an unknown command", []string{"destroy"}, "destroy"},
		{"an unknown flag", []string{"doctor", "--force"}, "--force"},
		{"an argument too many", []string{"provision", "now"}, "now"},
		{"an argument to a subcommand", []string{"parked", "list", "all"}, "all"},
		{"an unknown form of output", []string{"version", "-o", "xml"}, "--output"},
		{"a number of shards that can't be", []string{"provision", "--shards", "3"}, "shards"},
		{"a seed that is not there", []string{"doctor", "--log-key", "x", "--nats-seed", "nowhere"}, "public key"},
		{"no folder of keys", []string{"provision", "--keys", ""}, "HABEAS_KEYS"},
		{"an import that trusts the file", []string{"import"}, "--old-log-key"},
		{"a file that is not there", []string{"import", "--old-log-key", strings.Repeat("A", 43) + "=", "-f", "nowhere"}, "nowhere"},
	}
	o := newOperator(t, 2)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := o.run(t, test.args...)
			if r.code != cli.ExitUsage || !strings.Contains(r.err, test.want) || r.out != "" {
				t.Errorf("exit code %d, want %d\nstdout: %s\nstderr: %s", r.code, cli.ExitUsage, r.out, r.err)
			}
		})
	}
}

func TestABadVariableIsAMistakeOfUsageAndItsValueIsNotShown(t *testing.T) {
	var out, errs bytes.Buffer
	code := cli.Run(t.Context(), []string{"doctor"}, cli.Streams{
		In: strings.NewReader(""), Out: &out, Err: &errs, Environ: []string{"HABEAS_EVENTLOG_SHARDS=secret"},
	})
	if code != cli.ExitUsage || !strings.Contains(errs.String(), "HABEAS_EVENTLOG_SHARDS") || strings.Contains(errs.String(), "secret") {
		t.Errorf("exit code %d: %s", code, errs.String())
	}
}

func TestALogThatIsNotThereIsUnavailable(t *testing.T) {
	o := newOperator(t, 2)
	o.must(t, "provision")
	o.server.Stop()
	for _, args := range [][]string{{"provision"}, {"export"}, {"doctor"}, {"parked", "list"}} {
		if r := o.run(t, args...); r.code != cli.ExitUnavailable {
			t.Errorf("%s: exit code %d, want %d: %s", args[0], r.code, cli.ExitUnavailable, r.err)
		}
	}
}

func TestHelpAndVersionNeedNoLog(t *testing.T) {
	for _, args := range [][]string{{}, {"help"}, {"help", "import"}, {"parked"}, {"version"}, {"version", "-o", "json"}} {
		var out, errs bytes.Buffer
		code := cli.Run(t.Context(), args, cli.Streams{In: strings.NewReader(""), Out: &out, Err: &errs})
		if code != cli.ExitOK || out.Len() == 0 || errs.Len() > 0 {
			t.Errorf("%v: exit code %d, %d bytes out, %q", args, code, out.Len(), errs.String())
		}
	}
}

func files(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	var out []string
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return out
}
