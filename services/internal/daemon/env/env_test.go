package env_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"habeas.internal/services/internal/daemon/env"
)

type redis struct {
	URL env.Secret `env:"URL" default:"" help:"where the read models live"`
}

type shared struct {
	Listen string `env:"LISTEN" default:"127.0.0.1:0" help:"address"`
}

type config struct {
	shared
	Shared2  shared        `env:"OPS"`
	Name     string        `env:"NAME" help:"name of the instance"`
	Format   string        `env:"FORMAT" default:"json" oneof:"json,text" help:"form of log lines"`
	Debug    bool          `env:"DEBUG" default:"false" help:"more"`
	Workers  int           `env:"WORKERS" default:"4" min:"1" max:"64" help:"loops"`
	Ratio    float64       `env:"RATIO" default:"0.01" min:"0" max:"1" help:"share"`
	Grace    time.Duration `env:"GRACE" default:"10s" min:"1s" help:"patience"`
	Endpoint *url.URL      `env:"ENDPOINT" default:"" help:"where to"`
	Key      env.File      `env:"KEY" default:"" help:"private key"`
	Peers    []string      `env:"PEERS" default:"a,b" help:"who may call"`
	Redis    redis         `env:"REDIS"`
	Extra    int
}

func TestDefaultsFillWhatIsNotSet(t *testing.T) {
	var got config
	if err := env.Load([]string{"HABEAS_NAME=one", "PATH=/bin", "HABEASX=1"}, &got); err != nil {
		t.Fatal(err)
	}
	want := config{
		shared: shared{"127.0.0.1:0"}, Shared2: shared{"127.0.0.1:0"}, Name: "one", Format: "json",
		Workers: 4, Ratio: 0.01, Grace: 10 * time.Second, Peers: []string{"a", "b"},
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(config{})); diff != "" {
		t.Error(diff)
	}
}

func TestEveryTypeIsRead(t *testing.T) {
	key := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(key, []byte("k"), 0o600); err != nil {
		t.Fatal(err)
	}
	var got config
	err := env.Load([]string{
		"HABEAS_NAME=a=b", "HABEAS_DEBUG=true", "HABEAS_WORKERS=9", "HABEAS_RATIO=0.5", "HABEAS_GRACE=2m",
		"HABEAS_ENDPOINT=https://collector:4317", "HABEAS_KEY=" + key, "HABEAS_PEERS= x , y,", "HABEAS_OPS_LISTEN=:1",
		"HABEAS_REDIS_URL=redis://u:p@h/0", "HABEAS_FORMAT=text",
	}, &got)
	if err != nil {
		t.Fatal(err)
	}
	want := config{
		shared: shared{"127.0.0.1:0"}, Shared2: shared{":1"}, Name: "a=b", Format: "text", Debug: true,
		Workers: 9, Ratio: 0.5, Grace: 2 * time.Minute, Endpoint: &url.URL{Scheme: "https", Host: "collector:4317"},
		Key: env.File(key), Peers: []string{"x", "y"}, Redis: redis{"redis://u:p@h/0"},
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(config{})); diff != "" {
		t.Error(diff)
	}
}

func TestAllProblemsAreReportedAtOnceAndWithoutValues(t *testing.T) {
	const planted = "s3cr3t-value"
	err := env.Load([]string{
		"HABEAS_FORMAT=" + planted, "HABEAS_DEBUG=" + planted, "HABEAS_WORKERS=" + planted, "HABEAS_RATIO=" + planted,
		"HABEAS_GRACE=" + planted, "HABEAS_ENDPOINT=" + planted, "HABEAS_KEY=/" + planted, "HABEAS_LISTNE=" + planted,
	}, &config{})
	if err == nil {
		t.Fatal("a broken configuration was accepted")
	}
	if strings.Contains(err.Error(), planted) {
		t.Errorf("the error shows a value: %s", err)
	}
	want := []string{
		"HABEAS_NAME: must be set", "HABEAS_FORMAT: must be one of json, text", "HABEAS_DEBUG: must be true or false",
		"HABEAS_WORKERS: must be a whole number", "HABEAS_RATIO: must be a number",
		"HABEAS_GRACE: must be a duration such as 250ms, 10s or 5m",
		"HABEAS_ENDPOINT: must be a URL with a scheme, such as nats://host:4222",
		"HABEAS_KEY: must name a file that can be read", "HABEAS_LISTNE: no such setting",
	}
	if diff := cmp.Diff(want, strings.Split(err.Error(), "\n")); diff != "" {
		t.Error(diff)
	}
	var p env.Problem
	if !errors.As(err, &p) || p.Variable != "HABEAS_NAME" {
		t.Errorf("first problem is %v", p)
	}
}

func TestBoundsAreKept(t *testing.T) {
	for given, want := range map[string]string{
		"HABEAS_WORKERS=0": "HABEAS_WORKERS: must be at least 1", "HABEAS_WORKERS=65": "HABEAS_WORKERS: must be at most 64",
		"HABEAS_RATIO=1.5": "HABEAS_RATIO: must be at most 1", "HABEAS_GRACE=1ms": "HABEAS_GRACE: must be at least 1s",
	} {
		err := env.Load([]string{"HABEAS_NAME=x", given}, &config{})
		if err == nil || err.Error() != want {
			t.Errorf("%s: got %v, want %s", given, err, want)
		}
	}
}

func TestADirectoryIsNotAFile(t *testing.T) {
	if err := env.Load([]string{"HABEAS_NAME=x", "HABEAS_KEY=" + t.TempDir()}, &config{}); err == nil {
		t.Error("a directory was accepted as a key file")
	}
}

func TestASecretIsNeverPrinted(t *testing.T) {
	c := config{Redis: redis{"redis://user:hunter2@host"}}
	inJSON, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	var logged strings.Builder
	slog.New(slog.NewJSONHandler(&logged, nil)).Info("x", "url", c.Redis.URL)
	for form, text := range map[string]string{
		"%v": fmt.Sprintf("%v", c), "%+v": fmt.Sprintf("%+v", c), "%#v": fmt.Sprintf("%#v", c),
		"String": c.Redis.URL.String(), "JSON": string(inJSON), "slog": logged.String(),
	} {
		if strings.Contains(text, "hunter2") {
			t.Errorf("%s prints the secret: %s", form, text)
		}
	}
	if c.Redis.URL.Reveal() != "redis://user:hunter2@host" {
		t.Error("Reveal changed the secret")
	}
}

func TestUsageDocumentsEveryVariable(t *testing.T) {
	var out strings.Builder
	if err := env.Usage(&out, &config{}); err != nil {
		t.Fatal(err)
	}
	names, err := env.Names(&config{})
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != len(names)+1 {
		t.Fatalf("%d lines for %d variables", len(lines), len(names))
	}
	for i, name := range names {
		if !strings.HasPrefix(lines[i+1], name+" ") {
			t.Errorf("line %d is %q, want %s", i+1, lines[i+1], name)
		}
	}
	if want := "HABEAS_FORMAT      string    json         form of log lines (json, text)"; !strings.Contains(out.String(), want) {
		t.Errorf("no line %q in:\n%s", want, out.String())
	}
}

func TestWhatCannotBeReadIsRefused(t *testing.T) {
	type odd struct {
		C chan int `env:"C" default:""`
	}
	for _, dst := range []any{config{}, nil, (*config)(nil), &odd{}} {
		if err := env.Load(nil, dst); err == nil {
			t.Errorf("%T was accepted", dst)
		}
	}
}
