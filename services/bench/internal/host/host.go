// Package host tells what a benchmark runs on and what it uses of it. On
// Linux it knows everything; elsewhere processor time of other processes and
// some of the description are missing and read as zero or "unknown".
package host

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const unknown = "unknown"

// Machine is what figures depend on.
type Machine struct {
	Cores      int
	Processor  string
	Memory     string
	Kernel     string
	FileSystem string // of the folder that the benchmark writes to
}

// Describe looks at this machine and the file system of dir.
func Describe(dir string) Machine {
	return Machine{
		Cores:      runtime.NumCPU(),
		Processor:  field("/proc/cpuinfo", "model name"),
		Memory:     gigabytes(field("/proc/meminfo", "MemTotal")),
		Kernel:     runtime.GOOS + " " + firstLine("/proc/sys/kernel/osrelease"),
		FileSystem: fileSystem(dir),
	}
}

// LoadAverage is the number of processes that wanted to run during the last
// minute: figures of a machine that does something else meanwhile mean little.
func LoadAverage() string {
	one, _, _ := strings.Cut(firstLine("/proc/loadavg"), " ")
	return one
}

// Use is how this machine's processor time was used, as shares of all of it.
type Use struct {
	Stolen float64 // by the host of a virtual machine, for others
	Others float64 // by what is neither this process nor a child of it
}

// Watch starts to watch the machine and returns what tells how it was used
// since then. Children count once they have ended.
func Watch() func() Use {
	before := readTimes()
	return func() Use {
		after := readTimes()
		all := after.all - before.all
		if all <= 0 {
			return Use{}
		}
		others := after.busy - before.busy - (after.ours - before.ours)
		return Use{Stolen: (after.stolen - before.stolen) / all, Others: max(0, others/all)}
	}
}

// times are in seconds since whenever.
type times struct{ all, busy, stolen, ours float64 }

// readTimes sums the first line of /proc/stat: user, nice, system, idle,
// waiting, two kinds of interrupts, stolen.
func readTimes() times {
	var t times
	fields := strings.Fields(firstLine("/proc/stat"))
	if len(fields) < 9 {
		return t
	}
	for i, text := range fields[1:9] {
		ticks, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return times{}
		}
		seconds := ticks * tick.Seconds()
		t.all += seconds
		switch i {
		case 3, 4: // idle, waiting
		case 7:
			t.stolen = seconds
		default:
			t.busy += seconds
		}
	}
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		if used, err := rusage(who); err == nil {
			t.ours += used.Seconds()
		}
	}
	return t
}

// tick is what /proc counts processor time in, on every Linux.
const tick = 10 * time.Millisecond

// OwnCPU is the processor time that this process has used.
func OwnCPU() (time.Duration, error) { return rusage(syscall.RUSAGE_SELF) }

func rusage(who int) (time.Duration, error) {
	var usage syscall.Rusage
	if err := syscall.Getrusage(who, &usage); err != nil {
		return 0, fmt.Errorf("getrusage: %w", err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano()), nil
}

func firstLine(path string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return unknown
	}
	line, _, _ := strings.Cut(string(text), "\n")
	return strings.TrimSpace(line)
}

// field is the value of the first "name: value" line of a file.
func field(path, name string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return unknown
	}
	for line := range strings.Lines(string(text)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return unknown
}

func gigabytes(text string) string {
	var kilobytes float64
	if _, err := fmt.Sscanf(text, "%f kB", &kilobytes); err != nil {
		return unknown
	}
	return fmt.Sprintf("%.0f GiB", kilobytes/(1<<20))
}
