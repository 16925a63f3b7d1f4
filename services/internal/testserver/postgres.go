package testserver

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"testing"

	"habeas.internal/services/internal/testserver/child"
	"habeas.internal/services/internal/testwait"
)

const (
	// postgresReady is what PostgreSQL prints when it serves.
	postgresReady = "database system is ready to accept connections"
	postgresUser  = "postgres"
	// postgresPrograms is where Debian puts each version's programs.
	postgresPrograms = "/usr/lib/postgresql/*/bin"
)

// PostgresServer is a PostgreSQL server in a process of its own: Start, Stop,
// Kill, Pause and Resume act on that process.
type PostgresServer struct {
	*child.Server
	port int
}

// Postgres starts an empty PostgreSQL server with its own defaults, fsync among
// them. Settings are name=value and override these. It ends with the test.
func Postgres(t testing.TB, settings ...string) *PostgresServer {
	t.Helper()
	programs, err := findPostgres()
	if err != nil {
		t.Fatal(err)
	}
	owner, err := postgresOwner()
	if err != nil {
		t.Fatal(err)
	}
	data, err := initPostgres(t, programs, owner)
	if err != nil {
		t.Fatal(err)
	}
	var p *PostgresServer
	onFreePorts(t, func() (err error) {
		p, err = newPostgres(t, postgresPlan{programs: programs, owner: owner, data: data, settings: settings})
		if err != nil {
			return err
		}
		return p.Start()
	})
	return p
}

// Start runs the server again on the same files. After a kill the system takes
// a moment to let go of its shared memory, and until then it gives up at once.
func (p *PostgresServer) Start() error {
	ctx, cancel := context.WithTimeout(context.Background(), portGrace)
	defer cancel()
	return testwait.Until(ctx, func() error {
		err := p.Server.Start()
		if err != nil && !errors.Is(err, child.ErrEnded) {
			return testwait.Final(err)
		}
		return err
	})
}

type postgresPlan struct {
	programs string
	owner    *syscall.Credential
	data     string
	settings []string
}

func newPostgres(t testing.TB, p postgresPlan) (*PostgresServer, error) {
	t.Helper()
	port, err := child.FreePort()
	if err != nil {
		return nil, err
	}
	args := []string{"-D", p.data, "-h", "127.0.0.1", "-p", strconv.Itoa(port), "-k", ""}
	for _, setting := range p.settings {
		args = append(args, "-c", setting)
	}
	command := child.Command{
		Name: "postgres", Path: filepath.Join(p.programs, "postgres"), Args: args,
		Dir: p.data, LogDir: t.TempDir(), Credential: p.owner,
	}
	return &PostgresServer{Server: child.NewServer(t, command, postgresReady), port: port}, nil
}

// URL is the address of the database postgres; no password is asked for.
func (p *PostgresServer) URL() string {
	return fmt.Sprintf("postgres://%s@%s/postgres?sslmode=disable", postgresUser, child.Loopback(p.port))
}

// findPostgres prefers the newest of the installed versions.
func findPostgres() (string, error) {
	found, err := filepath.Glob(filepath.Join(postgresPrograms, "initdb"))
	if err != nil {
		return "", err
	}
	if len(found) > 0 {
		return filepath.Dir(slices.Max(found)), nil
	}
	path, err := exec.LookPath("initdb")
	if err != nil {
		return "", errors.New("PostgreSQL is not installed: run `tools/setup postgres`")
	}
	return filepath.Dir(path), nil
}

// postgresOwner is whom to run as: PostgreSQL refuses to run as root. Nil means
// that the test's own user will do.
func postgresOwner() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	owner, err := user.Lookup(postgresUser)
	if err != nil {
		return nil, fmt.Errorf("find a user other than root for PostgreSQL: %w", err)
	}
	uid, err := strconv.ParseUint(owner.Uid, 10, 32)
	if err != nil {
		return nil, fmt.Errorf("read user id: %w", err)
	}
	gid, err := strconv.ParseUint(owner.Gid, 10, 32)
	if err != nil {
		return nil, fmt.Errorf("read group id: %w", err)
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
}

// initPostgres makes an empty data directory. Its syncs are left out: nothing
// of value is in it yet.
func initPostgres(t testing.TB, programs string, owner *syscall.Credential) (string, error) {
	dir, err := ownedDir(t, owner)
	if err != nil {
		return "", fmt.Errorf("make data directory: %w", err)
	}
	data := filepath.Join(dir, "data")
	initdb := exec.Command(filepath.Join(programs, "initdb"),
		"-D", data, "-U", postgresUser, "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
	initdb.Dir = dir
	initdb.SysProcAttr = &syscall.SysProcAttr{Credential: owner}
	if output, err := initdb.CombinedOutput(); err != nil {
		return "", fmt.Errorf("run initdb: %w\n%s", err, output)
	}
	return data, nil
}

// ownedDir is a folder that belongs to the server's user; the test's own folder
// lies below one that nobody else may enter.
func ownedDir(t testing.TB, owner *syscall.Credential) (string, error) {
	dir, err := shortDir(t)
	if err != nil || owner == nil {
		return dir, err
	}
	return dir, os.Chown(dir, int(owner.Uid), int(owner.Gid))
}
