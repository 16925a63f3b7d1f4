package servers

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

	"github.com/jackc/pgx/v5"
)

// ErrNoPostgres says that PostgreSQL's programs were not found.
var ErrNoPostgres = errors.New("PostgreSQL is not installed (Debian package postgresql)")

const postgresUser = "postgres"

// Postgres is a PostgreSQL server with its own defaults, durable commits among
// them, but for the settings that StartPostgres was given.
type Postgres struct {
	*Process
	url string
}

// PostgresPrograms is the folder of the newest PostgreSQL that is installed.
func PostgresPrograms() (string, error) {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb") // Debian keeps them off the path
	if err == nil && len(found) > 0 {
		return filepath.Dir(slices.Max(found)), nil
	}
	path, err := exec.LookPath("initdb")
	if err != nil {
		return "", ErrNoPostgres
	}
	return filepath.Dir(path), nil
}

// StartPostgres starts an empty server in a folder that it makes. As root it
// runs as the user postgres, who must be able to reach the folder.
func StartPostgres(ctx context.Context, dir string, settings ...string) (*Postgres, error) {
	programs, err := PostgresPrograms()
	if err != nil {
		return nil, err
	}
	owner, err := postgresOwner()
	if err != nil {
		return nil, err
	}
	if err := initPostgres(programs, dir, owner); err != nil {
		return nil, err
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	args := []string{"-D", filepath.Join(dir, "data"), "-h", "127.0.0.1", "-p", strconv.Itoa(port), "-k", ""}
	for _, s := range settings {
		args = append(args, "-c", s)
	}
	proc, err := start(command{
		name: "postgres", path: filepath.Join(programs, "postgres"), args: args, dir: dir, credential: owner,
		goodbye: syscall.SIGINT, // its fast way: it does not wait for clients
	})
	if err != nil {
		return nil, err
	}
	p := &Postgres{Process: proc, url: fmt.Sprintf("postgres://%s@%s/postgres?sslmode=disable", postgresUser, loopback(port))}
	if err := proc.await(ctx, p.answers); err != nil {
		return nil, err
	}
	return p, nil
}

func (p *Postgres) answers(ctx context.Context) error {
	conn, err := p.Connect(ctx)
	if err != nil {
		return err
	}
	return conn.Close(ctx)
}

// Connect opens a connection of its own.
func (p *Postgres) Connect(ctx context.Context) (*pgx.Conn, error) {
	conn, err := pgx.Connect(ctx, p.url)
	if err != nil {
		return nil, fmt.Errorf("connect to postgres: %w", err)
	}
	return conn, nil
}

// postgresOwner is whom to run as: PostgreSQL refuses to be root.
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

func initPostgres(programs, dir string, owner *syscall.Credential) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make folder of postgres: %w", err)
	}
	if owner != nil {
		if err := os.Chown(dir, int(owner.Uid), int(owner.Gid)); err != nil {
			return fmt.Errorf("give folder to postgres: %w", err)
		}
	}
	initdb := exec.Command(filepath.Join(programs, "initdb"), "-D", filepath.Join(dir, "data"),
		"-U", postgresUser, "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
	initdb.Dir = dir
	initdb.SysProcAttr = &syscall.SysProcAttr{Credential: owner}
	if output, err := initdb.CombinedOutput(); err != nil {
		return fmt.Errorf("run initdb: %w: %s", err, output)
	}
	return nil
}
