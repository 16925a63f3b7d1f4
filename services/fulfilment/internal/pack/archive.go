package pack

import (
	"archive/zip"
	"context"
	"encoding/base64"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"habeas.internal/services/fulfilment/internal/connector"
)

// Source is one system whose rows go into an archive.
type Source struct {
	System string
	Region string
	// Categories of each collection.
	Categories map[string][]string
	// Collect gives every row to yield, those of a collection together. It is
	// called three times: for each form, and for the page.
	Collect func(ctx context.Context, yield func(connector.Row) error) error
}

// Contents is what an archive is made of.
type Contents struct {
	Request   string
	MadeAt    time.Time
	ExpiresAt time.Time
	Sources   []Source
	About     *About // nothing is said if it is nil
	Heading   Heading
}

// Heading is what the page says at its beginning: of everything that is held about
// somebody if it is empty.
type Heading struct {
	Title string
	Says  string // what the rows are
	None  string // in place of rows, where there are none
}

// Count is how many rows of a collection the archive holds in every form, and how
// many numbers of payment cards are masked in them, by the category of the column.
type Count struct {
	System     string
	Collection string
	Rows       uint64
	Cards      map[string]uint64
}

// file is a line of the page that a person reads.
type file struct {
	Collection string
	Rows       uint64
	Cards      map[string]uint64
	Categories []string
	JSON, CSV  string
}

// Archive writes the archive and returns what is in it. Of the number of a payment
// card it has the last four digits alone, see mask.
func Archive(ctx context.Context, w io.Writer, c Contents) ([]Count, error) {
	z := zip.NewWriter(w)
	var counts []Count
	var sections []section
	for i, s := range c.Sources {
		sec := section{System: s.System, Region: s.Region, Heading: c.Heading}
		folder := strconv.Itoa(i+1) + "-" + safe(s.System) + "/"
		for _, f := range []form{jsonForm{}, csvForm{}} {
			files, err := write(ctx, z, folder, s, f)
			if err != nil {
				return nil, err
			}
			sec.merge(files, s.Categories)
		}
		for j, f := range sec.Files {
			if f.JSON == "" || f.CSV == "" { // it is not there in both forms
				f.Rows, sec.Files[j].Rows = 0, 0
			}
			counts = append(counts, Count{System: s.System, Collection: f.Collection, Rows: f.Rows, Cards: f.Cards})
		}
		sections = append(sections, sec)
	}
	if c.About != nil {
		if err := writeAbout(z, *c.About); err != nil {
			return nil, err
		}
	}
	if err := index(ctx, z, c, sections); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, fmt.Errorf("end archive: %w", err)
	}
	return counts, nil
}

// section is one system on the page that a person reads.
type section struct {
	System, Region string
	Heading        Heading
	Files          []file
}

func (s *section) merge(files []file, categories map[string][]string) {
	for _, f := range files {
		i := slices.IndexFunc(s.Files, func(o file) bool { return o.Collection == f.Collection })
		if i < 0 {
			f.Categories = categories[f.Collection]
			s.Files = append(s.Files, f)
			continue
		}
		s.Files[i].JSON, s.Files[i].CSV = s.Files[i].JSON+f.JSON, s.Files[i].CSV+f.CSV
		s.Files[i].Rows = min(s.Files[i].Rows, f.Rows)
	}
}

// form is a way to write rows.
type form interface {
	suffix() string
	begin(w io.Writer, r connector.Row) (sink, error)
}

type sink interface {
	row(r connector.Row) error
	end() error
}

// write puts every collection of a source into a file of its own.
func write(ctx context.Context, z *zip.Writer, folder string, s Source, f form) ([]file, error) {
	var files []file
	var out sink
	current := ""
	end := func() error {
		if out == nil {
			return nil
		}
		return out.end()
	}
	err := s.Collect(ctx, func(r connector.Row) error {
		if out == nil || r.Collection != current {
			if err := end(); err != nil {
				return err
			}
			if slices.ContainsFunc(files, func(o file) bool { return o.Collection == r.Collection }) {
				return connector.ErrMismatch // rows of a collection come together
			}
			name := folder + strconv.Itoa(len(files)+1) + "-" + safe(r.Collection) + f.suffix()
			w, err := z.Create(name)
			if err != nil {
				return fmt.Errorf("begin file: %w", err)
			}
			if out, err = f.begin(w, r); err != nil {
				return err
			}
			current, files = r.Collection, append(files, named(r.Collection, name))
		}
		files[len(files)-1].Rows++
		return out.row(mask(r, files[len(files)-1].Cards))
	})
	if err != nil {
		return nil, err
	}
	return files, end()
}

func named(collection, name string) file {
	f := file{Collection: collection, Cards: map[string]uint64{}}
	if strings.HasSuffix(name, csvForm{}.suffix()) {
		f.CSV = name
	} else {
		f.JSON = name
	}
	return f
}

var unsafeName = regexp.MustCompile(`[^a-zA-Z0-9_-]+`)

// safe is a name that every file system takes and none climbs out of.
func safe(name string) string {
	name = unsafeName.ReplaceAllString(name, "_")
	return name[:min(len(name), 80)]
}

type jsonForm struct{}

func (jsonForm) suffix() string { return ".json" }

func (jsonForm) begin(w io.Writer, _ connector.Row) (sink, error) {
	_, err := io.WriteString(w, "[")
	return &jsonSink{w: w}, err
}

type jsonSink struct {
	w    io.Writer
	some bool
}

// row writes an object whose members are in the order of the columns.
func (j *jsonSink) row(r connector.Row) error {
	var b strings.Builder
	if j.some {
		b.WriteString(",")
	}
	j.some = true
	b.WriteString("\n  {")
	for i, c := range r.Columns {
		if i > 0 {
			b.WriteString(", ")
		}
		name, err := json.Marshal(c.Name)
		if err != nil {
			return fmt.Errorf("encode column: %w", err)
		}
		value, err := json.Marshal(plain(c.Value))
		if err != nil {
			return fmt.Errorf("encode value: %w", err)
		}
		b.Write(name)
		b.WriteString(": ")
		b.Write(value)
	}
	b.WriteString("}")
	_, err := io.WriteString(j.w, b.String())
	return err
}

func (j *jsonSink) end() error {
	_, err := io.WriteString(j.w, "\n]\n")
	return err
}

func plain(v any) any {
	switch v := v.(type) {
	case time.Time:
		return v.Format(time.RFC3339Nano)
	case []byte:
		return base64.StdEncoding.EncodeToString(v)
	case float64: // JSON has no numbers for these
		switch {
		case math.IsNaN(v):
			return "NaN"
		case math.IsInf(v, 1):
			return "Infinity"
		case math.IsInf(v, -1):
			return "-Infinity"
		}
	}
	return v
}

type csvForm struct{}

func (csvForm) suffix() string { return ".csv" }

func (csvForm) begin(w io.Writer, r connector.Row) (sink, error) {
	c := csv.NewWriter(w)
	c.UseCRLF = true
	var header []string
	for _, col := range r.Columns {
		header = append(header, harmless(col.Name))
	}
	return csvSink{c}, c.Write(header)
}

type csvSink struct{ w *csv.Writer }

func (s csvSink) row(r connector.Row) error {
	var record []string
	for _, c := range r.Columns {
		record = append(record, cell(c.Value))
	}
	return s.w.Write(record)
}

func (s csvSink) end() error {
	s.w.Flush()
	return s.w.Error()
}

func cell(v any) string {
	switch v := plain(v).(type) {
	case nil:
		return ""
	case string:
		return harmless(v)
	case int64:
		return strconv.FormatInt(v, 10)
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64)
	case bool:
		return strconv.FormatBool(v)
	default:
		return harmless(fmt.Sprint(v))
	}
}

// harmless keeps a spreadsheet from reading a text as a formula.
func harmless(text string) string {
	if text != "" && strings.ContainsRune("=+-@\t\r", rune(text[0])) && !number(text) && !phone.MatchString(text) {
		return "'" + text
	}
	return text
}

// phone is a telephone number: nothing in it can be calculated with.
var phone = regexp.MustCompile(`^\+[0-9 ]+$`)

func number(text string) bool {
	_, err := strconv.ParseFloat(text, 64)
	return err == nil
}
