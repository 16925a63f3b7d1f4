// Package pack makes access packages: an archive with the data of each
// collection as JSON and as CSV and one page that a person can read. An archive
// is written and read in chunks, each sealed under the request's package key, so
// that no store ever holds a readable byte and destroying the key ends every
// copy. Nothing is held in memory but one chunk.
package pack

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"regexp"
	"strconv"

	sealv1 "habeas.internal/proto/gen/habeas/seal/v1"
	"habeas.internal/services/internal/es/eventpb"
	"habeas.internal/services/internal/seal"

	"gocloud.dev/blob"
	_ "gocloud.dev/blob/fileblob" // packages lie in a folder unless the URL says otherwise
	"gocloud.dev/gcerrors"
	"google.golang.org/protobuf/proto"
)

// Store keeps packages. Its methods may be called from several goroutines.
type Store struct {
	bucket *blob.Bucket
	sealer eventpb.Sealer
	opener eventpb.Opener
}

var (
	// ErrGone says that there is no such package, or that its key is destroyed.
	ErrGone = errors.New("package does not exist")
	// ErrBroken says that a package is not as it was written.
	ErrBroken = errors.New("package is damaged")
	// ErrStore says that the store of packages can't be used now.
	ErrStore = errors.New("store of packages does not answer")
)

// Open opens the store at a URL, such as "file:///var/lib/habeas/packages". The
// caller closes it.
func Open(ctx context.Context, at string, s eventpb.Sealer, o eventpb.Opener) (*Store, error) {
	bucket, err := blob.OpenBucket(ctx, private(at))
	if err != nil {
		return nil, fmt.Errorf("open store of packages: %w", err)
	}
	return &Store{bucket, s, o}, nil
}

// private makes the folders of a store in files the owner's alone, unless the
// URL says otherwise.
func private(given string) string {
	u, err := url.Parse(given)
	if err != nil || u.Scheme != "file" {
		return given
	}
	q := u.Query()
	if !q.Has("dir_file_mode") {
		q.Set("dir_file_mode", strconv.Itoa(folderMode))
		u.RawQuery = q.Encode()
	}
	return u.String()
}

const (
	folderMode = 0o700
	fileMode   = 0o600
)

// closed makes a store's file the owner's alone before anything is in it. Other
// stores have no files.
func closed(as func(any) bool) error {
	var f *os.File
	if !as(&f) {
		return nil
	}
	if err := f.Chmod(fileMode); err != nil {
		return fmt.Errorf("%w: close to others", ErrStore)
	}
	return nil
}

// Close lets go of the store.
func (s *Store) Close() error {
	if err := s.bucket.Close(); err != nil {
		return fmt.Errorf("close store of packages: %w", err)
	}
	return nil
}

// Name says which package. All parts are random references.
type Name struct{ Tenant, Request, Package string }

func (n Name) key() string { return n.Tenant + "/" + n.Package }

var nameForm = regexp.MustCompile(`^[a-z2-7]{26}$`)

func (n Name) keyID() (seal.KeyID, error) {
	holder, err := seal.NewHolder(seal.Request, n.Request)
	if err != nil || !nameForm.MatchString(n.Package) {
		return seal.KeyID{}, fmt.Errorf("name of a package: %w", ErrGone)
	}
	return seal.KeyID{Tenant: n.Tenant, Holder: holder, Class: sealv1.KeyClass_KEY_CLASS_PACKAGE}, nil
}

// place binds a chunk to its package and its number; the last one says that it
// is the last, so that none can be left out, moved or cut off unseen.
func (n Name) place(i int, last bool) seal.Field {
	path := "chunks[" + strconv.Itoa(i) + "].data"
	if last {
		path = "end[" + strconv.Itoa(i) + "].data"
	}
	return seal.Field{
		Tenant: n.Tenant, Context: "fulfilment", AggregateType: "package", AggregateID: n.Package,
		EventID: n.Package + "-0", Path: path,
	}
}

const (
	chunkSize = 256 << 10
	// maxFrame is more than a sealed chunk can have.
	maxFrame = chunkSize + 4096
	purpose  = "package"
)

// Write stores what fill writes. If fill fails, or ctx ends, nothing is stored.
func (s *Store) Write(ctx context.Context, n Name, fill func(w io.Writer) error) (size uint64, err error) {
	id, err := n.keyID()
	if err != nil {
		return 0, err
	}
	ctx, abort := context.WithCancel(ctx)
	defer abort()
	out, err := s.bucket.NewWriter(ctx, n.key(), &blob.WriterOptions{
		ContentType: "application/octet-stream", BeforeWrite: closed,
	})
	if err != nil {
		return 0, fmt.Errorf("%w: open", ErrStore)
	}
	w := &chunks{ctx: ctx, store: s, name: n, id: id, out: out, buffer: make([]byte, 0, chunkSize)}
	if err := errors.Join(fill(w)); err != nil {
		abort()
		_ = out.Close() // the context's end makes it forget what was written
		return 0, err
	}
	if err := w.flush(true); err != nil {
		abort()
		_ = out.Close()
		return 0, err
	}
	if err := out.Close(); err != nil {
		return 0, fmt.Errorf("%w: close", ErrStore)
	}
	return w.size, nil
}

// chunks seals what is written to it.
type chunks struct {
	ctx    context.Context //nolint:containedctx // it lives as long as one call
	store  *Store
	name   Name
	id     seal.KeyID
	out    io.Writer
	buffer []byte
	next   int
	size   uint64
}

// Write takes bytes in and seals whenever a chunk is full.
func (c *chunks) Write(p []byte) (int, error) {
	n := len(p)
	c.size += uint64(n)
	for len(p) > 0 {
		take := min(len(p), chunkSize-len(c.buffer))
		c.buffer, p = append(c.buffer, p[:take]...), p[take:]
		if len(c.buffer) == chunkSize {
			if err := c.flush(false); err != nil {
				return 0, err
			}
		}
	}
	return n, nil
}

func (c *chunks) flush(last bool) error {
	box, err := c.store.sealer.Seal(c.ctx, purpose, c.id, c.name.place(c.next, last), c.buffer)
	if err != nil {
		return fmt.Errorf("seal chunk: %w", err)
	}
	frame, err := proto.Marshal(box)
	if err != nil {
		return fmt.Errorf("encode chunk: %w", err)
	}
	clear(c.buffer)
	c.buffer, c.next = c.buffer[:0], c.next+1
	if _, err := c.out.Write(binary.BigEndian.AppendUint32(nil, uint32(len(frame)))); err != nil {
		return fmt.Errorf("%w: write", ErrStore)
	}
	if _, err := c.out.Write(frame); err != nil {
		return fmt.Errorf("%w: write", ErrStore)
	}
	return nil
}

// Read gives the archive to yield, chunk by chunk, each checked before it is
// given on. ErrGone: there is none, or its key is destroyed. Why somebody reads
// it is the caller's to record; the key is had for packages alone.
func (s *Store) Read(ctx context.Context, n Name, yield func([]byte) error) error {
	if _, err := n.keyID(); err != nil {
		return err
	}
	in, err := s.bucket.NewReader(ctx, n.key(), nil)
	if gcerrors.Code(err) == gcerrors.NotFound {
		return ErrGone
	}
	if err != nil {
		return fmt.Errorf("%w: open", ErrStore)
	}
	defer func() { _ = in.Close() }()
	r := bufio.NewReader(in)
	for i := 0; ; i++ {
		box, err := frame(r)
		if err != nil {
			return err
		}
		_, more := r.Peek(1)
		last := errors.Is(more, io.EOF)
		data, err := s.opener.Open(ctx, purpose, n.place(i, last), box)
		switch {
		case errors.Is(err, seal.ErrErased):
			return ErrGone
		case errors.Is(err, seal.ErrCorrupt):
			return ErrBroken
		case err != nil:
			return fmt.Errorf("open chunk: %w", err)
		}
		if len(data) > 0 {
			if err := yield(data); err != nil {
				return err
			}
		}
		if last {
			return nil
		}
	}
}

func frame(r io.Reader) (*sealv1.Sealed, error) {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, ErrBroken
	}
	n := binary.BigEndian.Uint32(head[:])
	if n > maxFrame {
		return nil, ErrBroken
	}
	data := make([]byte, n)
	if _, err := io.ReadFull(r, data); err != nil {
		return nil, ErrBroken
	}
	box := new(sealv1.Sealed)
	if proto.Unmarshal(data, box) != nil {
		return nil, ErrBroken
	}
	return box, nil
}

// Delete removes a package; one that is not there is no error.
func (s *Store) Delete(ctx context.Context, tenant, name string) error {
	err := s.bucket.Delete(ctx, Name{Tenant: tenant, Package: name}.key())
	if err != nil && gcerrors.Code(err) != gcerrors.NotFound {
		return fmt.Errorf("%w: delete", ErrStore)
	}
	return nil
}
