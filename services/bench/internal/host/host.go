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

// WatchStolen starts to watch and returns what tells the share of processor
// time since then that the host of this virtual machine gave to others.
func WatchStolen() func() float64 {
	stolen, total := stealing()
	return func() float64 {
		s, t := stealing()
		if t <= total {
			return 0
		}
		return (s - stolen) / (t - total)
	}
}

// stealing sums the first line of /proc/stat: user, nice, system, idle,
// waiting, two kinds of interrupts, stolen.
func stealing() (stolen, total float64) {
	fields := strings.Fields(firstLine("/proc/stat"))
	if len(fields) < 9 {
		return 0, 0
	}
	for i, text := range fields[1:9] {
		ticks, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return 0, 0
		}
		total += ticks
		if i == 7 {
			stolen = ticks
		}
	}
	return stolen, total
}

// OwnCPU is the processor time that this process has used.
func OwnCPU() (time.Duration, error) {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
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
