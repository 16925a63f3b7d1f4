package services_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
)

// source is one parsed Go file of ours; generated ones are not among them.
type source struct {
	path string // from the repository's top, with slashes
	set  *token.FileSet
	file *ast.File
}

// imported is one import of a file.
type imported struct {
	path string
	name string // as the file calls it
	spec *ast.ImportSpec
}

// declared is one type with the comment that belongs to it.
type declared struct {
	spec *ast.TypeSpec
	doc  *ast.CommentGroup
}

// load parses every hand-written Go file of the two modules under top.
func load(top fs.FS) ([]source, error) {
	var all []source
	for _, root := range []string{"proto", "services"} {
		if _, err := fs.Stat(top, root); err != nil {
			continue // a planted tree has only what it needs
		}
		err := fs.WalkDir(top, root, func(name string, entry fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if entry.IsDir() && (entry.Name() == "testdata" || name == "proto/gen") {
				return fs.SkipDir
			}
			if entry.IsDir() || path.Ext(name) != ".go" {
				return nil
			}
			s, err := parse(top, name)
			if err == nil && !ast.IsGenerated(s.file) {
				all = append(all, s)
			}
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("walk %s: %w", root, err)
		}
	}
	return all, nil
}

func parse(top fs.FS, name string) (source, error) {
	text, err := fs.ReadFile(top, name)
	if err != nil {
		return source{}, err
	}
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, name, text, parser.ParseComments|parser.SkipObjectResolution)
	return source{path: name, set: set, file: file}, err
}

// at says where in the file something is wrong.
func (s source) at(n ast.Node, format string, args ...any) string {
	return fmt.Sprintf("%s:%d: %s", s.path, s.set.Position(n.Pos()).Line, fmt.Sprintf(format, args...))
}

func (s source) dir() string { return path.Dir(s.path) }

func (s source) isTest() bool { return strings.HasSuffix(s.path, "_test.go") }

// under says whether the file lies in the folder or below it.
func (s source) under(folder string) bool { return strings.HasPrefix(s.path, folder+"/") }

// owner is the folder below services that the file belongs to; empty if none.
func (s source) owner() string {
	rest, _ := strings.CutPrefix(s.path, "services/")
	owner, _, inFolder := strings.Cut(rest, "/")
	if !inFolder || rest == s.path {
		return ""
	}
	return owner
}

func (s source) lines() int { return s.set.File(s.file.Pos()).LineCount() }

func (s source) imports() []imported {
	var found []imported
	for _, spec := range s.file.Imports {
		target, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			target = spec.Path.Value // the parser accepts no such file
		}
		name := path.Base(target)
		if spec.Name != nil {
			name = spec.Name.Name
		}
		found = append(found, imported{path: target, name: name, spec: spec})
	}
	return found
}

// selected returns the name that n picks out of the imported package, if it
// does that, whatever the file calls the package.
func (s source) selected(n ast.Node, target string) (string, bool) {
	selector, ok := n.(*ast.SelectorExpr)
	if !ok {
		return "", false
	}
	from, ok := selector.X.(*ast.Ident)
	isTarget := func(imp imported) bool { return ok && imp.path == target && imp.name == from.Name }
	return selector.Sel.Name, slices.ContainsFunc(s.imports(), isTarget)
}

func (s source) types() []declared {
	var found []declared
	for _, group := range s.groups(token.TYPE) {
		for _, spec := range group.Specs {
			t := spec.(*ast.TypeSpec)
			doc := t.Doc
			if doc == nil {
				doc = group.Doc
			}
			found = append(found, declared{spec: t, doc: doc})
		}
	}
	return found
}

// groups returns the file's top-level declarations of one kind.
func (s source) groups(kind token.Token) []*ast.GenDecl {
	var found []*ast.GenDecl
	for _, d := range s.file.Decls {
		if group, ok := d.(*ast.GenDecl); ok && group.Tok == kind {
			found = append(found, group)
		}
	}
	return found
}

func hasDirective(doc *ast.CommentGroup, directive string) bool {
	return doc != nil && slices.ContainsFunc(doc.List, func(c *ast.Comment) bool {
		return c.Text == directive || strings.HasPrefix(c.Text, directive+" ")
	})
}
