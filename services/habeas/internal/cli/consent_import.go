package cli

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	"habeas.internal/services/habeas/internal/remote"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
)

// decisionsFile is what is imported, and how.
type decisionsFile struct {
	path   string
	csv    bool
	begin  consentv1.BeginImport
	format string
}

func (a *app) consentImport() *cobra.Command {
	var d decisionsFile
	c := &cobra.Command{
		Use: "import FILE", Short: "take in decisions that another system has kept", Args: cobra.ExactArgs(1),
		Long: `Import takes decisions in from a file: JSON, one object a line, or CSV with a heading. Its columns are subject_ref or
one of email, phone, account, device, cookie, sso, idfa, gaid, analytics and other; policy, version, purpose or
category, decision, expression, decided_at, expires_at, evidence, recipients (several with semicolons), notice,
text_hash, language, method, channel, actor, actor_ref, steps and seconds.

Each row is recorded by the rules of "habeas consent record", and those that break one are refused alone: the exit
code is then 7, and "habeas consent imported IMPORT" lists them. A file is imported once, however often this is run:
after an interruption run it again with --resume.`,
		RunE: func(c *cobra.Command, args []string) error {
			d.path = args[0]
			return a.importDecisions(c.Context(), &d)
		},
	}
	f := c.Flags()
	f.StringVar(&d.begin.Source, "source", "", "the system that kept the decisions, a code such as newsletter-2019; needed")
	f.StringVar(&d.begin.EvidenceKind, "evidence-kind", "record", "what the evidence is that the rows name, a code such as web_form")
	f.StringVar(&d.format, "format", "", "jsonl or csv; by the file's name if empty")
	f.BoolVar(&d.begin.Resume, "resume", false, "go on with an import that was interrupted")
	return c
}

// examine reads the file once, for its digest and the number of its rows.
func (d *decisionsFile) examine() error {
	if d.begin.GetSource() == "" {
		return usageError{errors.New("--source is needed: the system that kept the decisions")}
	}
	if d.format == "" {
		d.format = strings.TrimPrefix(filepath.Ext(d.path), ".")
	}
	if d.format != "csv" && d.format != "jsonl" {
		return usageError{errors.New("--format is one of csv, jsonl")}
	}
	d.csv = d.format == "csv"
	digest := sha256.New()
	err := d.read(digest, func(*consentv1.ImportRow) error { d.begin.Rows++; return nil })
	if err == nil && d.begin.GetRows() == 0 {
		err = usageError{errors.New("the file has no rows")}
	}
	d.begin.FileDigest = hex.EncodeToString(digest.Sum(nil))
	return err
}

// read hands over each row, and all that is read to w.
func (d *decisionsFile) read(w io.Writer, each func(*consentv1.ImportRow) error) error {
	file, err := os.Open(d.path)
	if err != nil {
		return usageError{fmt.Errorf("open file: %w", err)}
	}
	defer func() { _ = file.Close() }() // it was only read
	return readDecisions(io.TeeReader(file, w), d.csv, each)
}

func (a *app) importDecisions(ctx context.Context, d *decisionsFile) error {
	if err := d.examine(); err != nil {
		return err
	}
	return a.consents(func(conn *grpc.ClientConn) error {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		stream, err := consentv1.NewImportServiceClient(conn).ImportDecisions(ctx)
		if err != nil {
			return err
		}
		last, err := a.exchange(stream, d)
		if err != nil {
			e := remote.As(remote.Of(err))
			if e == nil || last == nil {
				return err
			}
			e.Again = "--resume"
			return e
		}
		if err := a.show(&consentv1.GetImportResponse{Import: last}, importTable(last)); err != nil {
			return err
		}
		if last.GetRefused() > 0 {
			return codedError{errAlreadySaid, ExitPartly}
		}
		return nil
	})
}

// decisionsStream is an import under way.
type decisionsStream = grpc.BidiStreamingClient[consentv1.ImportDecisionsRequest, consentv1.ImportDecisionsResponse]

// exchange sends the rows that are not done yet, and shows the answers. What it
// returns is the last that is known, also with an error.
func (a *app) exchange(stream decisionsStream, d *decisionsFile) (*consentv1.Import, error) {
	begin := &consentv1.ImportDecisionsRequest{Step: &consentv1.ImportDecisionsRequest_Begin{Begin: &d.begin}}
	if err := stream.Send(begin); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	first, err := stream.Recv()
	if err != nil {
		return nil, err
	}
	last := first.GetImport()
	tell := a.progressOf(last.GetRows())
	sent := make(chan error, 1)
	go func() { sent <- d.send(stream, last.GetDone()) }()
	for last.GetFinishedAt() == nil {
		r, err := stream.Recv()
		if errors.Is(err, io.EOF) { // the file has changed since it was counted
			err = errors.Join(<-sent, errors.New("the import ended before its last row"))
		}
		if err != nil {
			return last, err
		}
		last = r.GetImport()
		tell(last)
	}
	return last, <-sent
}

// Bounds of a message of rows, within the contract's.
const (
	maxImportRows  = 1000
	maxImportBytes = 200_000
)

// send sends the rows after those that are done. An error of the stream itself is
// told by its answers.
func (d *decisionsFile) send(stream decisionsStream, done uint64) error {
	n, size := uint64(0), 0
	rows := &consentv1.ImportRows{First: done + 1}
	flush := func() error {
		if len(rows.GetRows()) == 0 {
			return nil
		}
		err := stream.Send(&consentv1.ImportDecisionsRequest{Step: &consentv1.ImportDecisionsRequest_Rows{Rows: rows}})
		rows, size = &consentv1.ImportRows{First: n + 1}, 0
		return err
	}
	err := d.read(io.Discard, func(row *consentv1.ImportRow) error {
		if n+1 <= done {
			n++
			return nil
		}
		if more := proto.Size(row) + 4; size+more > maxImportBytes || len(rows.GetRows()) == maxImportRows {
			if err := flush(); err != nil {
				return err
			}
		}
		size += proto.Size(row) + 4
		rows.Rows = append(rows.Rows, row)
		n++
		return nil
	})
	if err == nil {
		err = flush()
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return errors.Join(err, stream.CloseSend())
}

// barWidth is that of a bar on a terminal.
const barWidth = 30

// progressOf shows how far an import is: as a bar on a terminal, or as a line now
// and then.
func (a *app) progressOf(rows uint64) func(*consentv1.Import) {
	if a.set.quiet {
		return func(*consentv1.Import) {}
	}
	form, end := "import: %[2]d of %[3]d rows, %[4]d refused\n", ""
	if terminal(a.Err) {
		form, end = "\r[%[1]s] %[2]d of %[3]d rows, %[4]d refused ", "\n"
	}
	last := time.Now()
	return func(i *consentv1.Import) {
		finished := i.GetFinishedAt() != nil
		if !finished && time.Since(last) < progressEvery/4 {
			return
		}
		last = time.Now()
		full := int(i.GetDone() * barWidth / max(rows, 1)) //nolint:gosec // at most the bar's width
		bar := strings.Repeat("#", full) + strings.Repeat(".", barWidth-full)
		_, _ = fmt.Fprintf(a.Err, form, bar, i.GetDone(), rows, i.GetRefused())
		if finished {
			_, _ = fmt.Fprint(a.Err, end)
		}
	}
}

// terminal reports whether somebody looks at it.
func terminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

func importTable(i *consentv1.Import) []string {
	return []string{
		"IMPORT\tSOURCE\tROWS\tDONE\tRECORDED\tREFUSED\tBEGUN\tFINISHED",
		cells(i.GetId(), i.GetSource(), i.GetRows(), i.GetDone(), i.GetRecorded(), i.GetRefused(), day(i.GetBegunAt()), day(i.GetFinishedAt())),
	}
}

func (a *app) consentImported() *cobra.Command {
	var p page
	c := &cobra.Command{
		Use: "imported IMPORT", Short: "show an import, and the rows that were refused", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return a.runImported(c.Context(), args[0], &p) },
	}
	p.flags(c.Flags())
	return c
}

func (a *app) runImported(ctx context.Context, id string, p *page) error {
	return a.consents(func(conn *grpc.ClientConn) error {
		client := consentv1.NewImportServiceClient(conn)
		got, err := client.GetImport(ctx, &consentv1.GetImportRequest{Import: id})
		if err != nil {
			return err
		}
		all := &consentv1.ListRefusedRowsResponse{}
		err = p.all(func(token string) (string, error) {
			resp, err := client.ListRefusedRows(ctx, &consentv1.ListRefusedRowsRequest{Import: id, PageSize: p.size, PageToken: token})
			all.Rows = append(all.Rows, resp.GetRows()...)
			return resp.GetNextPageToken(), err
		})
		if err != nil {
			return err
		}
		rows := []string{"LINE\tREASON\tFIELD"}
		for _, r := range all.GetRows() {
			rows = append(rows, cells(r.GetLine(), r.GetReason(), dash(r.GetField())))
		}
		if a.set.output == outputTable {
			return a.show(got, importTable(got.GetImport()), rows)
		}
		return a.show(all)
	})
}
