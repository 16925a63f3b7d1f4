package cli

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"os"

	"habeas.internal/services/internal/es/archive"
	"habeas.internal/services/internal/es/jetstream"

	"github.com/spf13/cobra"
)

// importFlags are the flags of import alone.
type importFlags struct {
	file     string
	oldKey   string
	unsigned bool
	check    bool
}

func (a *app) importing() *cobra.Command {
	var f importFlags
	c := &cobra.Command{
		Use: "import", Short: "make a new installation from an exported file", Args: cobra.NoArgs,
		Long: `Import makes a new installation, with keys and a number of shards of its own, and fills it from a file that
"habeas export" wrote. Every signature is verified, back to the old log key. A file is read through before
anything is made; from standard input it is verified on the way. An import that was killed goes on when it is
run again with the same file; until it is complete, no service opens the installation. The folder of
key-encryption keys is carried over by itself.`,
		RunE: func(c *cobra.Command, _ []string) error { return a.runImport(c.Context(), f) },
	}
	c.Flags().StringVarP(&f.file, "file", "f", "-", "what to read; - is standard input")
	c.Flags().StringVar(&f.oldKey, "old-log-key", "", "public key of the exported log, base64 or its file; needed")
	c.Flags().BoolVar(&f.unsigned, "unsigned", false, "take a file without a signature: whether its end is missing, and its rows, are not verified")
	c.Flags().BoolVar(&f.check, "check", false, "only read the file through and verify it")
	return c
}

func (a *app) runImport(ctx context.Context, f importFlags) error {
	if f.oldKey == "" {
		return usageError{errors.New("--old-log-key is needed: what the file says of itself proves nothing")}
	}
	old, err := publicKey(f.oldKey)
	if err != nil {
		return err
	}
	in, seek, closing, err := a.readFrom(f.file)
	if err != nil {
		return err
	}
	defer closing()
	if f.check {
		v, err := a.verify(ctx, in, old, f.unsigned)
		if err != nil {
			return err
		}
		return a.printExported(newExported(v.Header, v.Trailer, v.Signed))
	}
	if err := a.set.needKeys(); err != nil {
		return err
	}
	if seek != nil {
		if _, err := a.verify(ctx, in, old, f.unsigned); err != nil {
			return err
		}
		if _, err := seek.Seek(0, io.SeekStart); err != nil {
			return fmt.Errorf("read file again: %w", err)
		}
	}
	return a.fill(ctx, in, old, f)
}

// readFrom opens the file, or takes standard input; seek is nil for what can
// be read only once.
func (a *app) readFrom(path string) (in io.Reader, seek io.Seeker, closing func(), err error) {
	if path == "-" {
		return a.In, nil, func() {}, nil
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, nil, nil, usageError{fmt.Errorf("open file: %w", err)}
	}
	closing = func() { _ = file.Close() } // it was only read
	info, err := file.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return file, nil, closing, nil
	}
	return file, file, closing, nil
}

func (a *app) verify(ctx context.Context, in io.Reader, old ed25519.PublicKey, unsigned bool) (archive.Verdict, error) {
	progress := a.progress()
	v, err := archive.Verify(ctx, in, old, unsigned, func(h archive.Header, m archive.Message) {
		if s := h.Streams[m.Stream]; progress != nil {
			progress(jetstream.Progress{Step: "verify", Stream: s.Name, Done: m.Seq, Of: s.LastSequence})
		}
	})
	if err != nil {
		return v, fmt.Errorf("verify file: %w", err)
	}
	return v, nil
}

// imported is the result of an import.
type imported struct {
	From   string `json:"imported_from"`
	Signed bool   `json:"signed"`
	Added  uint64 `json:"commits_added"`
	Found  uint64 `json:"commits_found"`
	Rows   uint64 `json:"rows"`
	made
}

func (a *app) fill(ctx context.Context, r io.Reader, old ed25519.PublicKey, f importFlags) error {
	cfg, closing, err := a.config()
	if err != nil {
		return err
	}
	defer closing()
	before, err := jetstream.Present(ctx, cfg)
	if err != nil {
		return err
	}
	in, out, err := a.installation(cfg.Topology, len(before) > 0)
	if err != nil {
		return err
	}
	got, err := jetstream.Import(ctx, jetstream.ImportConfig{
		Config: cfg, Installation: in, OldLogKey: old, AllowUnsigned: f.unsigned, Progress: a.progress(),
	}, r)
	if err != nil {
		return err
	}
	if err := out.streams(ctx, cfg, before); err != nil {
		return err
	}
	result := imported{From: got.Header.Installation, Signed: got.Signed, Added: got.Appended, Found: got.Found, Rows: got.Rows, made: out}
	if a.set.output == outputJSON {
		return a.print(result)
	}
	if err := a.printMade(out); err != nil {
		return err
	}
	return printTables(a.Out, [][]string{
		{},
		{"IMPORTED FROM\tADDED\tFOUND\tROWS\tSIGNED", cells(result.From, result.Added, result.Found, result.Rows, result.Signed)},
	})
}
