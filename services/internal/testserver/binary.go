package testserver

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
)

// nodePackage is the program that a node runs.
const nodePackage = "habeas.internal/services/internal/testserver/natsnode"

// unlinkedNode builds the node once per test process. It is a constant in all
// but name: every test gets the same program.
var unlinkedNode = sync.OnceValues(buildUnlinked)

// nodeBinary is the path of the node's program. On Linux the file has no name
// left and disappears with the process, so that nothing needs to be cleaned up
// and yet all tests of the process share one build.
func nodeBinary(t testing.TB) (string, error) {
	if runtime.GOOS != "linux" {
		path := filepath.Join(t.TempDir(), "natsnode")
		return path, buildNode(path)
	}
	file, err := unlinkedNode()
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), file.Fd()), nil
}

func buildUnlinked() (*os.File, error) {
	dir, err := os.MkdirTemp("", "natsnode")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // an empty folder stays, at worst
	path := filepath.Join(dir, "natsnode")
	if err := buildNode(path); err != nil {
		return nil, err
	}
	return os.Open(path)
}

func buildNode(path string) error {
	build := exec.Command("go", "build", "-o", path, nodePackage)
	if output, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build %s: %w\n%s", nodePackage, err, output)
	}
	return nil
}
