package servers

import (
	"context"
	"os/exec"
	"path/filepath"
	"regexp"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// Version is the version of one program or library.
type Version struct{ Name, Version string }

// Versions lists what figures depend on.
func Versions(ctx context.Context) []Version {
	out := []Version{{"nats-server", server.VERSION}, {"nats.go", nats.Version}, {"redis-server", printed(ctx, "redis-server")}}
	postgres := "not installed"
	if programs, err := PostgresPrograms(); err == nil {
		postgres = printed(ctx, filepath.Join(programs, "postgres"))
	}
	return append(out, Version{"PostgreSQL", postgres})
}

func printed(ctx context.Context, program string) string {
	output, err := exec.CommandContext(ctx, program, "--version").Output()
	if err != nil {
		return "unknown"
	}
	return string(regexp.MustCompile(`[0-9]+(\.[0-9]+)+`).Find(output))
}
