package archive

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
)

// Kinds of frames.
const (
	kindHeader    = 'H'
	kindMessage   = 'M'
	kindRow       = 'R'
	kindTrailer   = 'T'
	kindSignature = 'S'
)

const (
	frameHead = 5
	// maxFrame is more than any message of a log and any header need.
	maxFrame = 16 << 20
	bufBytes = 64 << 10
)

// frameWriter writes frames and keeps the digest of all that was written.
type frameWriter struct {
	w     *bufio.Writer
	sum   hash.Hash
	table *crc32.Table
}

func newFrameWriter(w io.Writer) *frameWriter {
	return &frameWriter{w: bufio.NewWriterSize(w, bufBytes), sum: sha256.New(), table: crc32.MakeTable(crc32.Castagnoli)}
}

func (f *frameWriter) write(b []byte) error {
	_, _ = f.sum.Write(b) // never fails
	if _, err := f.w.Write(b); err != nil {
		return fmt.Errorf("write archive: %w", err)
	}
	return nil
}

func (f *frameWriter) frame(kind byte, payload []byte) error {
	if len(payload) > maxFrame {
		return fmt.Errorf("write archive: frame of %d bytes is too long", len(payload))
	}
	head := binary.BigEndian.AppendUint32([]byte{kind}, uint32(len(payload)))
	crc := crc32.Update(crc32.Checksum(head, f.table), f.table, payload)
	for _, b := range [][]byte{head, payload, binary.BigEndian.AppendUint32(nil, crc)} {
		if err := f.write(b); err != nil {
			return err
		}
	}
	return nil
}

// frameReader is the inverse of frameWriter.
type frameReader struct {
	r      *bufio.Reader
	sum    hash.Hash
	table  *crc32.Table
	offset int64 // of the frame being read
	next   int64
}

func newFrameReader(r io.Reader) *frameReader {
	return &frameReader{r: bufio.NewReaderSize(r, bufBytes), sum: sha256.New(), table: crc32.MakeTable(crc32.Castagnoli)}
}

func (f *frameReader) refuse(reason, detail string) error {
	return &FileError{Reason: reason, Offset: f.offset, Detail: detail}
}

// full reads exactly len(b) bytes; a file that ends before is truncated.
func (f *frameReader) full(b []byte) error {
	n, err := io.ReadFull(f.r, b)
	f.next += int64(n)
	_, _ = f.sum.Write(b[:n]) // never fails
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return f.refuse(Truncated, "the file ends here")
	}
	if err != nil {
		return fmt.Errorf("read archive: %w", err)
	}
	return nil
}

// grow reads n bytes and allocates as they come, since n may be a lie.
func (f *frameReader) grow(n int) ([]byte, error) {
	var out []byte
	for len(out) < n {
		have := len(out)
		out = append(out, make([]byte, min(n-have, bufBytes))...)
		if err := f.full(out[have:]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// frame reads the next frame. before is the digest of the file up to it.
func (f *frameReader) frame() (kind byte, payload []byte, before []byte, err error) {
	before = f.sum.Sum(nil)
	f.offset = f.next
	head := make([]byte, frameHead)
	if err := f.full(head); err != nil {
		return 0, nil, nil, err
	}
	n := binary.BigEndian.Uint32(head[1:])
	if n > maxFrame {
		return 0, nil, nil, f.refuse(Altered, "frame is longer than any frame")
	}
	rest, err := f.grow(int(n) + 4)
	if err != nil {
		return 0, nil, nil, err
	}
	payload = rest[:n]
	crc := crc32.Update(crc32.Checksum(head, f.table), f.table, payload)
	if crc != binary.BigEndian.Uint32(rest[n:]) {
		return 0, nil, nil, f.refuse(Altered, "checksum of the frame differs")
	}
	return head[0], payload, before, nil
}

// atEnd reports whether nothing follows.
func (f *frameReader) atEnd() (bool, error) {
	f.offset = f.next
	_, err := f.r.Peek(1)
	if errors.Is(err, io.EOF) {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("read archive: %w", err)
	}
	return false, nil
}
