package testserver_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"

	"habeas.internal/services/internal/testserver"
)

func TestRedisForgetsAtARestartUnlessToldOtherwise(t *testing.T) {
	for name, c := range map[string]struct {
		settings []string
		want     int64
	}{
		"by default it forgets":      {want: 0},
		"with a log it remembers it": {settings: []string{"--appendonly", "yes", "--appendfsync", "always"}, want: 1},
	} {
		t.Run(name, func(t *testing.T) {
			server := testserver.Redis(t, c.settings...)
			client := redis.NewClient(&redis.Options{Addr: server.Addr()})
			defer client.Close() //nolint:errcheck // the test is over
			if err := client.Set(t.Context(), "key", "value", 0).Err(); err != nil {
				t.Fatal(err)
			}
			server.Kill()
			if err := server.Start(); err != nil {
				t.Fatal(err)
			}
			if got, err := client.Exists(t.Context(), "key").Result(); err != nil || got != c.want {
				t.Errorf("%d keys are left, want %d (%v)", got, c.want, err)
			}
		})
	}
}

func TestRedisListensOnASocketToo(t *testing.T) {
	server := testserver.Redis(t)
	client := redis.NewClient(&redis.Options{Network: "unix", Addr: server.Socket()})
	defer client.Close() //nolint:errcheck // the test is over
	if err := client.Ping(t.Context()).Err(); err != nil {
		t.Error(err)
	}
}

func TestPostgresSyncsToDiskAndSurvivesBeingKilled(t *testing.T) {
	server := testserver.Postgres(t, "shared_buffers=16MB")
	query(t, server, "create table kept as select 1 as n")
	server.Kill()
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	if got := query(t, server, "select n::text from kept"); got != "1" {
		t.Errorf("the table holds %q, want 1", got)
	}
	if got := query(t, server, "show fsync"); got != "on" {
		t.Errorf("fsync is %q, want on", got)
	}
	if err := server.Stop(); err != nil {
		t.Errorf("an orderly end failed: %v", err)
	}
}

func TestAMissingProgramFailsTheTestAndSaysWhatToInstall(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	got := failure(t, func(tb testing.TB) { testserver.Redis(tb) })
	if !strings.Contains(got, "tools/setup redis-server") {
		t.Errorf("the test says %q, want what to install", got)
	}
}

// failure runs a test and returns what it failed with; a skipped test or one
// that passes has failed with nothing.
func failure(t *testing.T, run func(testing.TB)) string {
	t.Helper()
	recorded := &recorder{TB: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		run(recorded)
	}()
	<-done
	return recorded.text
}

// recorder is a test whose end is only noted.
type recorder struct {
	testing.TB
	text string
}

// Fatal notes the reason and ends the goroutine, as a test's would.
func (r *recorder) Fatal(args ...any) {
	r.text = fmt.Sprint(args...)
	runtime.Goexit()
}

// query returns the first column of the last row.
func query(t *testing.T, server *testserver.PostgresServer, sql string) (answer string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), server.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context()) //nolint:errcheck // the test is over
	rows, err := conn.Query(t.Context(), sql)
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		if err := rows.Scan(&answer); err != nil {
			t.Fatal(err)
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return answer
}
