package jetstream

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	logv1 "habeas.internal/proto/gen/habeas/log/v1"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/archive"

	"golang.org/x/sync/errgroup"
	"google.golang.org/protobuf/proto"
)

// ImportConfig says into what an archive goes.
type ImportConfig struct {
	// Config is the new installation's; its Topology may have another number
	// of shards and more contexts. LogKey and Signer are not used.
	Config Config
	// Installation holds the new installation's keys; Ancestors are taken from
	// the file.
	Installation Installation
	// OldLogKey is the log key of the exported installation, which the operator
	// knows from elsewhere than the file.
	OldLogKey ed25519.PublicKey
	// AllowUnsigned takes a file without a signature. Its commits are verified
	// all the same; that none is missing at the end, and the rows, are not.
	AllowUnsigned bool
	Progress      func(Progress)
}

// Imported is what an import did.
type Imported struct {
	Header   archive.Header
	Signed   bool
	Appended uint64 // commits that this run added
	Found    uint64 // commits that an earlier run had added
	Rows     uint64
}

// TargetError says that the installation is not the fresh target of this
// file's import: it holds something else, or something writes to it.
type TargetError struct {
	Stream   string
	Sequence uint64 // 0 where no message is meant
	Detail   string
}

// Error names the place.
func (e *TargetError) Error() string {
	return fmt.Sprintf("import is refused: %s at %s/%d", e.Detail, e.Stream, e.Sequence)
}

// ErrImportUnfinished says that an installation was begun from an archive that
// was not imported to its end. Import the same file again.
var ErrImportUnfinished = errors.New("import was not finished")

// Import provisions a new installation from an archive and fills it:
// every domain commit as it was published, in the shard that owns it, each
// aggregate in order; the keys that signed them announced anew under the new
// log key; the rows of the mutable streams. Every signature is verified, back
// to the old log key. What the store itself notes of a message, its sequence
// and the time at which it was stored, is the new installation's; the old ones
// are in the file.
//
// It may be killed at any point: with the same file it goes on where it was,
// and adds nothing twice. Until it has returned nil once, Open refuses the
// installation with ErrImportUnfinished. A bad file is an archive.FileError or
// es.CorruptError, a target with other content a TargetError.
//
// It keeps about 150 bytes for each aggregate of the one old stream that is
// being read, and up to some MiB for each shard of the new installation.
func Import(ctx context.Context, cfg ImportConfig, r io.Reader) (Imported, error) {
	in, err := archive.NewReader(r)
	if err != nil {
		return Imported{}, fmt.Errorf("import: %w", err)
	}
	im := importer{ImportConfig: cfg, in: in, out: Imported{Header: in.Header()}}
	if im.check, err = archive.NewChecker(im.out.Header, cfg.OldLogKey); err != nil {
		return im.out, fmt.Errorf("import: %w", err)
	}
	if err := im.open(ctx); err != nil {
		return im.out, fmt.Errorf("import: %w", err)
	}
	defer im.log.Close()
	if err := im.run(ctx); err != nil {
		return im.out, fmt.Errorf("import: %w", err)
	}
	return im.out, nil
}

type importer struct {
	ImportConfig
	in      *archive.Reader
	check   *archive.Checker
	log     *Log
	targets map[*shard]*target
	out     Imported
}

// open provisions the target, unless what is there belongs to something else.
func (im *importer) open(ctx context.Context) error {
	for _, c := range im.out.Header.Contexts {
		if !slices.Contains(im.Config.Topology.Contexts, c) {
			return fmt.Errorf("the new topology lacks context %s: %w", c, es.ErrConfiguration)
		}
	}
	im.Config.LogKey = im.Installation.LogSigner.Public()
	im.Installation.Ancestors = ancestors(im.out.Header)
	if err := im.mayProvision(ctx); err != nil {
		return err
	}
	log, err := im.provision(ctx)
	if err != nil {
		return fmt.Errorf("provision target: %w", err)
	}
	im.log = log
	im.targets = map[*shard]*target{}
	for _, sh := range log.all() {
		if im.targets[sh], err = im.target(ctx, sh); err != nil {
			return err
		}
	}
	return im.unused(ctx)
}

// provisionLimit is far more than the making of all streams takes.
const provisionLimit = 10 * time.Minute

func (im *importer) provision(ctx context.Context) (*Log, error) {
	ctx, cancel := context.WithTimeout(ctx, provisionLimit)
	defer cancel()
	return Provision(ctx, im.Config, im.Installation)
}

func ancestors(h archive.Header) []*logv1.Ancestor {
	out := make([]*logv1.Ancestor, len(h.Streams))
	for i, s := range h.Streams {
		out[i] = &logv1.Ancestor{
			Installation: h.Installation, Stream: s.Name, Epoch: s.Epoch,
			LastSequence: s.LastSequence, Digest: s.Digest, LogKey: h.LogKey,
		}
	}
	return out
}

// mayProvision looks at the streams that exist before anything is written to
// them: each must have been begun for this very file.
func (im *importer) mayProvision(ctx context.Context) error {
	l, err := newLog(im.Config)
	if err != nil {
		return err
	}
	defer l.Close()
	for _, c := range im.Config.Topology.Contexts {
		for k := range im.Config.Topology.Shards {
			sh, err := l.bind(ctx, c, k)
			if errors.Is(err, es.ErrMissingStream) {
				continue
			}
			if err != nil {
				return fmt.Errorf("look at target: %w", err)
			}
			l.shards = map[string][]*shard{c: append(make([]*shard, k), sh)}
			if err := im.begunForThis(ctx, l, sh); err != nil {
				return err
			}
		}
	}
	return nil
}

func (im *importer) begunForThis(ctx context.Context, l *Log, sh *shard) error {
	info, err := l.streamInfo(ctx, sh.name)
	if err != nil || info.State.LastSeq == 0 {
		return err
	}
	g, err := es.ReadGenesis(ctx, l, l.control(sh), im.Config.LogKey)
	if err != nil {
		return fmt.Errorf("look at target: %s: %w", sh.name, err)
	}
	same := len(g.GetAncestors()) == len(im.Installation.Ancestors)
	for i, a := range g.GetAncestors() {
		same = same && proto.Equal(a, im.Installation.Ancestors[i])
	}
	if !same {
		return &TargetError{Stream: sh.name, Sequence: 1, Detail: "the stream was not begun for this archive"}
	}
	return nil
}

// unused refuses a target in which timers wait or messages are parked.
func (im *importer) unused(ctx context.Context) error {
	names := []string{StreamPark}
	for _, context := range im.log.cfg.Topology.timed() {
		names = append(names, TimersStream(context))
	}
	for _, name := range names {
		info, err := im.log.streamInfo(ctx, name)
		if err != nil {
			return err
		}
		if info.State.Msgs != 0 {
			return &TargetError{Stream: name, Sequence: info.State.FirstSeq, Detail: "the stream is in use"}
		}
	}
	return nil
}

func (im *importer) run(ctx context.Context) error {
	if err := im.commits(ctx); err != nil {
		return err
	}
	if err := im.rows(ctx); err != nil {
		return err
	}
	var err error
	if _, im.out.Signed, err = im.in.Finish(im.OldLogKey, im.AllowUnsigned); err != nil {
		return err
	}
	for _, sh := range im.log.all() {
		if err := im.declare(ctx, sh); err != nil {
			return err
		}
	}
	return nil
}

// commits feeds every domain commit to its shard; the shards fill side by
// side, because each syncs on its own.
func (im *importer) commits(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	for _, t := range im.targets {
		g.Go(func() error { return t.run(ctx) })
	}
	g.Go(func() error { return im.feed(ctx) })
	err := g.Wait()
	for _, t := range im.targets {
		im.out.Appended += t.appended
		im.out.Found += t.found
	}
	return err
}

// feed reads and verifies. It closes the inputs only when all is well: a
// target that is cut short must not take what it got for everything.
func (im *importer) feed(ctx context.Context) error {
	for {
		m, err := im.in.Message()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if err := im.give(ctx, m); err != nil {
			return err
		}
		s := im.out.Header.Streams[m.Stream]
		report(im.Progress, "import", s.Name, m.Seq, s.LastSequence)
	}
	for _, t := range im.targets {
		close(t.in)
	}
	return nil
}

func (im *importer) give(ctx context.Context, m archive.Message) error {
	for name := range m.Header {
		if !slices.Contains(kept[:], name) {
			return &archive.FileError{Reason: archive.Altered, Offset: im.in.Offset(), Detail: "a message has a header that none may have"}
		}
	}
	rec, err := im.check.Check(ctx, m)
	if err != nil || rec.Aggregate.Tenant == es.LogTenant {
		return err
	}
	key, err := im.check.Signer(rec)
	if err != nil {
		return err
	}
	sh, err := im.log.shardOf(rec.Aggregate)
	if err != nil {
		return err
	}
	select {
	case im.targets[sh].in <- item{rec: rec, key: key}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// declare ends the import of one shard.
func (im *importer) declare(ctx context.Context, sh *shard) error {
	ctx, cancel := context.WithTimeout(ctx, flushLimit)
	defer cancel()
	l, control := im.log, im.log.control(sh)
	g, err := es.ReadGenesis(ctx, l, control, l.cfg.LogKey)
	if err != nil {
		return err
	}
	whole, head, err := es.ReadImported(ctx, l, l.ring, control, g)
	if err != nil || whole {
		return err
	}
	commit, err := es.ImportedCommit(im.Installation.Random, control, g.GetAncestors(), im.Installation.Now)
	if err != nil {
		return err
	}
	if _, err := l.Append(ctx, head, commit); err != nil {
		return fmt.Errorf("declare %s whole: %w", sh.name, err)
	}
	return nil
}
