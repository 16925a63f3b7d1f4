package fault_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
)

// TestTextsForCallersAreConstant walks the source of all services: what a caller
// reads is written down as it is, so that no value gets into it.
func TestTextsForCallersAreConstant(t *testing.T) {
	const root = "../../.."
	found := 0
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || filepath.Dir(path) == root+"/internal/rpc/fault" {
			return err
		}
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			for _, text := range texts(n) {
				if found++; !constant(text) && reviewed()[strings.TrimPrefix(path, root+"/")] == "" {
					t.Errorf("%s: a text for callers is not constant", set.Position(text.Pos()))
				}
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if found < 60 {
		t.Errorf("only %d texts found: this test looks in the wrong place", found)
	}
}

// reviewed are the files whose texts are not literals, and what they are.
func reviewed() map[string]string {
	return map[string]string{
		"consent/internal/rpc/decisions.go":      "one of the literals below it",
		"consent/internal/rpc/policies.go":       "a line of a policy and what is wrong with it, in a literal of policydoc",
		"internal/policydoc/decode.go":           "passes on a literal",
		"internal/policydoc/lint.go":             "passes on a literal",
		"fulfilment/internal/rpc/errors.go":      "names of a description of a system, which hold nobody's data",
		"fulfilment/internal/rpc/spelling.go":    "one of the literals above it",
		"fulfilment/internal/rpc/agents.go":      "literals of drp, and what identity says, whose texts are held to the same here",
		"identity/internal/mandates/mandates.go": "a literal of identifier",
		"identity/internal/rpc/agents.go":        "literals of drp and of identifier",
		"identity/internal/rpc/normal.go":        "a literal of identifier",
		"identity/internal/rpc/place.go":         "the codes of calendars, a closed list",
		"internal/rpc/cards.go":                  "a named constant",
	}
}

// texts are what a node gives callers to read: of answers, and of rows and
// fields in package fault's words.
func texts(n ast.Node) []ast.Expr {
	switch n := n.(type) {
	case *ast.CallExpr:
		switch name := selector(n.Fun); {
		case (name == "fault.New" || name == "fault.Later") && len(n.Args) >= 3:
			return n.Args[2:3]
		case (strings.HasSuffix(name, ".Because") || strings.HasSuffix(name, ".Unmet")) && len(n.Args) == 2:
			return n.Args[1:]
		}
	case *ast.CompositeLit:
		return fields(n)
	}
	return nil
}

// fields are the texts of rows and field errors, whose type is often left out in
// a table: they are known by the fields beside the text.
func fields(lit *ast.CompositeLit) []ast.Expr {
	var text []ast.Expr
	ours := false
	for _, e := range lit.Elts {
		pair, ok := e.(*ast.KeyValueExpr)
		if !ok {
			continue
		}
		switch key, _ := pair.Key.(*ast.Ident); {
		case key == nil:
		case key.Name == "Text":
			text = append(text, pair.Value)
		case key.Name == "Rule" || key.Name == "Code":
			ours = true
		}
	}
	if !ours {
		return nil
	}
	return text
}

func selector(e ast.Expr) string {
	s, ok := e.(*ast.SelectorExpr)
	if !ok {
		return ""
	}
	if of, ok := s.X.(*ast.Ident); ok {
		return of.Name + "." + s.Sel.Name
	}
	return "." + s.Sel.Name
}

// constant accepts literals and sums of them.
func constant(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.BasicLit:
		return e.Kind == token.STRING && !strings.Contains(e.Value, "%")
	case *ast.BinaryExpr:
		return constant(e.X) && constant(e.Y)
	default:
		return false
	}
}
