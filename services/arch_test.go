// Package services_test holds the rules of layout and style that need more of
// the source in view than a linter has: who may import whom, what a domain
// package may use, what every package owes its reader. The rules read the files
// themselves, so that the test cache knows what they depend on.
package services_test

import (
	"go/ast"
	"os"
	"path"
	"slices"
	"strings"
	"testing"
)

// module is the import path under which all services lie.
const module = "habeas.internal/services/"

// TestRules holds the tree against every rule.
func TestRules(t *testing.T) {
	all, err := load(os.DirFS(".."))
	if err != nil {
		t.Fatal(err)
	}
	if len(all) == 0 {
		t.Fatal("no Go file was found")
	}
	for _, r := range rules() {
		t.Run(r.name, func(t *testing.T) {
			for _, violation := range r.check(all) {
				t.Error(violation)
			}
		})
	}
}

// rule is one sentence that must be true of the whole tree, and the function
// that lists where it is not.
type rule struct {
	name  string
	check func(all []source) []string
}

func rules() []rule {
	return []rule{
		{"a domain package imports the pure standard library only", domainImports},
		{"a domain package has no clock and never panics", domainCalls},
		{"commands and events of a domain are declared as sum types", domainSums},
		{"no service imports another service", serviceImports},
		{"only the store and its server know NATS", natsImports},
		{"every package says what it is for", packageComments},
		{"every service has a doc.go", serviceDocs},
		{"a package is not named after its vagueness", packageNames},
		{"a file is at most 400 lines long", fileLengths},
		{"nothing runs before main", noInit},
		{"no package variable changes", noMutableVariables},
		{"an open task names its issue", openTasks},
		{"a test is skipped for an allowed reason only", skippedTests},
		{"a build tag hides no test from the verbs", buildTags},
	}
}

func domainServices() []string {
	return []string{"identity", "consent", "retention", "fulfilment"}
}

// allServices adds those without a domain of their own.
func allServices() []string {
	return append(domainServices(), "audit", "gateway")
}

// composers are the folders whose work it is to put services together.
func composers() []string {
	return []string{"habeas", "systemtest", "conformance"}
}

// domainImports: what a rule decides follows from its arguments alone. Nothing
// in this list reads a clock, a file, the network or chance.
func domainImports(all []source) []string {
	pure := []string{
		"cmp", "errors", "fmt", "maps", "math/bits", "slices", "strconv",
		"strings", "time", "unicode", "unicode/utf8",
		"habeas.internal/services/internal/calendar", // pure itself, and all services count the same days
		"habeas.internal/services/internal/personal", // pure itself, and personal data has one type
	}
	var found []string
	for _, s := range domain(all) {
		for _, imp := range s.imports() {
			if !slices.Contains(pure, imp.path) {
				found = append(found, s.at(imp.spec, "imports %s; a domain package may import %s",
					imp.path, strings.Join(pure, " ")))
			}
		}
	}
	return found
}

// domainCalls: time is allowed as a type, but not as a source.
func domainCalls(all []source) []string {
	impure := []string{
		"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick",
		"NewTimer", "NewTicker", "Local", "LoadLocation",
	}
	var found []string
	for _, s := range domain(all) {
		for n := range ast.Preorder(s.file) {
			if name, ok := s.selected(n, "time"); ok && slices.Contains(impure, name) {
				found = append(found, s.at(n, "uses time.%s; the command brings the time", name))
			}
			if isPanic(n) {
				found = append(found, s.at(n, "panics; return an error"))
			}
		}
	}
	return found
}

func isPanic(n ast.Node) bool {
	call, ok := n.(*ast.CallExpr)
	if !ok {
		return false
	}
	name, ok := call.Fun.(*ast.Ident)
	return ok && name.Name == "panic"
}

// domainSums: the linter checks type switches only over interfaces that carry
// the mark, so a forgotten mark would switch it off.
func domainSums(all []source) []string {
	var found []string
	for _, s := range domain(all) {
		for _, t := range s.types() {
			_, isInterface := t.spec.Type.(*ast.InterfaceType)
			isSum := t.spec.Name.Name == "Command" || t.spec.Name.Name == "Event"
			if isInterface && isSum && !hasDirective(t.doc, "//sumtype:decl") {
				found = append(found, s.at(t.spec, "%s lacks the comment //sumtype:decl", t.spec.Name.Name))
			}
		}
	}
	return found
}

// serviceImports: services meet in proto, and only composers see several.
func serviceImports(all []source) []string {
	var found []string
	seen := map[string]string{} // package folder to the first service that it imports
	for _, s := range all {
		for _, imp := range s.imports() {
			rest, ours := strings.CutPrefix(imp.path, module)
			if !ours {
				continue
			}
			target, _, _ := strings.Cut(rest, "/")
			if !mayImport(s, target, seen) {
				found = append(found, s.at(imp.spec, "reaches into %s", rest))
			}
		}
	}
	return found
}

func mayImport(s source, target string, seen map[string]string) bool {
	owner := s.owner()
	switch {
	case owner == "":
		return false // the contract module, and these tests, stand below all services
	case target == "internal" || target == owner || slices.Contains(composers(), owner):
		return true
	case owner == "internal" || slices.Contains(allServices(), owner):
		return false
	case !slices.Contains(allServices(), target):
		return true
	}
	if seen[s.dir()] == "" {
		seen[s.dir()] = target
	}
	return seen[s.dir()] == target
}

// natsImports: everything else goes through es.Store, so that the memory store
// can stand in for NATS everywhere.
func natsImports(all []source) []string {
	allowed := []string{
		"services/internal/es/jetstream", "services/internal/natsd", "services/internal/testserver",
		"services/systemtest", "services/bench",
	}
	var found []string
	for _, s := range all {
		if s.isTest() || slices.ContainsFunc(allowed, s.under) {
			continue
		}
		for _, imp := range s.imports() {
			if strings.HasPrefix(imp.path, "github.com/nats-io/") {
				found = append(found, s.at(imp.spec, "imports %s; go through es.Store", imp.path))
			}
		}
	}
	return found
}

// domain picks the files of domain packages: a service's root, and each folder
// of it, or of the system tests, that decides something.
func domain(all []source) []source {
	deciding := map[string]bool{}
	for _, service := range domainServices() {
		deciding["services/"+service] = true
	}
	for _, s := range all {
		if path.Base(s.path) == "decide.go" && slices.Contains(append(domainServices(), "systemtest"), s.owner()) {
			deciding[s.dir()] = true
		}
	}
	return slices.DeleteFunc(slices.Clone(all), func(s source) bool {
		return s.isTest() || !deciding[s.dir()]
	})
}
