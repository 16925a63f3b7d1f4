package archive

import (
	"bytes"
	"crypto/ed25519"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"time"

	"habeas.internal/services/internal/es"
)

// Reader reads one file from its beginning. Its methods are for one
// goroutine, in the order Messages, Rows, Finish.
type Reader struct {
	frames  *frameReader
	header  Header
	at      cursor
	chain   *Chain
	rows    []*rowChain
	count   uint64
	pending *frame // read, and not yet handed out
}

type frame struct {
	kind    byte
	payload []byte
	before  []byte // digest of the file up to this frame
}

// NewReader reads the header. What is no archive, or one of another version,
// is a FileError.
func NewReader(r io.Reader) (*Reader, error) {
	in := &Reader{frames: newFrameReader(r)}
	if err := in.magic(); err != nil {
		return nil, err
	}
	f, err := in.peek()
	if err != nil {
		return nil, err
	}
	if f.kind != kindHeader || json.Unmarshal(f.payload, &in.header) != nil {
		return nil, in.frames.refuse(Altered, "the header can't be read")
	}
	if err := in.header.validate(); err != nil {
		return nil, in.frames.refuse(Altered, err.Error())
	}
	in.at = cursor{streams: in.header.Streams}
	for _, name := range in.header.Rows {
		in.rows = append(in.rows, newRowChain(name))
	}
	in.pending = nil
	return in, nil
}

func (r *Reader) magic() error {
	line := make([]byte, len(Magic))
	if err := r.frames.full(line); err != nil {
		var file *FileError
		if errors.As(err, &file) {
			return r.frames.refuse(NotAnArchive, "the file is shorter than its first line")
		}
		return err
	}
	if string(line) == Magic {
		return nil
	}
	if strings.HasPrefix(string(line), magicRoot) {
		return r.frames.refuse(VersionUnknown, "the file was written by another version of the program")
	}
	return r.frames.refuse(NotAnArchive, "the first line is not an archive's")
}

// Header is what the file says it holds.
func (r *Reader) Header() Header { return r.header }

// Offset is how many bytes have been read.
func (r *Reader) Offset() int64 { return r.frames.next }

func (r *Reader) peek() (*frame, error) {
	if r.pending != nil {
		return r.pending, nil
	}
	kind, payload, before, err := r.frames.frame()
	if err != nil {
		return nil, err
	}
	r.pending = &frame{kind: kind, payload: payload, before: before}
	return r.pending, nil
}

// take returns the next frame's payload if it is of the kind, else nil.
func (r *Reader) take(kind byte) ([]byte, error) {
	f, err := r.peek()
	if err != nil || f.kind != kind {
		return nil, err
	}
	r.pending = nil
	return f.payload, nil
}

// Message returns the next message, or io.EOF after the last one. After the
// last message of a stream its chain digest has been held against the
// header's.
func (r *Reader) Message() (Message, error) {
	if r.at.done() {
		return Message{}, io.EOF
	}
	payload, err := r.take(kindMessage)
	if err != nil {
		return Message{}, err
	}
	m, ok := parseMessage(payload)
	if !ok {
		return Message{}, r.frames.refuse(Altered, "a message was expected here")
	}
	if err := r.at.advance(m); err != nil {
		return Message{}, r.frames.refuse(Altered, err.Error())
	}
	s := r.header.Streams[m.Stream]
	if m.Seq == 1 {
		r.chain = NewChain(r.header.Installation, s.Name, s.Epoch)
	}
	r.chain.Add(m)
	if m.Seq == s.LastSequence && !bytes.Equal(r.chain.Digest(), s.Digest) {
		return Message{}, r.frames.refuse(Altered, "digest of "+s.Name+" differs from the header's")
	}
	r.count++
	return m, nil
}

// Row returns the next row, or io.EOF after the last one.
func (r *Reader) Row() (Row, error) {
	payload, err := r.take(kindRow)
	if err != nil {
		return Row{}, err
	}
	if payload == nil {
		return Row{}, io.EOF
	}
	row, ok := parseRow(payload)
	if !ok || !r.at.done() || row.Stream >= len(r.rows) {
		return Row{}, r.frames.refuse(Altered, "a row is malformed or out of order")
	}
	r.rows[row.Stream].add(row)
	return row, nil
}

// Finish reads the trailer, the signature and the end of the file. Nil means
// that the file is whole, and signed by logKey unless unsigned ones are
// allowed; signed tells which.
func (r *Reader) Finish(logKey ed25519.PublicKey, allowUnsigned bool) (t Trailer, isSigned bool, err error) {
	f, err := r.peek()
	if err != nil {
		return t, false, err
	}
	r.pending = nil
	if f.kind != kindTrailer || json.Unmarshal(f.payload, &t) != nil {
		return t, false, r.frames.refuse(Altered, "the trailer was expected here")
	}
	if !r.matches(t, f.before) {
		return t, false, r.frames.refuse(Altered, "the trailer sums up another file")
	}
	end, err := r.frames.atEnd()
	if err != nil {
		return t, false, err
	}
	if end && !allowUnsigned {
		return t, false, r.frames.refuse(Unsigned, "the file has no signature")
	}
	if end {
		return t, false, nil
	}
	return t, true, r.signature(f.payload, logKey)
}

func (r *Reader) matches(t Trailer, sum []byte) bool {
	if t.Messages != r.count || !bytes.Equal(t.SHA256, sum) || len(t.Rows) != len(r.rows) {
		return false
	}
	for i, c := range r.rows {
		have := c.count()
		if have.Stream != t.Rows[i].Stream || have.Rows != t.Rows[i].Rows || !bytes.Equal(have.Digest, t.Rows[i].Digest) {
			return false
		}
	}
	return true
}

func (r *Reader) signature(trailer []byte, logKey ed25519.PublicKey) error {
	f, err := r.peek()
	if err != nil {
		return err
	}
	var sig signature
	if f.kind != kindSignature || json.Unmarshal(f.payload, &sig) != nil {
		return r.frames.refuse(Altered, "a signature was expected here")
	}
	if sig.KeyID != es.KeyID(logKey) || !ed25519.Verify(logKey, signed(trailer), sig.Signature) {
		return r.frames.refuse(SignatureInvalid, "the log key did not sign this file")
	}
	end, err := r.frames.atEnd()
	if err != nil {
		return err
	}
	if !end {
		return r.frames.refuse(Altered, "something follows the end")
	}
	return nil
}

func parseMessage(b []byte) (Message, bool) {
	p := parser{b: b, ok: b != nil}
	m := Message{Stream: int(p.u16()), Seq: p.u64(), Stored: time.Unix(0, int64(p.u64())).UTC()}
	m.Subject, m.ID, m.Header = string(p.lp()), string(p.lp()), p.header()
	m.Data = p.lp()
	return m, p.done()
}

func parseRow(b []byte) (Row, bool) {
	p := parser{b: b, ok: b != nil}
	r := Row{Stream: int(p.u16()), Subject: string(p.lp()), Value: p.lp()}
	return r, p.done()
}

// parser reads the parts of a payload; after the first that is missing it
// returns zeros.
type parser struct {
	b  []byte
	ok bool
}

func (p *parser) bytes(n int) []byte {
	if !p.ok || n > len(p.b) {
		p.ok = false
		return make([]byte, min(n, 8))
	}
	out := p.b[:n:n]
	p.b = p.b[n:]
	return out
}

func (p *parser) u16() uint16 { return binary.BigEndian.Uint16(p.bytes(2)) }
func (p *parser) u64() uint64 { return binary.BigEndian.Uint64(p.bytes(8)) }

func (p *parser) lp() []byte {
	n := binary.BigEndian.Uint32(p.bytes(4))
	return p.bytes(int(n))
}

// header reads names in ascending order, so that an encoding is the only one.
func (p *parser) header() map[string]string {
	n := int(p.u16())
	out := make(map[string]string, min(n, 16))
	last := ""
	for range n {
		name := string(p.lp())
		if !p.ok || name <= last {
			p.ok = false
			return nil
		}
		out[name], last = string(p.lp()), name
	}
	return out
}

func (p *parser) done() bool { return p.ok && len(p.b) == 0 }
