package conformance_test

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// promise is one row of docs/promises.md and the test that shows it.
type promise struct {
	id   string
	show func(t *testing.T, w *world) // nil: not yet
	// part shows what holds already of a promise that isn't kept whole: if it
	// breaks, so does the row, and if it holds, the row is not yet kept.
	part func(t *testing.T, w *world)
}

// notYet is the reason with which a row without a test is skipped, so that it
// is never counted as kept.
const notYet = "not yet"

// outEnv names a file that takes the table.
const outEnv = "HABEAS_CONFORMANCE_OUT"

// TestPromises shows every promise and prints the table.
func TestPromises(t *testing.T) {
	w := newWorld(t)
	verdicts := map[string]string{}
	for _, p := range promises() {
		verdicts[p.id] = "not run" // unless the caller has selected it
		t.Run(p.id, func(t *testing.T) {
			verdicts[p.id] = "BROKEN"
			if p.show != nil {
				w.runs(t, p.show)
			} else if p.part != nil {
				w.runs(t, p.part)
			}
			switch {
			case t.Failed():
			case p.show == nil:
				verdicts[p.id] = notYet
				t.Skip("not yet")
			default:
				verdicts[p.id] = "kept"
			}
		})
	}
	table := render(t, verdicts)
	t.Log("\n" + table)
	if path := os.Getenv(outEnv); path != "" {
		if err := os.WriteFile(path, []byte(table), 0o644); err != nil {
			t.Error(err)
		}
	}
}

// runs does what shows a promise, or a part of it.
func (w *world) runs(t *testing.T, show func(t *testing.T, w *world)) {
	t.Helper()
	row := w.of(t)
	show(t, row)
	row.settle()
}

var row = regexp.MustCompile(`(?m)^\| ([A-Z]{2}-\d\d) \| ([^|]+) \|`)

// documented reads the ids and promises that the documentation lists.
func documented(t *testing.T) [][2]string {
	t.Helper()
	text, err := os.ReadFile("../../docs/promises.md")
	if err != nil {
		t.Fatal(err)
	}
	var out [][2]string
	for _, m := range row.FindAllStringSubmatch(string(text), -1) {
		out = append(out, [2]string{m[1], strings.TrimSpace(m[2])})
	}
	return out
}

// render is the table with its counts.
func render(t *testing.T, verdicts map[string]string) string {
	t.Helper()
	var b strings.Builder
	counts := map[string]int{}
	for _, d := range documented(t) {
		verdict := verdicts[d[0]]
		counts[verdict]++
		fmt.Fprintf(&b, "%-6s %-8s %s\n", d[0], verdict, d[1])
	}
	fmt.Fprintf(&b, "\n%d promises: %d kept, %d not yet, %d broken\n", len(verdicts), counts["kept"], counts[notYet], counts["BROKEN"])
	return b.String()
}

// TestEveryPromiseHasARow holds the list of tests against the documentation:
// the same 69 ids in the same order, each once.
func TestEveryPromiseHasARow(t *testing.T) {
	var written, tested []string
	for _, d := range documented(t) {
		written = append(written, d[0])
	}
	for _, p := range promises() {
		tested = append(tested, p.id)
	}
	if len(written) != 69 || !slices.Equal(written, tested) {
		t.Errorf("docs/promises.md has %d rows, the tests %d; they must be the same 69 in the same order", len(written), len(tested))
	}
}
