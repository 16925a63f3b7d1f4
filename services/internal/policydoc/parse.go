package policydoc

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Limits of a document.
const (
	// MaxBytes is the most that Parse reads.
	MaxBytes = 500_000

	maxDepth = 12
	maxNodes = 40_000
	maxItems = 1000
	maxText  = 4000
	maxKey   = 40
)

// Reason codes of documents that can't be read.
const (
	CodeSyntax       = "SYNTAX"
	CodeTooLarge     = "TOO_LARGE"
	CodeAlias        = "ALIAS"
	CodeKind         = "KIND"
	CodeUnknownKey   = "KEY_UNKNOWN"
	CodeDuplicateKey = "KEY_DUPLICATE"
)

// Problem is one thing that is wrong with a document. It shows no value of the
// document but keys and ids.
type Problem struct {
	Path   string // "purposes[2].basis"
	Line   int    // from 1; zero where there is none
	Column int    // from 1; zero where there is none
	Code   string // upper snake case
	Text   string // constant; says what to do
}

// String is one line for a person.
func (p Problem) String() string {
	at := p.Path
	if p.Line > 0 {
		at = p.Place() + ": " + at
	}
	return at + ": " + p.Code + ": " + p.Text
}

// Place is where a problem stands, for a person; empty where that isn't known.
func (p Problem) Place() string {
	switch {
	case p.Line == 0:
		return ""
	case p.Column == 0:
		return "line " + strconv.Itoa(p.Line)
	}
	return "line " + strconv.Itoa(p.Line) + ", column " + strconv.Itoa(p.Column)
}

// Problems is everything that is wrong with a document.
type Problems []Problem

// Error lists all of them.
func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i, one := range p {
		lines[i] = one.String()
	}
	return strings.Join(lines, "\n")
}

// Parse reads a document and lints it. Its error is Problems. It holds at most
// a small multiple of MaxBytes in memory, and never panics.
func Parse(data []byte) (Document, error) {
	doc, tree, problems := read(data)
	if tree != nil && !slices.ContainsFunc(problems, Problem.hides) {
		problems = append(problems, beside(problems, lint(doc, tree))...)
	}
	if len(problems) > 0 {
		slices.SortStableFunc(problems, func(a, b Problem) int {
			return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
		})
		return Document{}, problems
	}
	return doc, nil
}

// hides reports whether a problem keeps so much of the document from being read
// that its rules would find what isn't there.
func (p Problem) hides() bool {
	return p.Code != CodeUnknownKey && slices.Contains([]string{"", "categories", "purposes", "clauses"}, p.Path)
}

// beside is what the rules find where reading has found nothing.
func beside(reading, rules Problems) Problems {
	return slices.DeleteFunc(rules, func(r Problem) bool {
		return slices.ContainsFunc(reading, func(p Problem) bool { return p.Code != CodeUnknownKey && strings.HasPrefix(r.Path, p.Path) })
	})
}

// Read reads a document that was linted when it was published. Later rules do
// not bind it. Its error is Problems.
func Read(data []byte) (Document, error) {
	doc, _, problems := read(data)
	if len(problems) > 0 {
		return Document{}, problems
	}
	return doc, nil
}

// read fills a document. The tree is nil when nothing could be filled.
func read(data []byte) (Document, *yaml.Node, Problems) {
	var doc Document
	if len(data) > MaxBytes {
		return doc, nil, Problems{{Code: CodeTooLarge, Text: "the document has too many bytes"}}
	}
	tree, err := parseYAML(data)
	if err != nil {
		return doc, nil, Problems{{Line: lineOf(err), Code: CodeSyntax, Text: "is no single YAML document"}}
	}
	d := new(decoder)
	budget := maxNodes
	d.walk(tree, "", 0, &budget)
	if len(d.problems) > 0 {
		return doc, nil, d.problems
	}
	d.mapping(tree, "", reflect.ValueOf(&doc).Elem())
	return doc, tree, d.problems
}

var errDocuments = errors.New("not exactly one document")

func parseYAML(data []byte) (tree *yaml.Node, err error) {
	// The YAML library reports some malformed input by a panic that it does
	// not catch itself.
	defer func() {
		if r := recover(); r != nil {
			err = errDocuments
		}
	}()
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var doc, more yaml.Node
	if err := dec.Decode(&doc); err != nil {
		return nil, fmt.Errorf("read: %w", err)
	}
	if err := dec.Decode(&more); !errors.Is(err, io.EOF) {
		return nil, errDocuments
	}
	if doc.Kind != yaml.DocumentNode || len(doc.Content) != 1 {
		return nil, errDocuments
	}
	return doc.Content[0], nil
}

// lineOf finds the line in the library's text, "yaml: line 3: …".
func lineOf(err error) int {
	_, rest, ok := strings.Cut(err.Error(), "line ")
	if !ok {
		return 0
	}
	digits, _, _ := strings.Cut(rest, ":")
	n, err := strconv.Atoi(digits)
	if err != nil {
		return 0
	}
	return n
}
