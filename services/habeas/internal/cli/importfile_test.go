package cli

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
)

const heading = "subject_ref,policy,purpose,decision,expression,decided_at,evidence\n"

func csvRow(who string) string {
	return who + ",caseworks,trends.track,given,explicit,2021-03-04T05:06:07Z,form:1\n"
}

func jsonRow(who string) string {
	return `{"subject_ref":"` + who + `","policy":"caseworks","purpose":"trends.track","decision":"given","expression":"explicit",` +
		`"decided_at":"2021-03-04T05:06:07Z","evidence":"form:1"}` + "\n"
}

// linesOf reads a file and says of each row its line and whom it is about, or what of
// it can't be read.
func linesOf(asCSV bool, text string) (rows []string, err error) {
	err = readDecisions(strings.NewReader(text), asCSV, func(r *consentv1.ImportRow) error {
		what := r.GetSubjectRef()
		if r.GetUnreadable() != "" {
			what = "? " + r.GetUnreadable()
		}
		rows = append(rows, fmt.Sprintf("%d %s", r.GetLine(), what))
		return nil
	})
	return rows, err
}

func TestHowARowOfAFileIsRead(t *testing.T) {
	long := strings.Repeat("x", maxImportRow)
	for name, tc := range map[string]struct {
		csv  bool
		text string
		want string
	}{
		"a row":                         {true, heading + csvRow("a"), "2 a"},
		"the last line may have no end": {true, heading + strings.TrimSuffix(csvRow("a"), "\n"), "2 a"},
		"lines may end as on Windows":   {true, strings.ReplaceAll(heading+csvRow("a"), "\n", "\r\n"), "2 a"},
		"a byte order mark":             {true, "\ufeff" + heading + csvRow("a"), "2 a"},
		"a byte order mark and a quote": {true, "\ufeff\"subject_ref\"" + strings.TrimPrefix(heading, "subject_ref") + csvRow("a"), "2 a"},
		"a value in quotes":             {true, heading + csvRow(`"a"`) + csvRow("b"), "2 a; 3 b"},
		"a value over two lines":        {true, heading + strings.Replace(csvRow("a"), "form:1", "\"form\n1\"", 1) + csvRow("b"), "2 a; 4 b"},
		"an empty line is no row":       {true, heading + "\n" + csvRow("a"), "3 a"},
		"a value too few":               {true, heading + "a,caseworks\n" + csvRow("b"), "2 ? row; 3 b"},
		"a value too many":              {true, heading + strings.Replace(csvRow("a"), "\n", ",x\n", 1), "2 ? row"},
		"a date that is none":           {true, heading + strings.Replace(csvRow("a"), "2021-03-04T05:06:07Z", "4 March", 1), "2 ? decided_at"},
		"a day that there is not":       {true, heading + strings.Replace(csvRow("a"), "2021-03-04", "2021-02-30", 1), "2 ? decided_at"},
		"a decision that is none":       {true, heading + strings.Replace(csvRow("a"), "given", "maybe", 1), "2 ? choice.decision"},
		"a value that is too long":      {true, heading + csvRow(strings.Repeat("a", maxCell+1)) + csvRow("b"), "2 ? subject_ref; 3 b"},
		"bytes that are no text":        {true, heading + csvRow("\xff"), "2 ? subject_ref"},

		"an object":                      {false, jsonRow("a"), "1 a"},
		"an object after a mark":         {false, "\ufeff" + jsonRow("a"), "1 a"},
		"the last one may have no end":   {false, jsonRow("a") + strings.TrimSpace(jsonRow("b")), "1 a; 2 b"},
		"no object":                      {false, "[]\n" + jsonRow("b"), "1 ? row; 2 b"},
		"an empty line":                  {false, "\n" + jsonRow("b"), "1 ? row; 2 b"},
		"two objects":                    {false, strings.TrimSpace(jsonRow("a")) + jsonRow("b"), "1 ? row"},
		"a quote that is open":           {false, strings.Replace(jsonRow("a"), `"a"`, `"a`, 1) + jsonRow("b"), "1 ? row; 2 b"},
		"a field that nobody knows":      {false, strings.Replace(jsonRow("a"), "evidence", "proof", 1), "1 ? row"},
		"a value of another kind":        {false, strings.Replace(jsonRow("a"), `"given"`, `{"x":1}`, 1), "1 ? choice.decision"},
		"a wrong date in an object":      {false, strings.Replace(jsonRow("a"), "2021-03-04T", "2021-03-04 at ", 1), "1 ? decided_at"},
		"a line that is too long":        {false, jsonRow(long) + jsonRow("b"), "1 ? row; 2 b"},
		"a last line that is too long":   {false, jsonRow("a") + strings.TrimSpace(jsonRow(long)), "1 a; 2 ? row"},
		"a line of many times the bound": {false, strings.Repeat(long, 3) + "\n" + jsonRow("b"), "1 ? row; 2 b"},
	} {
		t.Run(name, func(t *testing.T) {
			rows, err := linesOf(tc.csv, tc.text)
			if got := strings.Join(rows, "; "); got != tc.want || err != nil {
				t.Errorf("read %q, error %v; want %q", got, err, tc.want)
			}
		})
	}
}

func TestAFileThatWouldBeReadWrongIsRefusedByLineAndColumn(t *testing.T) {
	without := func(column string) string { return strings.Replace(heading, column+",", "", 1) }
	for name, tc := range map[string]struct{ text, want string }{
		"a column twice":                   {strings.Replace(heading, "policy", "subject_ref", 1), "line 1, columns 1 and 2 of the file are both subject_ref"},
		"a column that nobody knows":       {strings.Replace(heading, "policy", "jane.doe", 1), "line 1, column 2 of the file is none of "},
		"no heading at all":                {csvRow("jane.doe"), "line 1, column 1 of the file is none of "},
		"nobody whom it is about":          {without("subject_ref"), "line 1 of the file has no column subject_ref or email or "},
		"no policy":                        {without("policy"), "line 1 of the file has no column policy"},
		"no purpose":                       {without("purpose"), "line 1 of the file has no column purpose or category"},
		"no decision":                      {without("decision"), "line 1 of the file has no column decision"},
		"no date":                          {without("decided_at"), "line 1 of the file has no column decided_at"},
		"a quote within a value":           {heading + csvRow("a") + csvRow(`jane"doe`), "line 3, column 5"},
		"a quote that is open":             {heading + csvRow("a") + csvRow(`"jane.doe`) + csvRow("b"), "record on line 3; parse error on line 4, column 69"},
		"a quote that is open to no end":   {heading + csvRow("a") + `"` + strings.Repeat("jane.doe\n", maxImportRow/4), "a row is longer than a megabyte"},
		"a file with nothing in it":        {"", "read the heading of the file"},
		"a heading that is longer than ok": {strings.Repeat("jane.doe,", maxImportRow), "a row is longer than a megabyte"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := linesOf(true, tc.text)
			var usage usageError
			if err == nil || !strings.Contains(err.Error(), tc.want) || !errors.As(err, &usage) || strings.Contains(err.Error(), "jane") {
				t.Errorf("error %v, want %q", err, tc.want)
			}
		})
	}
}

// TestTheSameFileHasTheSameRows each time: it is read twice, once to be counted.
func TestTheSameFileHasTheSameRows(t *testing.T) {
	text := heading + csvRow("a") + "x\n" + csvRow(`"b"`)
	one, err := linesOf(true, text)
	if err != nil {
		t.Fatal(err)
	}
	other, err := linesOf(true, text)
	if err != nil || strings.Join(one, ";") != strings.Join(other, ";") {
		t.Errorf("%v and %v, error %v", one, other, err)
	}
}
