package testserver

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"testing"

	"habeas.internal/services/internal/testserver/child"
)

// mariadbReady is what MariaDB prints when it serves.
const mariadbReady = "ready for connections"

// MariaDBServer is a MariaDB server in a process of its own: Start, Stop, Kill,
// Pause and Resume act on that process.
type MariaDBServer struct {
	*child.Server
	socket string
}

// MariaDB starts an empty MariaDB server on a unix socket. Settings are added
// to its command line, for example "--innodb-flush-log-at-trx-commit=2". It ends
// with the test.
func MariaDB(t testing.TB, settings ...string) *MariaDBServer {
	t.Helper()
	program, err := findMariaDB()
	if err != nil {
		t.Fatal(err)
	}
	dir, err := shortDir(t)
	if err != nil {
		t.Fatal(err)
	}
	who, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(dir, "data")
	if err := initMariaDB(data, who.Username); err != nil {
		t.Fatal(err)
	}
	m := &MariaDBServer{socket: filepath.Join(dir, "mariadb.sock")}
	command := child.Command{Name: "mariadbd", Path: program, Dir: dir, LogDir: t.TempDir(), Args: append([]string{
		"--no-defaults", "--user=" + who.Username, "--datadir=" + data, "--socket=" + m.socket,
		"--skip-networking", "--pid-file=" + filepath.Join(dir, "mariadb.pid"),
	}, settings...)}
	m.Server = child.NewServer(t, command, mariadbReady)
	if err := m.Start(); err != nil {
		t.Fatal(err)
	}
	return m
}

// DSN is the address of a database as the driver takes it; no password is asked
// for.
func (m *MariaDBServer) DSN(database string) string {
	return fmt.Sprintf("root@unix(%s)/%s", m.socket, database)
}

// findMariaDB also looks where Debian puts servers, which is not on everybody's
// path.
func findMariaDB() (string, error) {
	if path, err := exec.LookPath("mariadbd"); err == nil {
		return path, nil
	}
	const debian = "/usr/sbin/mariadbd"
	if _, err := os.Stat(debian); err == nil {
		return debian, nil
	}
	return "", errors.New("MariaDB is not installed: run `tools/setup mariadbd`")
}

// initMariaDB makes an empty data directory whose root user has no password.
func initMariaDB(data, username string) error {
	command := exec.Command("mariadb-install-db", "--no-defaults", "--user="+username,
		"--datadir="+data, "--auth-root-authentication-method=normal", "--skip-test-db")
	if output, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("run mariadb-install-db: %w\n%s", err, output)
	}
	return nil
}

// Socket is the path of the server's unix socket.
func (m *MariaDBServer) Socket() string { return m.socket }
