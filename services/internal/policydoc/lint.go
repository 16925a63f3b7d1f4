package policydoc

import (
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// Reason codes of documents that break a rule of policies.
const (
	CodeMissing             = "MISSING"
	CodeMalformed           = "MALFORMED"
	CodeNotOneOf            = "NOT_ONE_OF"
	CodeDuplicate           = "DUPLICATE"
	CodeModifiedMissing     = "MODIFIED_DATE_MISSING"
	CodeCategoryUnknown     = "CATEGORY_UNKNOWN"
	CodePurposeUnknown      = "PURPOSE_UNKNOWN"
	CodeClauseUnknown       = "CLAUSE_UNKNOWN"
	CodeClauseMissing       = "CLAUSE_MISSING"
	CodePeriodInvalid       = "PERIOD_INVALID"
	CodeRetentionEndMissing = "RETENTION_END_MISSING"
	CodeCollectedForMissing = "COLLECTED_FOR_MISSING"
	CodeNotPersonal         = "SENSITIVE_NOT_PERSONAL"
	CodeOfferWithoutOptOut  = "OFFER_WITHOUT_OPT_OUT"
	CodeReservedName        = "NAME_RESERVED"
	CodePeriodicUnstoppable = "PERIODIC_UNSTOPPABLE"
	CodeMessageUnsendable   = "MESSAGE_UNSENDABLE"
	CodeFeeForbidden        = "FEE_FORBIDDEN"
	CodeDeclineForbidden    = "DECLINE_FORBIDDEN"
	CodeSignalBound         = "SIGNAL_BOUND_BY_LAW"
	CodeStaffLockedOut      = "STAFF_LOCKED_OUT"
)

var (
	idPattern     = regexp.MustCompile(`^[a-z][a-z0-9-]{0,62}$`)
	dottedPattern = regexp.MustCompile(`^[a-z][a-z0-9_.]{0,126}$`)
	hashPattern   = regexp.MustCompile(`^[0-9a-f]{64}$`)
	regionPattern = regexp.MustCompile(`^[a-z]{2}(-[a-z0-9]{1,8})?$`)
	clausePattern = regexp.MustCompile(`^[A-Z]{2,8}-[0-9]{1,3}$`)
	fidesPattern  = regexp.MustCompile(`^(user|system)(\.[a-z][a-z0-9_]*)*$`)
	dpvPattern    = regexp.MustCompile(`^dpv(-pd)?:[A-Z][A-Za-z]+$`)
	// justificationPattern is a term of the vocabulary's justifications.
	justificationPattern = regexp.MustCompile(`^justifications:[A-Z][A-Za-z]+$`)

	mailPattern  = regexp.MustCompile(`^[^@\s]+@[^@\s]+$`)
	phonePattern = regexp.MustCompile(`^\+[0-9]{5,15}$`)
	webPattern   = regexp.MustCompile(`^https?://[^\s]+$`)
	zonePattern  = regexp.MustCompile(`^[A-Za-z_]+(/[A-Za-z_+-]+){0,2}$`)
)

// linter collects problems of a document that could be read.
type linter struct {
	doc      Document
	tree     *yaml.Node
	problems Problems

	categories, purposes, clauses map[string]bool
}

// lint lists what is wrong, by path.
func lint(doc Document, tree *yaml.Node) Problems {
	l := &linter{doc: doc, tree: tree}
	l.categories = l.names("categories", len(doc.Categories), func(i int) string { return doc.Categories[i].ID }, dottedPattern)
	l.purposes = l.names("purposes", len(doc.Purposes), func(i int) string { return doc.Purposes[i].ID }, dottedPattern)
	l.clauses = l.names("clauses", len(doc.Clauses), func(i int) string { return doc.Clauses[i].ID }, clausePattern)
	l.head()
	l.lintCategories()
	l.lintPurposes()
	l.lintMessages()
	l.lintSources()
	l.lintSharing()
	l.lintLimits()
	l.lintRequests()
	l.lintApproval()
	l.lintRetention()
	l.lintVocabularies()
	l.lintFloors()
	l.references("", reflect.ValueOf(doc))
	return l.problems
}

func (l *linter) fail(path, code, text string) {
	line, column := placeOf(l.tree, path)
	l.problems = append(l.problems, Problem{Path: path, Line: line, Column: column, Code: code, Text: text})
}

// names checks the ids of a list and returns them as a set.
func (l *linter) names(path string, n int, id func(int) string, pattern *regexp.Regexp) map[string]bool {
	seen := map[string]bool{}
	for i := range n {
		at := item(path, i) + ".id"
		l.match(at, id(i), pattern)
		if seen[id(i)] {
			l.fail(at, CodeDuplicate, "another item has the same id")
		}
		seen[id(i)] = true
	}
	return seen
}

func (l *linter) match(path, value string, pattern *regexp.Regexp) {
	switch {
	case value == "":
		l.fail(path, CodeMissing, "must be given")
	case !pattern.MatchString(value):
		l.fail(path, CodeMalformed, "is malformed")
	}
}

func (l *linter) given(path, value string) {
	if strings.TrimSpace(value) == "" {
		l.fail(path, CodeMissing, "must be given")
	}
}

func (l *linter) oneOf(path, value string, allowed ...string) {
	switch {
	case value == "":
		l.fail(path, CodeMissing, "must be given")
	case !slices.Contains(allowed, value):
		l.fail(path, CodeNotOneOf, "is none of the words that are allowed here")
	}
}

func (l *linter) eachOneOf(path string, values []string, allowed []string) {
	for i, v := range values {
		l.oneOf(item(path, i), v, allowed...)
	}
	l.unique(path, values)
}

func (l *linter) unique(path string, values []string) {
	for i, v := range values {
		if slices.Index(values, v) < i {
			l.fail(item(path, i), CodeDuplicate, "stands here twice")
		}
	}
}

// known holds a list of references against what the document defines.
func (l *linter) known(path string, values []string, defined map[string]bool, code string) {
	for i, v := range values {
		if !defined[v] {
			l.fail(item(path, i), code, "is not defined in this document")
		}
	}
	l.unique(path, values)
}

// maxYears is the longest that a period may be.
const maxYears = 999

func (l *linter) period(path, value string) {
	p, err := ParsePeriod(value)
	switch {
	case err != nil:
		l.fail(path, CodePeriodInvalid, "is no period of years, months and days, such as P10Y")
	case 12*p.Years+p.Months > 12*maxYears, p.Years+p.Months/12+p.Days/366 > maxYears:
		l.fail(path, CodePeriodInvalid, "is longer than 999 years")
	}
}

func (l *linter) date(path, value, missing string) {
	if value == "" {
		l.fail(path, missing, "must be given")
		return
	}
	if _, err := time.Parse(time.DateOnly, value); err != nil {
		l.fail(path, CodeMalformed, "is no date, such as 2026-11-22")
	}
}

// references finds every key "clause" and holds it against the list of
// published promises. A rule without a promise has no place in a policy.
func (l *linter) references(path string, v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			l.references(path, v.Elem())
		}
	case reflect.Slice:
		for i := range v.Len() {
			l.references(item(path, i), v.Index(i))
		}
	case reflect.Struct:
		if v.IsZero() && (path == "regions" || path == "sharing") {
			return // a policy without such a promise leaves it out
		}
		for i := range v.NumField() {
			name := v.Type().Field(i).Tag.Get("yaml")
			switch name {
			case "clause":
				l.clause(join(path, name), v.Field(i).String())
				continue
			case "serves":
				l.known(join(path, name), v.Field(i).Interface().([]string), l.clauses, CodeClauseUnknown)
				continue
			}
			l.references(join(path, name), v.Field(i))
		}
	default: // a value holds no further keys
	}
}

func (l *linter) clause(path, id string) {
	switch {
	case id == "":
		l.fail(path, CodeClauseMissing, "name the published promise that this rule keeps")
	case !l.clauses[id]:
		l.fail(path, CodeClauseUnknown, "is not in the list of clauses")
	}
}

func item(path string, i int) string { return path + "[" + strconv.Itoa(i) + "]" }

// placeOf is the line and column of a path, or of the nearest thing above it that
// stands in the document.
func placeOf(n *yaml.Node, path string) (line, column int) {
	line, column = n.Line, n.Column
	for _, part := range strings.FieldsFunc(path, func(r rune) bool { return r == '.' || r == '[' || r == ']' }) {
		if n = child(n, part); n == nil {
			return line, column
		}
		line, column = n.Line, n.Column
	}
	return line, column
}

func child(n *yaml.Node, part string) *yaml.Node {
	if n.Kind == yaml.SequenceNode {
		if i, err := strconv.Atoi(part); err == nil && i < len(n.Content) {
			return n.Content[i]
		}
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == part {
			return n.Content[i+1]
		}
	}
	return nil
}
