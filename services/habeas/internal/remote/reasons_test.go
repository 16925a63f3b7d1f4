package remote_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"habeas.internal/services/habeas/internal/remote"
)

// TestEveryReasonHasItsOwnRemedy walks the sources of the four services and of what
// they share for the reasons with which a caller is refused.
func TestEveryReasonHasItsOwnRemedy(t *testing.T) {
	found := reasons(t, "../../..")
	if len(found) < 200 {
		t.Errorf("only %d reasons found: this test looks in the wrong place", len(found))
	}
	for _, reason := range slices.Sorted(maps.Keys(found)) {
		if !own(reason) {
			t.Errorf("%s (%s) has no line in remedies.txt: what can a caller do about it?", reason, found[reason])
		}
	}
	for _, line := range lines(t) {
		reason := regexp.MustCompile(`^[A-Z0-9_]+`).FindString(line)
		if found[reason] == "" {
			t.Errorf("remedies.txt: no service gives %s", reason)
		}
		if !regexp.MustCompile(`^[A-Z0-9_]+( [a-z_.]+)?: \S.*[^.\s]$`).MatchString(line) {
			t.Errorf("remedies.txt: %q is malformed", line)
		}
	}
	if all := lines(t); !slices.IsSorted(all) || len(slices.Compact(slices.Clone(all))) != len(all) {
		t.Error("remedies.txt is not in the order of its reasons")
	}
}

// TestAReasonThatNobodyKnowsHasTheAdviceOfItsCode and no other.
func TestAReasonThatNobodyKnowsHasTheAdviceOfItsCode(t *testing.T) {
	for _, reason := range []string{"", "SOME_REASON", "TENANT", "CONTENDED "} {
		if own(reason) {
			t.Errorf("%q has a remedy", reason)
		}
	}
}

// own reports whether a reason has a remedy of its own: the code has none here.
func own(reason string) bool {
	e := remote.Error{Reason: reason}
	return e.Advice() != ""
}

func lines(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile("remedies.txt")
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
}

// reasons are the codes of all refusals, and where each is.
func reasons(t *testing.T, root string) map[string]string {
	t.Helper()
	w := walk{found: map[string]string{}, named: map[string]map[string]string{}}
	packages := map[string][]*ast.File{}
	set := token.NewFileSet()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || !ours(strings.TrimPrefix(path, root+"/")) {
			return err
		}
		file, err := parser.ParseFile(set, path, nil, parser.SkipObjectResolution)
		packages[filepath.Dir(path)] = append(packages[filepath.Dir(path)], file)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for dir, files := range packages {
		w.learn(dir, files)
	}
	for dir, files := range packages {
		for _, file := range files {
			ast.Inspect(file, func(n ast.Node) bool {
				for _, e := range told(n) {
					w.note(dir, e, fmt.Sprint(set.Position(e.Pos())))
				}
				return true
			})
		}
	}
	return w.found
}

// ours are the files of which callers may be told a reason.
func ours(path string) bool {
	for _, dir := range []string{"identity/", "consent/", "retention/", "fulfilment/", "internal/rpc/", "internal/es/esfault/", "internal/keyclient/"} {
		if strings.HasPrefix(path, dir) {
			return true
		}
	}
	return false
}

type walk struct {
	found map[string]string
	named map[string]map[string]string // constants of texts, by folder
}

func (w walk) learn(dir string, files []*ast.File) {
	w.named[dir] = map[string]string{}
	for _, file := range files {
		ast.Inspect(file, func(n ast.Node) bool {
			if v, ok := n.(*ast.ValueSpec); ok {
				for i, e := range v.Values {
					if text, ok := literal(e); ok {
						w.named[dir][v.Names[i].Name] = text
					}
				}
			}
			return true
		})
	}
}

var code = regexp.MustCompile(`^[A-Z][A-Z0-9]*(_[A-Z0-9]+)*$`)

func (w walk) note(dir string, e ast.Expr, at string) {
	text, ok := literal(e)
	if name, isName := e.(*ast.Ident); isName {
		text, ok = w.named[dir][name.Name]
	}
	if ok && code.MatchString(text) {
		w.found[text] = at
	}
}

func literal(e ast.Expr) (string, bool) {
	lit, ok := e.(*ast.BasicLit)
	if !ok || lit.Kind != token.STRING {
		return "", false
	}
	text, err := strconv.Unquote(lit.Value)
	return text, err == nil
}

// told are the reasons that a node gives callers: a row of an error table, a fault,
// or a domain's refusal.
func told(n ast.Node) []ast.Expr {
	switch n := n.(type) {
	case *ast.CallExpr:
		switch f := n.Fun.(type) {
		case *ast.SelectorExpr:
			if of, ok := f.X.(*ast.Ident); ok && of.Name == "fault" && (f.Sel.Name == "New" || f.Sel.Name == "Later") {
				return n.Args[1:2]
			}
			if f.Sel.Name == "Because" || f.Sel.Name == "Unmet" || len(n.Args) == 1 && (f.Sel.Name == "Refusal" || f.Sel.Name == "Error") {
				return n.Args[:1]
			}
		case *ast.Ident:
			if len(n.Args) == 1 && (f.Name == "Refusal" || f.Name == "Error") {
				return n.Args
			}
		}
	case *ast.ValueSpec:
		if of, ok := n.Type.(*ast.Ident); ok && of.Name == "Refusal" {
			return n.Values
		}
	case *ast.CompositeLit:
		return row(n)
	}
	return nil
}

// row is the reason of a row, known by the code beside it.
func row(lit *ast.CompositeLit) (reason []ast.Expr) {
	ours := false
	for _, e := range lit.Elts {
		pair, ok := e.(*ast.KeyValueExpr)
		if !ok {
			continue
		}
		switch key, _ := pair.Key.(*ast.Ident); {
		case key == nil:
		case key.Name == "Reason":
			reason = []ast.Expr{pair.Value}
		case key.Name == "Code":
			ours = true
		}
	}
	if !ours {
		return nil
	}
	return reason
}
