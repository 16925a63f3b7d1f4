//go:build unix && !linux

package host

import (
	"os"
	"syscall"
	"time"
)

// MemoryFileSystem is what Machine.FileSystem says of a folder that no disk
// stands behind.
const MemoryFileSystem = "tmpfs"

// Datasync makes a file's content durable.
func Datasync(file *os.File) error { return file.Sync() }

// Attributes cannot tie the child to this process here. The child leads a
// group, so that its own children can be signalled with it.
func Attributes(credential *syscall.Credential) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Credential: credential}
}

func fileSystem(string) string { return unknown }

// TreeCPU is not known here.
func TreeCPU(int) (time.Duration, error) { return 0, nil }
