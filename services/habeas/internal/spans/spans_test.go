package spans_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"habeas.internal/services/habeas/internal/spans"
)

const lines = `{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"consent"}}]},"scopeSpans":[{"spans":[` +
	`{"traceId":"aa","spanId":"02","parentSpanId":"01","name":"append","startTimeUnixNano":"2000000","endTimeUnixNano":"3000000"},` +
	`{"traceId":"aa","spanId":"03","parentSpanId":"01","name":"load","startTimeUnixNano":"1500000","endTimeUnixNano":"1600000","status":{"code":2}},` +
	`{"traceId":"bb","spanId":"09","name":"other","startTimeUnixNano":"1","endTimeUnixNano":"2"}]}]}]}
{"resourceSpans":[{"resource":{},"scopeSpans":[{"spans":[{"traceId":"aa","spanId":"01","name":"root","startTimeUnixNano":"1000000","endTimeUnixNano":"5000000"},` +
	`{"traceId":"cc","spanId":"11","name":"projection","startTimeUnixNano":"9000000","endTimeUnixNano":"9000000","links":[{"traceId":"aa"}]}]}]}]}
{"resourceSpans":[{"half of a line with aa`

func TestTracesAreShownAsTrees(t *testing.T) {
	path := filepath.Join(t.TempDir(), "spans.jsonl")
	if err := os.WriteFile(path, []byte(lines), 0o600); err != nil {
		t.Fatal(err)
	}
	all, err := spans.Read(path, map[string]bool{"aa": true})
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := spans.Tree(&out, all); err != nil {
		t.Fatal(err)
	}
	want := `trace aa  1970-01-01T00:00:00Z
      4ms  root
    100µs  ├ FAILED consent: load
      1ms  └ consent: append
trace cc  1970-01-01T00:00:00Z
       0s  projection
`
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
}

func TestADeepTraceFitsATerminal(t *testing.T) {
	var all []spans.Span
	for i := range 60 {
		s := spans.Span{Trace: "aa", ID: fmt.Sprint(i), Service: "fulfilment", Name: "habeas.fulfilment.v1.RequestService/SubmitRequest"}
		if i > 0 {
			s.Parent = fmt.Sprint(i - 1)
		}
		all = append(all, s)
	}
	var out bytes.Buffer
	if err := spans.Tree(&out, all); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	for _, line := range lines {
		if n := utf8.RuneCountInString(line); n > 80 {
			t.Errorf("%d columns: %s", n, line)
		}
	}
	if len(lines) != 61 || !strings.HasSuffix(lines[1], "  fulfilment: RequestService/SubmitRequest") {
		t.Errorf("%d lines, the first span is %q", len(lines), lines[1])
	}
}

func TestAFileThatIsNotThereHoldsNoSpans(t *testing.T) {
	all, err := spans.Read(filepath.Join(t.TempDir(), "none"), map[string]bool{"aa": true})
	if err != nil || len(all) != 0 {
		t.Errorf("got %v, %v", all, err)
	}
}
