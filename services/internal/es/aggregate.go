package es

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"fmt"
	"io"
	"strings"
)

// Aggregate names one consistency boundary. Every part matches
// ^[a-z0-9_-]{1,64}$ and none is ever derived from personal data.
type Aggregate struct {
	Context string // owning service, such as "consent"
	Tenant  string // opaque tenant id, or LogTenant
	Type    string // such as "person"
	ID      string // random or derived by DeriveID
}

// LogTenant is the reserved tenant of a stream's own control commits: genesis
// and announced keys. The first two characters of such an aggregate's id are
// its partition, so that each shard can hold its own.
const LogTenant = "_log"

// Partitions is the number of virtual partitions of every context.
const Partitions = 256

const subjectRoot = "habeas.ev."

// Encoding is the alphabet of every id: base32, lower case, no padding.
var Encoding = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

const maxTokenLength = 64

// isToken reports whether s may stand between two dots of a subject. It runs
// for every message that is read, so it is a loop and no regular expression.
func isToken(s string) bool {
	if s == "" || len(s) > maxTokenLength {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_' && c != '-' {
			return false
		}
	}
	return true
}

// Validate reports ErrInvalidAggregate when a part could not stand in a
// subject.
func (a Aggregate) Validate() error {
	if !isToken(a.Context) || !isToken(a.Tenant) || !isToken(a.Type) || !isToken(a.ID) {
		return ErrInvalidAggregate
	}
	if a.Tenant == LogTenant && !isPartition(a.ID) {
		return ErrInvalidAggregate
	}
	return nil
}

func isPartition(id string) bool {
	if len(id) < 2 {
		return false
	}
	_, err := hex.DecodeString(id[:2])
	return err == nil
}

// Partition is the aggregate's virtual partition: two lower-case hex digits.
func (a Aggregate) Partition() string {
	if a.Tenant == LogTenant {
		return a.ID[:2]
	}
	return Partition(a.Tenant, a.ID)
}

// Partition is the first byte of SHA-256(tenant, 0x00, id) in hex. An id has
// the same partition in every context.
func Partition(tenant, id string) string {
	sum := sha256.Sum256([]byte(tenant + "\x00" + id))
	return hex.EncodeToString(sum[:1])
}

// Subject is the one literal subject of the aggregate's commits.
func (a Aggregate) Subject() string {
	return subjectRoot + strings.Join([]string{a.Context, a.Partition(), a.Tenant, a.Type, a.ID}, ".")
}

// ParseSubject is the inverse of Subject. A subject whose partition is not
// the aggregate's own is refused.
func ParseSubject(subject string) (Aggregate, error) {
	rest, ok := strings.CutPrefix(subject, subjectRoot)
	parts := strings.Split(rest, ".")
	if !ok || len(parts) != 5 {
		return Aggregate{}, fmt.Errorf("parse subject: %w", ErrInvalidAggregate)
	}
	a := Aggregate{Context: parts[0], Tenant: parts[2], Type: parts[3], ID: parts[4]}
	if err := a.Validate(); err != nil {
		return Aggregate{}, fmt.Errorf("parse subject: %w", err)
	}
	if a.Partition() != parts[1] {
		return Aggregate{}, fmt.Errorf("parse subject: %w", ErrInvalidAggregate)
	}
	return a, nil
}

// Shard is the index of the shard, out of n, that owns a partition. Each
// shard owns one contiguous range; n divides 256.
func Shard(partition string, n int) int {
	b, err := hex.DecodeString(partition)
	if err != nil || len(b) != 1 || n < 1 {
		return 0
	}
	return int(b[0]) * n / Partitions
}

// ShardPartitions lists the partitions that shard k out of n owns.
func ShardPartitions(k, n int) []string {
	width := Partitions / n
	out := make([]string, 0, width)
	for p := k * width; p < (k+1)*width; p++ {
		out = append(out, hex.EncodeToString([]byte{byte(p)}))
	}
	return out
}

// ValidShards reports whether a context can have n shards: a power of two up
// to 256, so that every shard owns the same number of partitions.
func ValidShards(n int) bool {
	return n > 0 && n <= Partitions && n&(n-1) == 0
}

// NewID returns 128 random bits as 26 characters.
func NewID(random io.Reader) (string, error) {
	var b [16]byte
	if _, err := io.ReadFull(random, b[:]); err != nil {
		return "", fmt.Errorf("read randomness: %w", err)
	}
	return Encoding.EncodeToString(b[:]), nil
}

// DeriveID is the id of the aggregate that a creating command makes: the same
// request id by the same tenant and method always creates the same aggregate.
func DeriveID(tenant, method, requestID string) string {
	h := sha256.New()
	for _, s := range []string{"habeas-id/v1", tenant, method, requestID} {
		writeLP(h, []byte(s))
	}
	return Encoding.EncodeToString(h.Sum(nil)[:16])
}

// writeLP writes a u32 big-endian length and then b.
func writeLP(w io.Writer, b []byte) {
	n := len(b)
	_, _ = w.Write([]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)})
	_, _ = w.Write(b)
}
