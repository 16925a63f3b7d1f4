//go:build long

package stack_test

import (
	"os"
	"strconv"
	"strings"
	"testing"

	"habeas.internal/services/systemtest/stack"
)

// mostAtRest is what a service may hold when nothing happens.
const mostAtRest = 60 << 20

// TestAServiceAtRestIsSmall runs each service as a process of its own and reads
// what it holds in memory once all of them answer.
func TestAServiceAtRestIsSmall(t *testing.T) {
	s := stack.New(t)
	pids := map[string]int{}
	for _, name := range stack.Names() {
		program := stack.Build(t, "habeas.internal/services/"+name+"/cmd/"+name+"d", "")
		pids[name] = s.Launch(name, program).Pid()
	}
	for _, name := range stack.Names() {
		held := resident(t, pids[name])
		t.Logf("%s holds %.1f MiB", name, float64(held)/(1<<20))
		if held > mostAtRest {
			t.Errorf("%s holds %d bytes at rest, want at most %d", name, held, mostAtRest)
		}
	}
}

// resident is a process's resident memory in bytes.
func resident(t *testing.T, pid int) int {
	t.Helper()
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kib, err := strconv.Atoi(strings.Fields(rest)[0])
			if err != nil {
				t.Fatal(err)
			}
			return kib << 10
		}
	}
	t.Fatal("the process has no resident memory")
	return 0
}
