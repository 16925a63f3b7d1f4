package archive

import (
	"crypto/sha256"
	"encoding/binary"
	"maps"
	"slices"

	"habeas.internal/services/internal/es"
)

// Chain is the running digest of one stream, from its first message on.
type Chain struct {
	digest es.Hash
	buf    []byte
}

// NewChain begins the chain of a stream.
func NewChain(installation, stream, epoch string) *Chain {
	b := []byte("habeas-archive-stream/1\n")
	for _, s := range []string{installation, stream, epoch} {
		b = appendLP(b, s)
	}
	return &Chain{digest: sha256.Sum256(b)}
}

// Add continues the chain with the next message.
func (c *Chain) Add(m Message) {
	body := sha256.Sum256(m.Data)
	b := append(c.buf[:0], c.digest[:]...)
	b = appendPlace(b, m)
	b = append(b, body[:]...)
	c.digest, c.buf = sha256.Sum256(b), b
}

// Digest is the chain's present value.
func (c *Chain) Digest() []byte { return append([]byte(nil), c.digest[:]...) }

// appendPlace is all of a message but its stream and its body.
func appendPlace(b []byte, m Message) []byte {
	b = binary.BigEndian.AppendUint64(b, m.Seq)
	b = binary.BigEndian.AppendUint64(b, uint64(m.Stored.UnixNano()))
	b = appendLP(b, m.Subject)
	b = appendLP(b, m.ID)
	b = binary.BigEndian.AppendUint16(b, uint16(len(m.Header)))
	for _, name := range slices.Sorted(maps.Keys(m.Header)) {
		b = appendLP(b, name)
		b = appendLP(b, m.Header[name])
	}
	return b
}

func appendLP[T string | []byte](b []byte, x T) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(len(x)))
	return append(b, x...)
}

// rowChain is the running digest of one mutable stream's rows.
type rowChain struct {
	stream string
	digest es.Hash
	rows   uint64
}

func newRowChain(stream string) *rowChain {
	return &rowChain{stream: stream, digest: sha256.Sum256(appendLP([]byte("habeas-archive-rows/1\n"), stream))}
}

func (c *rowChain) add(r Row) {
	value := sha256.Sum256(r.Value)
	b := append([]byte(nil), c.digest[:]...)
	b = appendLP(b, r.Subject)
	c.digest = sha256.Sum256(append(b, value[:]...))
	c.rows++
}

func (c *rowChain) count() RowCount {
	return RowCount{Stream: c.stream, Rows: c.rows, Digest: append([]byte(nil), c.digest[:]...)}
}
