package archive

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"

	"habeas.internal/services/internal/es"
)

// Writer writes one file. Messages come first, stream by stream in the
// header's order, each from sequence 1 to its last; rows follow.
type Writer struct {
	frames *frameWriter
	header Header
	at     cursor
	chain  *Chain
	rows   []*rowChain
	count  uint64
	buf    []byte
}

// NewWriter begins a file. The header's streams carry their final digests:
// what is written is held against them.
func NewWriter(w io.Writer, h Header) (*Writer, error) {
	if err := h.validate(); err != nil {
		return nil, fmt.Errorf("write archive: %w", err)
	}
	out := &Writer{frames: newFrameWriter(w), header: h, at: cursor{streams: h.Streams}}
	for _, name := range h.Rows {
		out.rows = append(out.rows, newRowChain(name))
	}
	if err := out.frames.write([]byte(Magic)); err != nil {
		return nil, err
	}
	return out, out.json(kindHeader, h)
}

func (w *Writer) json(kind byte, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode archive: %w", err)
	}
	return w.frames.frame(kind, b)
}

// Message writes the next message.
func (w *Writer) Message(m Message) error {
	if err := w.at.advance(m); err != nil {
		return fmt.Errorf("write archive: %w", err)
	}
	s := w.header.Streams[m.Stream]
	if m.Seq == 1 {
		w.chain = NewChain(w.header.Installation, s.Name, s.Epoch)
	}
	w.chain.Add(m)
	if m.Seq == s.LastSequence && !bytes.Equal(w.chain.Digest(), s.Digest) {
		return fmt.Errorf("write archive: %s is not what its digest was taken of", s.Name)
	}
	w.count++
	w.buf = appendMessage(w.buf[:0], m)
	return w.frames.frame(kindMessage, w.buf)
}

// Row writes one row. All messages come before the first row, and rows in the
// order of their streams.
func (w *Writer) Row(r Row) error {
	if !w.at.done() || r.Stream < 0 || r.Stream >= len(w.rows) {
		return fmt.Errorf("write archive: row out of order")
	}
	w.rows[r.Stream].add(r)
	w.buf = appendRow(w.buf[:0], r)
	return w.frames.frame(kindRow, w.buf)
}

// Finish writes the trailer and, unless the signer is the zero value, its
// signature. Only then is the file complete.
func (w *Writer) Finish(logKey es.Signer) (Trailer, error) {
	if !w.at.done() {
		return Trailer{}, fmt.Errorf("write archive: messages are missing")
	}
	t := Trailer{Messages: w.count, SHA256: w.frames.sum.Sum(nil)}
	for _, c := range w.rows {
		t.Rows = append(t.Rows, c.count())
	}
	payload, err := json.Marshal(t)
	if err != nil {
		return t, fmt.Errorf("encode archive: %w", err)
	}
	if err := w.frames.frame(kindTrailer, payload); err != nil {
		return t, err
	}
	if logKey.KeyID != "" {
		sig := signature{KeyID: logKey.KeyID, Signature: ed25519.Sign(logKey.Private(), signed(payload))}
		if err := w.json(kindSignature, sig); err != nil {
			return t, err
		}
	}
	if err := w.frames.w.Flush(); err != nil {
		return t, fmt.Errorf("write archive: %w", err)
	}
	return t, nil
}

// signed is what a signature covers.
func signed(trailer []byte) []byte {
	sum := sha256.Sum256(append([]byte(signatureDomain), trailer...))
	return sum[:]
}

func appendMessage(b []byte, m Message) []byte {
	b = binary.BigEndian.AppendUint16(b, uint16(m.Stream))
	b = appendPlace(b, m)
	return appendLP(b, m.Data)
}

func appendRow(b []byte, r Row) []byte {
	b = binary.BigEndian.AppendUint16(b, uint16(r.Stream))
	b = appendLP(b, r.Subject)
	return appendLP(b, r.Value)
}

// cursor walks the places of all messages of a file.
type cursor struct {
	streams []Stream
	stream  int
	seq     uint64 // last one passed
}

// advance steps to m, which must be at the next place.
func (c *cursor) advance(m Message) error {
	for c.stream < len(c.streams) && c.seq == c.streams[c.stream].LastSequence {
		c.stream, c.seq = c.stream+1, 0
	}
	if c.stream == len(c.streams) || m.Stream != c.stream || m.Seq != c.seq+1 {
		return fmt.Errorf("message %d of stream %d is not the next one", m.Seq, m.Stream)
	}
	c.seq = m.Seq
	return nil
}

func (c *cursor) done() bool {
	last := len(c.streams) - 1
	return last < 0 || c.stream > last || c.stream == last && c.seq == c.streams[last].LastSequence
}
