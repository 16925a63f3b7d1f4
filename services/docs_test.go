package services_test

import (
	"fmt"
	"go/ast"
	"go/token"
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

// TestDocumentsNameOnlyWhatExists holds the texts against the tree: links,
// files, verbs of the Makefile, tests, and names of our packages.
func TestDocumentsNameOnlyWhatExists(t *testing.T) {
	wrong, err := checkDocuments(os.DirFS(".."))
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range wrong {
		t.Error(w)
	}
}

// TestAPlantedDocumentIsFoundOut proves that the check above speaks where it
// must and keeps silent where it must.
func TestAPlantedDocumentIsFoundOut(t *testing.T) {
	wrong, err := checkDocuments(fstest.MapFS{
		"Makefile":                 {Data: []byte("test: ## run\n")},
		"services/a/a.go":          {Data: []byte("package a\n\ntype Log struct{ Now int }\n\nfunc (Log) Open() {}\n")},
		"services/a/a_test.go":     {Data: []byte("package a\n\nfunc TestItWorks() {}\n")},
		"docs/decisions/README.md": {Data: []byte("# Decisions\n")},
		"docs/fine.md": {Data: []byte("# A `fine` text\n\n[a](#a-fine-text) [b](decisions/README.md#decisions) [c](../services/a) " +
			"[d](https://example.org/x)\n\n" +
			"`make test`, `services/a/*.go`, `services/<name>`, `a.Log.Open`, `a.Log.Now`, `slog.Logger`, `TestItWorks`\n\n" +
			"```\nmake test\ngo test -run 'TestItWorks$' ./services/...\n```\n")},
		"README.md": {Data: []byte("[a](docs/gone.md) [b](docs/fine.md#gone)\n\n`make gone`, `tools/gone`, `a.Gone`, `a.Log.Gone`\n\n" +
			"```\nmake lost\ngo test -run TestGone ./services/gone\n```\n")},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"README.md: docs/gone.md is not there",
		"README.md: docs/fine.md has no heading #gone",
		"README.md: make has no verb gone",
		"README.md: tools/gone is not there",
		"README.md: package a has no Gone",
		"README.md: package a has no Log.Gone",
		"README.md: make has no verb lost",
		"README.md: no test is called TestGone",
		"README.md: ./services/gone is not there",
	}
	if diff := cmp.Diff(want, wrong); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
}

// known is what a text may name.
type known struct {
	top   fs.FS
	verbs map[string]bool
	tests map[string]bool
	names map[string]map[string]bool // exported names and their members, by package
}

func checkDocuments(top fs.FS) ([]string, error) {
	k := known{top: top, verbs: map[string]bool{}, tests: map[string]bool{}, names: map[string]map[string]bool{}}
	makefile, err := fs.ReadFile(top, "Makefile")
	if err != nil {
		return nil, err
	}
	for _, m := range regexp.MustCompile(`(?m)^([a-z-]+):`).FindAllStringSubmatch(string(makefile), -1) {
		k.verbs[m[1]] = true
	}
	all, err := load(top)
	if err != nil {
		return nil, err
	}
	for _, s := range all {
		k.learn(s)
	}
	names, err := documents(top)
	if err != nil {
		return nil, err
	}
	var wrong []string
	for _, name := range names {
		text, err := fs.ReadFile(top, name)
		if err != nil {
			return nil, err
		}
		for _, w := range k.read(name, string(text)) {
			wrong = append(wrong, name+": "+w)
		}
	}
	return wrong, nil
}

// documents lists the texts, those that are there.
func documents(top fs.FS) ([]string, error) {
	var names []string
	for _, pattern := range []string{"*.md", "charts/*.md", "deploy/*.md", "docs/*.md", "docs/*/*.md"} {
		found, err := fs.Glob(top, pattern)
		if err != nil {
			return nil, err
		}
		names = append(names, found...)
	}
	return names, nil
}

// learn notes what a file declares.
func (k known) learn(s source) {
	for _, d := range s.file.Decls {
		f, ok := d.(*ast.FuncDecl)
		if ok && s.isTest() {
			k.tests[f.Name.Name] = true
		}
		if ok && !s.isTest() {
			k.note(s, receiver(f)+f.Name.Name)
		}
	}
	if s.isTest() {
		return
	}
	for _, group := range append(s.groups(token.VAR), s.groups(token.CONST)...) {
		for _, spec := range group.Specs {
			for _, name := range spec.(*ast.ValueSpec).Names {
				k.note(s, name.Name)
			}
		}
	}
	for _, t := range s.types() {
		k.note(s, t.spec.Name.Name)
		for _, member := range members(t.spec.Type) {
			k.note(s, t.spec.Name.Name+"."+member)
		}
	}
}

func (k known) note(s source, name string) {
	pkg := s.file.Name.Name
	if k.names[pkg] == nil {
		k.names[pkg] = map[string]bool{}
	}
	k.names[pkg][name] = true
}

// receiver is the type whose method f is, with a dot; empty for a function.
func receiver(f *ast.FuncDecl) string {
	if f.Recv == nil {
		return ""
	}
	for n := range ast.Preorder(f.Recv.List[0].Type) {
		if id, ok := n.(*ast.Ident); ok {
			return id.Name + "."
		}
	}
	return ""
}

// members are a type's fields, or the methods that an interface asks for.
func members(t ast.Expr) []string {
	var fields *ast.FieldList
	switch t := t.(type) {
	case *ast.StructType:
		fields = t.Fields
	case *ast.InterfaceType:
		fields = t.Methods
	default:
		return nil
	}
	var out []string
	for _, field := range fields.List {
		for _, name := range field.Names {
			out = append(out, name.Name)
		}
	}
	return out
}

// read lists what a text names and is not there, in the order of the text.
func (k known) read(name, text string) []string {
	var wrong []string
	fenced := false
	for line := range strings.Lines(text) {
		if strings.HasPrefix(strings.TrimSpace(line), "```") {
			fenced = !fenced
			continue
		}
		if fenced {
			wrong = append(wrong, k.command(line)...)
			continue
		}
		for _, m := range regexp.MustCompile(`\]\(([^)\s]+)\)`).FindAllStringSubmatch(line, -1) {
			wrong = append(wrong, k.link(name, m[1])...)
		}
		for _, m := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(line, -1) {
			wrong = append(wrong, k.span(m[1])...)
		}
	}
	return wrong
}

// link follows a relative link from a document.
func (k known) link(from, to string) []string {
	if strings.Contains(to, "://") || strings.HasPrefix(to, "mailto:") {
		return nil
	}
	file, anchor, _ := strings.Cut(to, "#")
	target := from
	if file != "" {
		target = path.Join(path.Dir(from), file)
	}
	if !k.exists(target) {
		return []string{target + " is not there"}
	}
	if anchor != "" && path.Ext(target) == ".md" && !slices.Contains(k.headings(target), anchor) {
		return []string{target + " has no heading #" + anchor}
	}
	return nil
}

func (k known) exists(pattern string) bool {
	found, err := fs.Glob(k.top, strings.TrimSuffix(pattern, "/"))
	return err == nil && len(found) > 0
}

// headings are the anchors of a document, as code hosts make them.
func (k known) headings(name string) []string {
	text, err := fs.ReadFile(k.top, name)
	if err != nil {
		return nil
	}
	var out []string
	for _, m := range regexp.MustCompile(`(?m)^#+ (.+)$`).FindAllStringSubmatch(string(text), -1) {
		plain := regexp.MustCompile(`[^\p{L}\p{N} _-]`).ReplaceAllString(strings.ToLower(m[1]), "")
		out = append(out, strings.ReplaceAll(plain, " ", "-"))
	}
	return out
}

// span checks what stands between backquotes: a command, a file, or a name.
func (k known) span(text string) []string {
	if strings.ContainsAny(text, " ") {
		return k.command(text)
	}
	if m := regexp.MustCompile(`^([a-z]+)\.([A-Z]\w*(\.[A-Z]\w*)?)$`).FindStringSubmatch(text); m != nil {
		if names, ours := k.names[m[1]]; ours && !names[m[2]] {
			return []string{fmt.Sprintf("package %s has no %s", m[1], m[2])}
		}
		return nil
	}
	return k.word(text)
}

// command checks the words of a line that somebody may type.
func (k known) command(line string) []string {
	var wrong []string
	words := strings.Fields(line)
	for i, w := range words {
		if i > 0 && words[i-1] == "make" && i == 1 && regexp.MustCompile(`^[a-z-]+$`).MatchString(w) && !k.verbs[w] {
			wrong = append(wrong, "make has no verb "+w)
		}
		wrong = append(wrong, k.word(w)...)
	}
	return wrong
}

// word checks a file of ours, or the name of a test.
func (k known) word(w string) []string {
	if name := regexp.MustCompile(`^[\^']*((Test|Fuzz|Benchmark)[A-Z]\w*)(\$?'?)$`).FindStringSubmatch(w); name != nil {
		if !k.tests[name[1]] {
			return []string{"no test is called " + name[1]}
		}
		return nil
	}
	file := strings.TrimSuffix(strings.TrimPrefix(w, "./"), "/...")
	ours := regexp.MustCompile(`^(services|proto|tools|docs|deploy|charts|\.ci)/`).MatchString(file)
	if !ours || strings.ContainsAny(file, "<{") || k.exists(file) {
		return nil
	}
	return []string{w + " is not there"}
}
