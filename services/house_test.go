package services_test

import (
	"fmt"
	"go/ast"
	"go/build/constraint"
	"go/token"
	"maps"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// packageComments: a reader who opens a folder is told what it is for.
func packageComments(all []source) []string {
	said := map[string]bool{}
	for _, s := range all {
		said[s.dir()] = said[s.dir()] || introduces(s)
	}
	var found []string
	for _, dir := range slices.Sorted(maps.Keys(said)) {
		if !said[dir] {
			found = append(found, dir+": no file has a comment that starts with 'Package <name>' or 'Command <name>'")
		}
	}
	return found
}

func introduces(s source) bool {
	text := s.file.Doc.Text()
	if s.file.Name.Name == "main" {
		return strings.HasPrefix(text, "Command ")
	}
	return strings.HasPrefix(text, "Package "+s.file.Name.Name+" ")
}

// serviceDocs: doc.go is where a service's states, rules and streams are told.
func serviceDocs(all []source) []string {
	documented := map[string]bool{}
	for _, s := range all {
		if slices.Contains(allServices(), s.owner()) {
			documented[s.owner()] = documented[s.owner()] || s.path == "services/"+s.owner()+"/doc.go"
		}
	}
	var found []string
	for _, service := range slices.Sorted(maps.Keys(documented)) {
		if !documented[service] {
			found = append(found, "services/"+service+": has no doc.go")
		}
	}
	return found
}

func packageNames(all []source) []string {
	vague := []string{
		"base", "common", "helper", "helpers", "impl", "lib", "manager",
		"misc", "shared", "types", "util", "utils",
	}
	var found []string
	for _, s := range all {
		if slices.Contains(vague, s.file.Name.Name) {
			found = append(found, s.at(s.file.Name, "package %s says nothing; name what it offers", s.file.Name.Name))
		}
	}
	return found
}

func fileLengths(all []source) []string {
	const most = 400
	var found []string
	for _, s := range all {
		if s.lines() > most {
			found = append(found, fmt.Sprintf("%s: %d lines; split it by subject", s.path, s.lines()))
		}
	}
	return found
}

func noInit(all []source) []string {
	var found []string
	for _, s := range all {
		for _, d := range s.file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "init" {
				found = append(found, s.at(f, "has an init function; let main call what it needs"))
			}
		}
	}
	return found
}

// noMutableVariables finds variables that can only be of use if something
// changes them: those without a value, and locks, counters, channels and maps
// that start out empty.
func noMutableVariables(all []source) []string {
	var found []string
	for _, s := range all {
		for _, group := range s.groups(token.VAR) {
			for _, spec := range group.Specs {
				v := spec.(*ast.ValueSpec)
				embedded := hasDirective(group.Doc, "//go:embed") || hasDirective(v.Doc, "//go:embed")
				if !embedded && changes(s, v) {
					found = append(found, s.at(v, "package variable %s changes; make it a field", v.Names[0].Name))
				}
			}
		}
	}
	return found
}

func changes(s source, v *ast.ValueSpec) bool {
	return len(v.Values) == 0 || slices.ContainsFunc(v.Values, func(value ast.Expr) bool {
		switch e := value.(type) {
		case *ast.CallExpr:
			name, ok := e.Fun.(*ast.Ident)
			return ok && (name.Name == "make" || name.Name == "new")
		case *ast.CompositeLit:
			_, isLock := s.selected(e.Type, "sync")
			_, isCounter := s.selected(e.Type, "sync/atomic")
			return isLock || isCounter
		default:
			return false
		}
	})
}

func openTasks(all []source) []string {
	open := regexp.MustCompile(`\b(TODO|FIXME|XXX|HACK)\b`)
	named := regexp.MustCompile(`\bTODO\(#[0-9]+\)`)
	var found []string
	for _, s := range all {
		for _, group := range s.file.Comments {
			for _, c := range group.List {
				if open.MatchString(c.Text) && !named.MatchString(c.Text) {
					found = append(found, s.at(c, "write TODO(#n) with the issue's number, or do it"))
				}
			}
		}
	}
	return found
}

// allowedSkips are the only reasons for which a test may not run, beside
// -short, which no verb sets. A missing server is none of them: then the test
// fails.
func allowedSkips() []string {
	return []string{
		"PostgreSQL is not installed; make bench installs it", // compared with, never depended on
		"the input is outside what the rule speaks of",        // fuzz targets
		"not yet", // a promise that nothing shows yet: counted apart, never as kept
	}
}

func skippedTests(all []source) []string {
	var found []string
	for _, s := range all {
		short := shortened(s)
		for n := range ast.Preorder(s.file) {
			call, ok := n.(*ast.CallExpr)
			if !ok || !skips(s, call) || slices.Contains(allowedSkips(), reason(call)) {
				continue
			}
			if !short[call] || !strings.HasPrefix(reason(call), "short: ") {
				found = append(found, s.at(call, "skips; give one of %q, or 'short: <cost>' if testing.Short()", allowedSkips()))
			}
		}
	}
	return found
}

// shortened returns the calls of a file that are made under testing.Short() only.
func shortened(s source) map[*ast.CallExpr]bool {
	found := map[*ast.CallExpr]bool{}
	for n := range ast.Preorder(s.file) {
		branch, ok := n.(*ast.IfStmt)
		if !ok {
			continue
		}
		condition, ok := branch.Cond.(*ast.CallExpr)
		if !ok {
			continue
		}
		if name, ok := s.selected(condition.Fun, "testing"); !ok || name != "Short" {
			continue
		}
		for inner := range ast.Preorder(branch.Body) {
			if call, ok := inner.(*ast.CallExpr); ok {
				found[call] = true
			}
		}
	}
	return found
}

func skips(s source, call *ast.CallExpr) bool {
	method, ok := call.Fun.(*ast.SelectorExpr)
	testing := slices.ContainsFunc(s.imports(), func(imp imported) bool { return imp.path == "testing" })
	return ok && testing && slices.Contains([]string{"Skip", "Skipf", "SkipNow"}, method.Sel.Name)
}

// reason is the literal that a skip is called with, if it is one.
func reason(call *ast.CallExpr) string {
	if len(call.Args) != 1 {
		return ""
	}
	literal, ok := call.Args[0].(*ast.BasicLit)
	if !ok || literal.Kind != token.STRING {
		return ""
	}
	text, err := strconv.Unquote(literal.Value)
	if err != nil {
		return ""
	}
	return text
}

// buildTags: the verbs build with no tag or with "long"; a file behind another
// tag would be neither run nor linted by anybody.
func buildTags(all []source) []string {
	known := []string{"long", "race", "unix", "linux", "darwin"}
	var found []string
	for _, s := range all {
		for _, group := range s.file.Comments {
			for _, c := range group.List {
				if tag, ok := unknownTag(c.Text, known); ok {
					found = append(found, s.at(c, "build tag %s; the verbs know %s", tag, strings.Join(known, " ")))
				}
			}
		}
		if suffix := path.Base(s.path); strings.HasSuffix(suffix, "_windows_test.go") {
			found = append(found, s.at(s.file, "is built on Windows only, where nothing is tested"))
		}
	}
	return found
}

func unknownTag(comment string, known []string) (string, bool) {
	if !constraint.IsGoBuild(comment) {
		return "", false
	}
	expression, err := constraint.Parse(comment)
	if err != nil {
		return comment, true
	}
	var unknown string
	expression.Eval(func(tag string) bool {
		if !slices.Contains(known, tag) {
			unknown = tag
		}
		return true
	})
	return unknown, unknown != ""
}
