package host

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// MemoryFileSystem is what Machine.FileSystem says of a folder that no disk
// stands behind.
const MemoryFileSystem = "tmpfs"

// Datasync makes a file's content durable.
func Datasync(file *os.File) error { return syscall.Fdatasync(int(file.Fd())) }

// Attributes makes the kernel kill the child when this process dies. The
// child leads a group, so that its own children can be signalled with it.
func Attributes(credential *syscall.Credential) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL, Credential: credential}
}

func fileSystem(dir string) string {
	names := map[int64]string{
		0x01021994: MemoryFileSystem, 0xEF53: "ext4", 0x58465342: "xfs", 0x9123683E: "btrfs", 0x794c7630: "overlayfs", 0x2fc12fc1: "zfs",
	}
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return unknown
	}
	if name, ok := names[int64(s.Type)]; ok {
		return name
	}
	return fmt.Sprintf("type %#x", s.Type)
}

// TreeCPU is the processor time that a process and its living children have
// used.
func TreeCPU(pid int) (time.Duration, error) {
	root, err := readStat(pid)
	if err != nil {
		return 0, err
	}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return 0, fmt.Errorf("list processes: %w", err)
	}
	total := root.used
	for _, e := range entries {
		child, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		s, err := readStat(child)
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH) || err == nil && s.parent != pid {
			continue // ended meanwhile, or not ours
		}
		if err != nil {
			return 0, err
		}
		total += s.used
	}
	return total, nil
}

type stat struct {
	parent int
	used   time.Duration
}

// readStat reads /proc/<pid>/stat. The program's name comes second, in
// parentheses, and may hold anything; fields are counted from behind it.
func readStat(pid int) (stat, error) {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return stat{}, err
	}
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	if len(fields) < 13 {
		return stat{}, fmt.Errorf("read stat of process %d: %d fields", pid, len(fields))
	}
	parent, err1 := strconv.Atoi(fields[1])
	user, err2 := strconv.ParseInt(fields[11], 10, 64)
	system, err3 := strconv.ParseInt(fields[12], 10, 64)
	return stat{parent: parent, used: time.Duration(user+system) * tick}, errors.Join(err1, err2, err3)
}
