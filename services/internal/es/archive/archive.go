package archive

import (
	"encoding/json"
	"fmt"
	"time"

	"habeas.internal/services/internal/es"
)

// Magic begins every file; it names the format and its version.
const Magic = "habeas-log-archive/1\n"

const magicRoot = "habeas-log-archive/"

// Header says what a file holds.
type Header struct {
	Installation string    `json:"installation"`
	Contexts     []string  `json:"contexts"`
	Shards       int       `json:"shards"` // per context
	Replicas     int       `json:"replicas"`
	LogKey       []byte    `json:"log_key"` // public Ed25519 key
	Created      time.Time `json:"created"`
	Streams      []Stream  `json:"streams"` // in the order in which they follow
	Rows         []string  `json:"rows"`    // mutable streams, in that order
}

// Stream is the state of one log stream that the file holds.
type Stream struct {
	Name          string          `json:"name"`
	Context       string          `json:"context"`
	Shard         int             `json:"shard"`
	Epoch         string          `json:"epoch"`
	Configuration json.RawMessage `json:"configuration"` // as genesis records it
	LastSequence  uint64          `json:"last_sequence"`
	Digest        []byte          `json:"digest"` // chain digest over all its messages
}

// Message is one message of a log stream.
type Message struct {
	Stream int // index in the header
	Seq    uint64
	Stored time.Time
	es.Message
}

// Row is the current value of one subject of a mutable stream.
type Row struct {
	Stream  int // index in the header's Rows
	Subject string
	Value   []byte
}

// Trailer sums a file up.
type Trailer struct {
	Messages uint64     `json:"messages"`
	Rows     []RowCount `json:"rows"`
	SHA256   []byte     `json:"sha256"` // of the file up to the trailer
}

// RowCount sums the rows of one mutable stream up.
type RowCount struct {
	Stream string `json:"stream"`
	Rows   uint64 `json:"rows"`
	Digest []byte `json:"digest"`
}

// signature is the last frame of a signed file.
type signature struct {
	KeyID     string `json:"key_id"`
	Signature []byte `json:"signature"`
}

const signatureDomain = "habeas-archive/1\n"

// FileError says that a file is not one that was exported and left alone.
type FileError struct {
	Reason string // one of the constants below
	Offset int64  // where in the file
	Detail string // what differs; no content
}

// Why a FileError was raised.
const (
	NotAnArchive     = "NOT_AN_ARCHIVE"
	VersionUnknown   = "VERSION_UNKNOWN"
	Truncated        = "TRUNCATED"
	Altered          = "ALTERED"
	Unsigned         = "UNSIGNED"
	SignatureInvalid = "SIGNATURE_INVALID"
)

// Error names the reason and the place.
func (e *FileError) Error() string {
	return fmt.Sprintf("archive is refused: %s at byte %d: %s", e.Reason, e.Offset, e.Detail)
}

// validate reports what no export writes: missing names, shards that can't
// be, streams that are not those of the topology.
func (h Header) validate() error {
	if h.Installation == "" || !es.ValidShards(h.Shards) || len(h.LogKey) == 0 {
		return fmt.Errorf("header is incomplete")
	}
	if len(h.Streams) != len(h.Contexts)*h.Shards {
		return fmt.Errorf("header lists %d streams for %d contexts of %d shards", len(h.Streams), len(h.Contexts), h.Shards)
	}
	for i, s := range h.Streams {
		expected := s.Context == h.Contexts[i/h.Shards] && s.Shard == i%h.Shards
		if !expected || s.Name == "" || s.Epoch == "" || s.LastSequence == 0 || len(s.Digest) != len(es.Hash{}) {
			return fmt.Errorf("header describes stream %d incompletely or out of order", i)
		}
	}
	return nil
}
