package rpctest_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"

	"habeas.internal/services/internal/rpc/fault"
	"habeas.internal/services/internal/rpc/rpctest"
)

// listener keeps what a test would have said.
type listener struct {
	testing.TB
	said []string
}

func (l *listener) Helper()                      {}
func (l *listener) Errorf(form string, a ...any) { l.said = append(l.said, fmt.Sprintf(form, a...)) }

// covered has the name that the type in testdata would have in a table.
type covered struct{}

func (covered) Error() string { return "sample.CoveredError" }

func TestErrorsWithoutARowAreNamed(t *testing.T) {
	table := fault.Table{
		{Err: errors.New("covered"), Code: codes.Aborted, Reason: "X"},
		{Err: covered{}, Code: codes.Aborted, Reason: "X"},
	}
	l := &listener{TB: t}
	rpctest.TableCovers(l, table, "testdata/sample", "ErrStart")
	slices.Sort(l.said)
	want := []string{
		"sample.ErrBuilt is not made by errors.New with a literal text",
		"sample.ErrMissing has no row",
		"type sample.MissingError has no row: add fault.Type[...]()",
	}
	if diff := cmp.Diff(want, l.said); diff != "" {
		t.Error(diff)
	}
}

func TestAFolderWithoutErrorsIsAMistake(t *testing.T) {
	l := &listener{TB: t}
	rpctest.TableCovers(l, nil, t.TempDir())
	if len(l.said) != 1 {
		t.Errorf("said %v", l.said)
	}
}

func TestTypesAreFoundByTheirName(t *testing.T) {
	l := &listener{TB: t}
	rpctest.TableCovers(l, fault.Table{
		{Err: fault.Type[*fault.Fault](), Code: codes.Aborted, Reason: "X"},
		{Err: fault.Type[fault.FieldErrors](), Code: codes.Aborted, Reason: "X"},
	}, "../fault")
	if len(l.said) != 0 {
		t.Errorf("said %v", l.said)
	}
	if err := fault.Type[*fault.Fault](); err.Error() != "*fault.Fault" {
		t.Errorf("a row's type is called %q", err)
	}
}
