package sqlsystem

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"strconv"
	"strings"
)

// distinct masks a unique column that is no text by values of which no two are the
// same, if there are enough of its type; a constant that is unique alone would
// be free for the first person only. In a key of several columns another can
// tell the rows apart.
func distinct(c *column) (mask, bool) {
	size := c.size
	if size == 0 {
		size = 8
	}
	switch {
	case c.class == classUUID:
		return mask{way: maskUUID}, true
	case c.class == classInt && size > 2 && !strings.HasPrefix(c.declared, "year"):
		return mask{way: maskNumber, bytes: size, unsigned: strings.Contains(c.declared, "unsigned")}, true
	case c.alone:
		return mask{way: maskImpossible}, true
	default:
		return mask{}, false
	}
}

// random is how many bits of a number are. Those before them are the stamp.
func (m mask) random() (random, stamped int) {
	all := 8*m.bytes - 2
	random = min(32, all*2/3)
	return random, all - random
}

// span is where the numbers of one erasure are: below zero, or at the upper end
// of a type that has nothing below zero.
func (m mask) span(key []byte) (low, high string) {
	random, stamped := m.random()
	first := binary.BigEndian.Uint64(mark(key)) >> (64 - stamped) << random
	return m.number(first | (1<<random - 1)), m.number(first)
}

func (m mask) number(n uint64) string {
	if m.unsigned {
		return strconv.FormatUint(^uint64(0)>>(64-8*m.bytes)-n, 10)
	}
	return "-" + strconv.FormatUint(n+1, 10)
}

func (m mask) madeNumber(key []byte) string {
	random, stamped := m.random()
	first := binary.BigEndian.Uint64(mark(key)) >> (64 - stamped) << random
	var some [8]byte
	_, _ = rand.Read(some[:]) // it does not fail
	return m.number(first | binary.BigEndian.Uint64(some[:])>>(64-random))
}

// stampUUID is how the UUIDs of one erasure begin.
func stampUUID(key []byte) string {
	text := hex.EncodeToString(mark(key)[:6])
	return text[:8] + "-" + text[8:]
}

// madeUUID is one of version 8, whose content is the maker's matter. MariaDB takes
// none whose ninth byte is 128.
func madeUUID(key []byte) string {
	var some [9]byte
	_, _ = rand.Read(some[:]) // it does not fail
	text := hex.EncodeToString(some[:])
	return stampUUID(key) + "-8" + text[:3] + "-9" + text[3:6] + "-" + text[6:]
}
