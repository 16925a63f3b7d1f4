package servers

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
)

// ErrNoOpenFGA says that the peer was not built.
var ErrNoOpenFGA = errors.New("OpenFGA is not built: run tools/run openfga version")

// OpenFGA is an OpenFGA server on PostgreSQL: no TLS, no authentication, caches and
// logs as it comes, without metrics.
type OpenFGA struct {
	*Process
	// GRPC and HTTP are where it answers; the second is for setting it up.
	GRPC, HTTP string
}

// OpenFGAProgram is the program that tools/run has built.
func OpenFGAProgram() (string, error) {
	dir, err := os.Getwd()
	for ; err == nil; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.work")); err == nil {
			break
		} else if !errors.Is(err, fs.ErrNotExist) || dir == filepath.Dir(dir) {
			return "", ErrNoOpenFGA
		}
	}
	found, err := filepath.Glob(filepath.Join(dir, ".bin", "openfga-*"))
	if err != nil || len(found) == 0 {
		return "", ErrNoOpenFGA
	}
	return found[len(found)-1], nil
}

// StartOpenFGA starts the server on an empty database, with its own migrations.
func StartOpenFGA(ctx context.Context, dir string, database *Postgres) (*OpenFGA, error) {
	program, err := OpenFGAProgram()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("make folder of openfga: %w", err)
	}
	store := []string{"--datastore-engine", "postgres", "--datastore-uri", database.url}
	if output, err := exec.CommandContext(ctx, program, append([]string{"migrate"}, store...)...).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("migrate openfga: %w: %s", err, output)
	}
	var ports [2]int
	for i := range ports {
		if ports[i], err = freePort(); err != nil {
			return nil, err
		}
	}
	p, err := start(command{name: "openfga", path: program, dir: dir, goodbye: syscall.SIGTERM, args: append([]string{
		"run", "--grpc-addr", loopback(ports[0]), "--http-addr", loopback(ports[1]), "--playground-enabled=false", "--metrics-enabled=false",
		"--log-level=error", "--datastore-max-open-conns", strconv.Itoa(openFGAConnections), "--max-tuples-per-write", strconv.Itoa(OpenFGAWrite),
	}, store...)})
	if err != nil {
		return nil, err
	}
	o := &OpenFGA{Process: p, GRPC: loopback(ports[0]), HTTP: "http://" + loopback(ports[1])}
	if err := p.await(ctx, o.answers); err != nil {
		return nil, err
	}
	return o, nil
}

const (
	// OpenFGAWrite is the most facts in one of its writes.
	OpenFGAWrite = 100
	// openFGAConnections is one for each of the most callers.
	openFGAConnections = 64
)

func (o *OpenFGA) answers(ctx context.Context) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, o.HTTP+"/healthz", nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	if err := response.Body.Close(); err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("openfga answers %s", response.Status)
	}
	return nil
}
