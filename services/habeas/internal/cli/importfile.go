package cli

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/internal/paymentcard"

	"google.golang.org/protobuf/types/known/timestamppb"
)

// importColumns are the columns of a file of decisions, with the fields of the
// contract that they become. Those of identifiers are named as their flags.
func importColumns() map[string]string {
	out := map[string]string{
		"subject_ref": "subject_ref", "policy": "policy", "version": "version", "decided_at": "decided_at", "evidence": "evidence",
		"purpose": "choice.purpose", "category": "choice.category", "decision": "choice.decision", "expression": "choice.expression",
		"recipients": "choice.recipients", "expires_at": "choice.expires_at", "notice": "circumstances.notice",
		"text_hash": "circumstances.text_hash", "language": "circumstances.language", "method": "circumstances.method",
		"channel": "circumstances.channel", "actor": "circumstances.actor", "actor_ref": "circumstances.actor_ref",
		"steps": "circumstances.steps", "seconds": "circumstances.seconds",
	}
	for _, name := range kinds() {
		out[name] = "identifier"
	}
	return out
}

// wholeRow stands for a row of which no single field is to blame.
const wholeRow = "row"

// maxCell is the longest value that a row may have; none of the contract is as
// long.
const maxCell = 1024

// maxImportRow is the longest row of a file, in bytes, whatever its values are.
const maxImportRow = 1 << 20

// readDecisions hands over each row of a file, also those that can't be read. The
// same file has the same rows each time.
func readDecisions(r io.Reader, asCSV bool, each func(*consentv1.ImportRow) error) error {
	in := bufio.NewReaderSize(r, 1<<16)
	if mark, _ := in.Peek(len(byteOrderMark)); string(mark) == byteOrderMark {
		_, _ = in.Discard(len(byteOrderMark)) // it was peeked
	}
	if asCSV {
		return readCSV(in, each)
	}
	for n := uint64(1); ; n++ {
		line, whole, err := readLine(in)
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("read file: %w", err)
		}
		row := &consentv1.ImportRow{Line: n, Unreadable: wholeRow}
		if whole {
			row = rowOfJSON(n, line)
		}
		if len(line) > 0 {
			if err := each(row); err != nil {
				return err
			}
		}
		if err != nil {
			return nil
		}
	}
}

// byteOrderMark stands before the text of some files.
const byteOrderMark = "\ufeff"

// readLine reads to the end of a line. Of one that is too long it keeps a part.
func readLine(in *bufio.Reader) (line []byte, whole bool, err error) {
	for {
		part, err := in.ReadSlice('\n')
		if len(line)+len(part) <= maxImportRow {
			line, whole = append(line, part...), true
		} else {
			return line, false, skipLine(in, err)
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return line, whole, err
		}
	}
}

func skipLine(in *bufio.Reader, err error) error {
	for errors.Is(err, bufio.ErrBufferFull) {
		_, err = in.ReadSlice('\n')
	}
	return err
}

func rowOfJSON(line uint64, text []byte) *consentv1.ImportRow {
	var values map[string]any
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	if dec.Decode(&values) != nil || dec.More() || values == nil {
		return &consentv1.ImportRow{Line: line, Unreadable: wholeRow}
	}
	cells := map[string]string{}
	for name, v := range values {
		cell, ok := cellOf(v)
		if !ok {
			return &consentv1.ImportRow{Line: line, Unreadable: fieldOf(name)}
		}
		cells[name] = cell
	}
	return rowOf(line, cells)
}

// cellOf is a value of JSON as a column holds it: a list with semicolons.
func cellOf(v any) (string, bool) {
	switch v := v.(type) {
	case nil:
		return "", true
	case string:
		return v, true
	case json.Number:
		return v.String(), true
	case []any:
		var all []string
		for _, one := range v {
			text, ok := one.(string)
			if !ok {
				return "", false
			}
			all = append(all, text)
		}
		return strings.Join(all, ";"), true
	}
	return "", false
}

func readCSV(r io.Reader, each func(*consentv1.ImportRow) error) error {
	leash := &leash{r: r, left: maxImportRow}
	in := csv.NewReader(leash)
	in.FieldsPerRecord = -1
	head, err := in.Read()
	if err != nil {
		return usageError{fmt.Errorf("read the heading of the file: %w", err)}
	}
	if err := checkHeading(head); err != nil {
		return usageError{err}
	}
	for {
		leash.left = maxImportRow
		record, err := in.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil { // it says line and column, and nothing of what stands there
			return usageError{fmt.Errorf("read file: %w", err)}
		}
		line, _ := in.FieldPos(0)
		row := &consentv1.ImportRow{Line: uint64(line), Unreadable: wholeRow} //nolint:gosec // never negative
		if len(record) == len(head) {
			cells := map[string]string{}
			for i, name := range head {
				cells[name] = record[i]
			}
			row = rowOf(row.GetLine(), cells)
		}
		if err := each(row); err != nil {
			return err
		}
	}
}

// errLong: a quote is open, most likely, and the rest of the file is one value.
var errLong = errors.New("a row is longer than a megabyte: is a quote missing that ends a value?")

// leash lets a reader read so much, and no more.
type leash struct {
	r    io.Reader
	left int
}

func (l *leash) Read(p []byte) (int, error) {
	if l.left <= 0 {
		return 0, errLong
	}
	n, err := l.r.Read(p)
	l.left -= n
	return n, err
}

// checkHeading refuses a heading by which no row could be read, or some would be read
// wrong. It names a column by its place: a file without a heading has values there.
func checkHeading(head []string) error {
	for i, name := range head {
		if importColumns()[name] == "" {
			return fmt.Errorf("line 1, column %d of the file is none of %s", i+1, strings.Join(slices.Sorted(maps.Keys(importColumns())), ", "))
		}
		if first := slices.Index(head, name); first < i {
			return fmt.Errorf("line 1, columns %d and %d of the file are both %s", first+1, i+1, name)
		}
	}
	for _, one := range [][]string{
		{"policy"}, {"decision"}, {"expression"}, {"decided_at"}, {"purpose", "category"}, append([]string{"subject_ref"}, kinds()...),
	} {
		if !slices.ContainsFunc(one, func(name string) bool { return slices.Contains(head, name) }) {
			return fmt.Errorf("line 1 of the file has no column %s", strings.Join(one, " or "))
		}
	}
	return nil
}

func fieldOf(column string) string {
	if field := importColumns()[column]; field != "" {
		return field
	}
	return wholeRow
}

// rowOf is a row of the contract. What can't be read it names.
func rowOf(line uint64, cells map[string]string) *consentv1.ImportRow {
	for _, name := range slices.Sorted(maps.Keys(cells)) {
		v := cells[name]
		if fieldOf(name) == wholeRow || len(v) > maxCell || !utf8.ValidString(v) || paymentcard.Within(v) {
			return &consentv1.ImportRow{Line: line, Unreadable: fieldOf(name)}
		}
	}
	c := &cellReader{cells: cells}
	row := &consentv1.ImportRow{
		Line: line, SubjectRef: cells["subject_ref"], Identifier: c.identifier(), Policy: cells["policy"], Version: c.number("version"),
		DecidedAt: c.moment("decided_at"), Evidence: cells["evidence"], Choice: &consentv1.Choice{
			Purpose: cells["purpose"], Category: cells["category"], ExpiresAt: c.moment("expires_at"),
			Decision:   consentv1.Decision(c.enum("decision", "DECISION_", consentv1.Decision_value)),
			Expression: consentv1.Expression(c.enum("expression", "EXPRESSION_", consentv1.Expression_value)),
		},
		Circumstances: &consentv1.Circumstances{
			Notice: cells["notice"], TextHash: cells["text_hash"], Language: cells["language"], Method: cells["method"], Channel: cells["channel"],
			Actor: consentv1.Actor(c.enum("actor", "ACTOR_", consentv1.Actor_value)), ActorRef: cells["actor_ref"],
			Steps: c.optional("steps"), Seconds: c.optional("seconds"),
		},
	}
	if list := cells["recipients"]; list != "" {
		row.Choice.Recipients = strings.Split(list, ";")
	}
	if c.bad != "" {
		return &consentv1.ImportRow{Line: line, Unreadable: fieldOf(c.bad)}
	}
	return row
}

// cellReader reads cells and remembers the first that it couldn't.
type cellReader struct {
	cells map[string]string
	bad   string
}

func (c *cellReader) fail(column string) {
	if c.bad == "" {
		c.bad = column
	}
}

func (c *cellReader) moment(column string) *timestamppb.Timestamp {
	at, err := parseMoment(column, c.cells[column])
	if err != nil {
		c.fail(column)
	}
	return at
}

func (c *cellReader) enum(column, prefix string, values map[string]int32) int32 {
	if c.cells[column] == "" {
		return 0
	}
	v, err := enum[consentv1.Decision](column, c.cells[column], prefix, values)
	if err != nil {
		c.fail(column)
	}
	return int32(v)
}

func (c *cellReader) number(column string) uint32 {
	if c.cells[column] == "" {
		return 0
	}
	n, err := strconv.ParseUint(c.cells[column], 10, 32)
	if err != nil {
		c.fail(column)
	}
	return uint32(n)
}

func (c *cellReader) optional(column string) *uint32 {
	if c.cells[column] == "" {
		return nil
	}
	n := c.number(column)
	return &n
}

func (c *cellReader) identifier() *identityv1.Identifier {
	var out *identityv1.Identifier
	for _, name := range kinds() {
		switch v := c.cells[name]; {
		case v == "":
		case out != nil:
			c.fail(name)
		default:
			out = &identityv1.Identifier{Kind: kind(name), Value: v}
		}
	}
	return out
}
