// Package spans reads the file of finished spans that daemons write, and shows
// traces of it as trees.
package spans

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Span is one finished span.
type Span struct {
	Trace    string
	ID       string
	Parent   string
	Service  string
	Name     string
	Start    time.Time
	Duration time.Duration
	Failed   bool
	Links    []string // traces that it names besides its own
}

// Shapes of OTLP/JSON that are used here.
type (
	line struct {
		Resources []resourceSpans `json:"resourceSpans"`
	}
	resourceSpans struct {
		Resource struct {
			Attributes []attribute `json:"attributes"`
		} `json:"resource"`
		Scopes []struct {
			Spans []otlpSpan `json:"spans"`
		} `json:"scopeSpans"`
	}
	attribute struct {
		Key   string `json:"key"`
		Value struct {
			String string `json:"stringValue"`
		} `json:"value"`
	}
	otlpSpan struct {
		Trace  string `json:"traceId"`
		ID     string `json:"spanId"`
		Parent string `json:"parentSpanId"`
		Name   string `json:"name"`
		Start  string `json:"startTimeUnixNano"`
		End    string `json:"endTimeUnixNano"`
		Status struct {
			Code int `json:"code"`
		} `json:"status"`
		Links []struct {
			Trace string `json:"traceId"`
		} `json:"links"`
	}
)

// statusError is OTLP's code of a failed span.
const statusError = 2

// serviceName is the attribute of a resource that names the service.
const serviceName = "service.name"

// Read returns the spans of the wanted traces, and of those that share a link
// with them, from a file and the one that was set aside before it. A last line
// that is being written is passed over; a file that is not there holds nothing.
func Read(path string, wanted map[string]bool) ([]Span, error) {
	var all []Span
	for _, name := range []string{path + ".1", path} {
		found, err := readFile(name, wanted)
		if err != nil {
			return nil, fmt.Errorf("read spans: %w", err)
		}
		all = append(all, found...)
	}
	slices.SortFunc(all, func(a, b Span) int { return a.Start.Compare(b.Start) })
	return all, nil
}

func readFile(path string, wanted map[string]bool) ([]Span, error) {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }() // read only
	var all []Span
	in := bufio.NewReader(file)
	for {
		text, err := in.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
		if !mentions(text, wanted) {
			continue
		}
		var l line
		if err := json.Unmarshal(text, &l); err != nil {
			return nil, fmt.Errorf("%s: a line is malformed", path)
		}
		all = append(all, l.spans(wanted)...)
	}
}

// mentions passes over lines that need not be parsed.
func mentions(text []byte, wanted map[string]bool) bool {
	for trace := range wanted {
		if bytes.Contains(text, []byte(trace)) {
			return true
		}
	}
	return false
}

func (l line) spans(wanted map[string]bool) []Span {
	var out []Span
	for _, r := range l.Resources {
		service := ""
		for _, a := range r.Resource.Attributes {
			if a.Key == serviceName {
				service = a.Value.String
			}
		}
		for _, scope := range r.Scopes {
			for _, s := range scope.Spans {
				if span, ok := s.span(service, wanted); ok {
					out = append(out, span)
				}
			}
		}
	}
	return out
}

func (s otlpSpan) span(service string, wanted map[string]bool) (Span, bool) {
	out := Span{Trace: s.Trace, ID: s.ID, Parent: s.Parent, Service: service, Name: s.Name, Failed: s.Status.Code == statusError}
	ok := wanted[s.Trace]
	for _, l := range s.Links {
		out.Links = append(out.Links, l.Trace)
		ok = ok || wanted[l.Trace]
	}
	start, err := strconv.ParseInt(s.Start, 10, 64)
	end, err2 := strconv.ParseInt(s.End, 10, 64)
	if errors.Join(err, err2) != nil {
		return out, false
	}
	out.Start, out.Duration = time.Unix(0, start).UTC(), time.Duration(end-start)
	return out, ok
}

// Tree writes spans as trees, one for each trace, roots in the order of their
// beginning, each line within 80 columns. A span whose parent is not among them
// is a root.
func Tree(w io.Writer, all []Span) error {
	t := tree{children: map[string][]Span{}}
	known := map[string]bool{}
	for _, s := range all {
		known[s.Trace+s.ID] = true
	}
	var roots []Span
	for _, s := range all {
		if s.Parent != "" && known[s.Trace+s.Parent] {
			t.children[s.Trace+s.Parent] = append(t.children[s.Trace+s.Parent], s)
		} else {
			roots = append(roots, s)
		}
	}
	last := ""
	for _, r := range roots {
		if r.Trace != last {
			_, _ = fmt.Fprintf(&t.out, "trace %s  %s\n", r.Trace, r.Start.Format(time.RFC3339))
			last = r.Trace
		}
		t.write(r, "", "", "")
	}
	_, err := t.out.WriteTo(w)
	if err != nil {
		return fmt.Errorf("write result: %w", err)
	}
	return nil
}

type tree struct {
	children map[string][]Span
	out      bytes.Buffer
}

// width is that of a terminal; a line that is longer is cut.
const width = 80

// write writes a span and what is below it. lead stands before its own name,
// rest before those below. A service is named where it differs from the one
// above.
func (t *tree) write(s Span, lead, rest, above string) {
	text := fmt.Sprintf("%9s  %s", round(s.Duration), lead)
	if s.Failed {
		text += "FAILED "
	}
	if s.Service != above {
		text += s.Service + ": "
	}
	line := []rune(text + short(s.Name))
	if len(line) > width {
		line = append(line[:width-1], '…')
	}
	t.out.WriteString(string(line) + "\n")
	below := t.children[s.Trace+s.ID]
	for i, c := range below {
		if i == len(below)-1 {
			t.write(c, rest+"└ ", rest+"  ", s.Service)
		} else {
			t.write(c, rest+"├ ", rest+"│ ", s.Service)
		}
	}
}

// short is a span's name without the package of a method.
func short(name string) string {
	if at := strings.LastIndexByte(name, '.'); at >= 0 && strings.Contains(name, "/") && !strings.Contains(name, " ") {
		return name[at+1:]
	}
	return name
}

func round(d time.Duration) string {
	return strings.TrimSpace(d.Round(10 * time.Microsecond).String())
}
