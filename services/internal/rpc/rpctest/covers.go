package rpctest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"habeas.internal/services/internal/rpc/fault"
)

// TableCovers fails the test if an exported error of the package in dir has no
// row in the table. It reads the source: exported variables named Err… must be
// made by errors.New with a text of their own, by which they are found in the
// table; exported types with a method Error() string must have a row made by
// fault.Type. Names in except are errors that no handler can meet, such as
// those that only stop a process at its start.
func TableCovers(t testing.TB, table fault.Table, dir string, except ...string) {
	t.Helper()
	files, err := parse(dir)
	if err != nil {
		t.Fatalf("read package: %v", err)
	}
	found := 0
	for _, file := range files {
		errs := collect(file)
		found += len(errs)
		for _, e := range errs {
			if !slices.Contains(except, e.name) {
				e.check(t, table, file.Name.Name)
			}
		}
	}
	if found == 0 {
		t.Errorf("no exported error in %s: the path may be wrong", dir)
	}
}

// parse reads the Go files of a folder but its tests.
func parse(dir string) ([]*ast.File, error) {
	names, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return nil, err
	}
	var files []*ast.File
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		files = append(files, file)
	}
	return files, nil
}

// exported is one error that a package shows to its callers.
type exported struct {
	name string
	text string // of a variable made by errors.New; else empty
	kind bool   // a type
}

func (e exported) check(t testing.TB, table fault.Table, pkg string) {
	t.Helper()
	switch {
	case e.kind && !hasText(table, pkg+"."+e.name) && !hasText(table, "*"+pkg+"."+e.name):
		t.Errorf("type %s.%s has no row: add fault.Type[...]()", pkg, e.name)
	case !e.kind && e.text == "":
		t.Errorf("%s.%s is not made by errors.New with a literal text", pkg, e.name)
	case !e.kind && !hasText(table, e.text):
		t.Errorf("%s.%s has no row", pkg, e.name)
	}
}

func hasText(table fault.Table, text string) bool {
	return slices.ContainsFunc(table, func(r fault.Row) bool { return r.Err != nil && r.Err.Error() == text })
}

func collect(file *ast.File) []exported {
	var all []exported
	for _, decl := range file.Decls {
		switch d := decl.(type) {
		case *ast.GenDecl:
			all = append(all, variables(d)...)
		case *ast.FuncDecl:
			all = append(all, errorType(d)...)
		}
	}
	return all
}

func variables(d *ast.GenDecl) []exported {
	var all []exported
	for _, spec := range d.Specs {
		v, ok := spec.(*ast.ValueSpec)
		if !ok || d.Tok != token.VAR {
			continue
		}
		for i, name := range v.Names {
			if strings.HasPrefix(name.Name, "Err") && i < len(v.Values) {
				all = append(all, exported{name: name.Name, text: literal(v.Values[i])})
			}
		}
	}
	return all
}

// literal returns the text in errors.New("text"), or "".
func literal(value ast.Expr) string {
	call, ok := value.(*ast.CallExpr)
	if !ok || len(call.Args) != 1 {
		return ""
	}
	fn, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || fn.Sel.Name != "New" {
		return ""
	}
	text, ok := call.Args[0].(*ast.BasicLit)
	if !ok {
		return ""
	}
	plain, err := strconv.Unquote(text.Value)
	if err != nil {
		return ""
	}
	return plain
}

// errorType returns the exported type that d makes an error.
func errorType(d *ast.FuncDecl) []exported {
	if d.Recv == nil || d.Name.Name != "Error" || len(d.Type.Params.List) != 0 {
		return nil
	}
	receiver := d.Recv.List[0].Type
	if pointer, ok := receiver.(*ast.StarExpr); ok {
		receiver = pointer.X
	}
	name, ok := receiver.(*ast.Ident)
	if !ok || !name.IsExported() {
		return nil
	}
	return []exported{{name: name.Name, kind: true}}
}
