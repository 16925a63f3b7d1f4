package story_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	fulfilmentv1 "habeas.internal/proto/gen/habeas/fulfilment/v1"
	"habeas.internal/services/systemtest/stack"

	"github.com/google/go-cmp/cmp"
)

// cutOffs are the steps at which fulfilment is killed.
type cutOffs struct {
	// atOnce are steps of an erasure after which the next process goes on at once,
	// afterPermit those at which a permit may be open, so that it first waits until
	// that has ended.
	atOnce, afterPermit []string
	// ofAnAccess are steps of an access request.
	ofAnAccess []string
}

// cutOffPoints are those of every run, and those that differ less from others,
// which the tag long adds.
func cutOffPoints() (always, more cutOffs) {
	always = cutOffs{
		atOnce: []string{"docket_entered", "consent_restricted", "located", "own_identifiers_suppressed", "subject_forgotten"},
		afterPermit: []string{
			"permitted", "leaves_started", "suppressed", "changes_announced", "erased", "absence_verified", "leaves_completed",
		},
		ofAnAccess: []string{"package_written"},
	}
	more = cutOffs{
		atOnce:      []string{"verification_asked", "before_manifest", "consent_told", "notice_drafted", "docket_left", "key_destroyed"},
		afterPermit: []string{"permit_ended"},
		ofAnAccess:  []string{"package_begun"},
	}
	return always, more
}

// notKilledAt are steps that no run here reaches, and why. The tests of carry
// cut them off in memory.
func notKilledAt() map[string]string {
	const overtaken = "only an erasure that an access overtakes at its last moment comes there"
	const staffless = "nobody is assigned to the requests of this run"
	return map[string]string{
		"package_deleted": "a package lives an hour at least", "turn_refused": overtaken, "turn_yielded": overtaken,
		"turn_given_away": "only an erasure that a hold binds when an access comes gets there",
		"need_granted":    staffless, "need_ended": staffless,
	}
}

// crashPoints are the steps at which this run kills.
func crashPoints() cutOffs {
	c, more := cutOffPoints()
	if everyPoint {
		c.atOnce = append(c.atOnce, more.atOnce...)
		c.afterPermit = append(c.afterPermit, more.afterPermit...)
		c.ofAnAccess = append(c.ofAnAccess, more.ofAnAccess...)
	}
	return c
}

// TestEveryPointOfACrashIsListed holds the lists against the points at which
// fulfilment's code says that it may die.
func TestEveryPointOfACrashIsListed(t *testing.T) {
	always, more := cutOffPoints()
	listed := slices.Concat(always.atOnce, always.afterPermit, always.ofAnAccess, more.atOnce, more.afterPermit, more.ofAnAccess)
	code := codePoints(t)
	for _, point := range code {
		if _, excused := notKilledAt()[point]; !excused && !slices.Contains(listed, point) {
			t.Errorf("%s is a point in the code and in no list", point)
		}
	}
	for _, point := range listed {
		if !slices.Contains(code, point) {
			t.Errorf("%s is listed and no point in the code", point)
		}
	}
}

// codePoints are the values of carry's constants Point…, which another module's
// test cannot import.
func codePoints(t *testing.T) []string {
	t.Helper()
	path := filepath.Join("..", "..", "fulfilment", "internal", "carry", "points.go")
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || !strings.HasPrefix(spec.Names[0].Name, "Point") {
			return true
		}
		literal, ok := spec.Values[0].(*ast.BasicLit)
		if !ok {
			t.Fatalf("%s is no literal", spec.Names[0].Name)
		}
		point, err := strconv.Unquote(literal.Value)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, point)
		return true
	})
	return out
}

// anAccessEndsTheSame kills the service at a step of an access request: the
// package of the next process equals what the database holds.
func (w *world) anAccessEndsTheSame(t *testing.T, program, point string, c customer) {
	untouched := c.db.Checksums(t, nil)
	request := w.killedAt(t, program, point, fulfilmentv1.Right_RIGHT_ACCESS, c)
	again := w.Launch("fulfilment", program)
	defer again.Kill()
	closed := w.Closed(tenant, request)
	if closed.GetOutcome() != fulfilmentv1.Outcome_OUTCOME_COMPLETE {
		t.Errorf("access ended as %v", closed.GetOutcome())
	}
	if diff := cmp.Diff(c.byHand(t), c.packaged(t, w.Package(tenant, request))); diff != "" {
		t.Errorf("what is shown is not what is there (-there +shown):\n%s", diff)
	}
	if diff := cmp.Diff(untouched, c.db.Checksums(t, nil)); diff != "" {
		t.Errorf("looking changed something (-before +after):\n%s", diff)
	}
}

// program is fulfilment as a process that can be killed at a step, in place of
// the one that runs.
func (w *world) program(t *testing.T) string {
	t.Helper()
	program := stack.Build(t, "habeas.internal/services/fulfilment/cmd/fulfilmentd", "long")
	if err := w.StopOne("fulfilment"); err != nil {
		t.Fatal(err)
	}
	return program
}
