package cli

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/archive"
	"habeas.internal/services/internal/es/jetstream"
	"habeas.internal/services/internal/es/keyfile"

	"github.com/spf13/cobra"
)

// exportFlags are the flags of export alone.
type exportFlags struct {
	file     string
	unsigned bool
	live     bool
	skip     bool
}

func (a *app) export() *cobra.Command {
	var f exportFlags
	c := &cobra.Command{
		Use: "export", Short: "write the whole installation to one file", Args: cobra.NoArgs,
		Long: `Export reads every log stream through to its end, verifies it, and writes it with the present rows of the
vault and of the suppression set to one file, signed with KEYS/log.key. Stop the services first: the file is
what "habeas import" makes a new installation from. It holds wrapped keys: keep and destroy it as a backup of
the vault. Timers and parked messages stay behind.`,
		RunE: func(c *cobra.Command, _ []string) error { return a.runExport(c.Context(), f) },
	}
	c.Flags().StringVarP(&f.file, "file", "f", "-", "where to write; - is standard output")
	c.Flags().BoolVar(&f.unsigned, "unsigned", false, "do not sign")
	c.Flags().BoolVar(&f.live, "live", false, "accept that services went on writing: the file is a copy of the past")
	c.Flags().BoolVar(&f.skip, "skip-signatures", false, "leave chains and signatures to the import")
	return c
}

// exported is the result of an export or of a check of its file.
type exported struct {
	Installation string           `json:"installation"`
	Signed       bool             `json:"signed"`
	Messages     uint64           `json:"messages"`
	Rows         uint64           `json:"rows"`
	Streams      []exportedStream `json:"streams"`
	SHA256       string           `json:"sha256"`
}

type exportedStream struct {
	Name         string `json:"name"`
	Epoch        string `json:"epoch"`
	LastSequence uint64 `json:"last_sequence"`
	Digest       string `json:"digest"`
}

func newExported(h archive.Header, t archive.Trailer, signed bool) exported {
	out := exported{Installation: h.Installation, Signed: signed, Messages: t.Messages, SHA256: hex.EncodeToString(t.SHA256)}
	for _, s := range h.Streams {
		out.Streams = append(out.Streams, exportedStream{s.Name, s.Epoch, s.LastSequence, hex.EncodeToString(s.Digest)})
	}
	for _, r := range t.Rows {
		out.Rows += r.Rows
	}
	return out
}

func (a *app) runExport(ctx context.Context, f exportFlags) error {
	signer, err := a.exportSigner(f)
	if err != nil {
		return err
	}
	log, closing, err := a.open(ctx)
	if err != nil {
		return err
	}
	defer closing()
	var out jetstream.Exported
	err = a.writeTo(f.file, func(w io.Writer) (err error) {
		out, err = log.Export(ctx, w, jetstream.ExportConfig{
			LogKey: signer, SkipSignatures: f.skip, Now: time.Now(), Progress: a.progress(),
		})
		if err == nil && len(out.Moved) > 0 && !f.live {
			err = fmt.Errorf("%d streams have grown meanwhile, the first is %s: stop the services, or keep a copy of the past with --live", len(out.Moved), out.Moved[0])
		}
		return err
	})
	if err != nil {
		return err
	}
	if out.Parked > 0 {
		a.warn(fmt.Sprintf("%d parked messages stay behind", out.Parked))
	}
	result := newExported(out.Header, out.Trailer, !f.unsigned)
	if f.file == "-" {
		a.warn(fmt.Sprintf("%d messages and %d rows were written to standard output", result.Messages, result.Rows))
		return nil
	}
	return a.printExported(result)
}

func (a *app) printExported(e exported) error {
	rows := []string{"STREAM\tEPOCH\tLAST\tDIGEST"}
	for _, s := range e.Streams {
		rows = append(rows, cells(s.Name, s.Epoch, s.LastSequence, s.Digest))
	}
	return a.print(e, rows, []string{"INSTALLATION\tMESSAGES\tROWS\tSIGNED", cells(e.Installation, e.Messages, e.Rows, e.Signed)})
}

func (a *app) exportSigner(f exportFlags) (es.Signer, error) {
	if f.unsigned {
		return es.Signer{}, nil
	}
	if err := a.set.needKeys(); err != nil {
		return es.Signer{}, usageError{fmt.Errorf("%w; or --unsigned", err)}
	}
	signer, err := keyfile.Read(filepath.Join(a.set.Keys, logName+keyfile.Private))
	if missing(err) {
		return signer, usageError{fmt.Errorf("%w; or --unsigned", err)}
	}
	return signer, err
}

// writeTo writes a file that exists only when it is whole, readable by its
// owner only; or standard output.
func (a *app) writeTo(path string, write func(io.Writer) error) error {
	if path == "-" {
		return write(a.Out)
	}
	if _, err := os.Lstat(path); !missing(err) {
		return usageError{fmt.Errorf("%s exists", path)}
	}
	file, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".part-*") // mode 0600
	if err != nil {
		return usageError{fmt.Errorf("make file: %w", err)}
	}
	err = write(file)
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(file.Name()))
	}
	return nil
}
