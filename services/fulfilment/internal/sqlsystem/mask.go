package sqlsystem

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"strings"
	"time"

	"habeas.internal/services/fulfilment/internal/dataset"
)

// mask is how the values of a column are overwritten when their row stays.
type mask struct {
	way maskWay
	// value is what is written, for constants.
	value any
	// expression is written instead of the value if it is not empty.
	expression string
	// prefix, stamp, room and suffix make tokens: stamp is how many characters
	// of the erasure's own mark follow the prefix, room how many there are
	// without the suffix.
	prefix, suffix string
	stamp, room    int
	// bytes and unsigned are the size and form of a number.
	bytes    int
	unsigned bool
}

type maskWay int

const (
	// maskNever: a generated column, or one that the description keeps.
	maskNever maskWay = iota
	// maskLeft: a number that joins rows and says nothing by itself.
	maskLeft
	maskNull
	maskConstant
	maskToken
	// maskNumber and maskUUID are tokens of those types.
	maskNumber
	maskUUID
	// maskImpossible: nothing is known that the column would take.
	maskImpossible
)

// What a person reads a token by. What tells it from data is the stamp after it.
const (
	longPrefix  = "erased-"
	shortPrefix = "~"
	longToken   = 27
	longStamp   = 8
)

// stamp is the mark of an erasure's tokens in one system: nobody can make one
// without its key, so that no value that was there before passes for a token.
func stamp(key []byte, n int) string {
	return strings.ToLower(base32.StdEncoding.EncodeToString(mark(key)))[:n]
}

// tokenKey is the key of a request's tokens in this system. They are others in
// each system, so that nobody can tell by them who is the same person in two.
func (s *System) tokenKey(key []byte) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write(fmt.Appendf(nil, "tokens in %q of %q", s.config.Dataset.Key, s.config.Name))
	return mac.Sum(nil)
}

// mark is what stamps of whatever form are made of.
func mark(key []byte) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte("token"))
	return mac.Sum(nil)
}

func maskOf(f field, inKey bool) mask {
	c := f.column
	switch {
	case f.Keep, c.generated:
		return mask{way: maskNever}
	case inKey && c.class != classText, !c.nullable && f.joint && c.class != classText:
		return mask{way: maskLeft}
	case inKey:
		return token(f, "", 0)
	}
	switch f.Mask.Strategy {
	case dataset.Null:
		if c.nullable {
			return mask{way: maskNull}
		}
		return mask{way: maskImpossible}
	case dataset.Fixed:
		return mask{way: maskConstant, value: f.Mask.Value + f.Mask.Suffix}
	case dataset.Random:
		return token(f, f.Mask.Suffix, f.Mask.Length)
	case dataset.ByType:
	}
	if c.nullable {
		return mask{way: maskNull}
	}
	return byType(f)
}

func byType(f field) mask {
	constant := func(value any) mask { return mask{way: maskConstant, value: value} }
	c := f.column
	if c.unique && c.class != classText {
		if m, ok := distinct(c); ok {
			return m
		}
	}
	switch c.class {
	case classText:
		if c.unique || f.joint {
			return token(f, "", 0)
		}
		return constant("")
	case classInt, classFloat, classDecimal:
		return mask{way: maskConstant, value: 0, expression: "0"}
	case classBool:
		return constant(false)
	case classTime:
		if strings.HasPrefix(c.declared, "timestamp") {
			return constant(time.Unix(0, 0).UTC().AddDate(0, 0, 1)) // MySQL's first moment is a second late
		}
		return constant(time.Unix(0, 0).UTC())
	case classBytes:
		return constant([]byte{})
	case classUUID:
		return constant("00000000-0000-0000-0000-000000000000")
	case classJSON:
		return constant("{}")
	case classEnum:
		return constant(c.label)
	case classPoint:
		return mask{way: maskConstant, value: "POINT(0 0)", expression: "ST_GeomFromText('POINT(0 0)')"}
	default:
		return mask{way: maskImpossible}
	}
}

// token masks with a text that is different for every row.
func token(f field, suffix string, wished int) mask {
	room := longToken
	for _, limit := range []int{wished, f.Length - len(suffix), f.column.length - len(suffix)} {
		if limit > 0 {
			room = min(room, limit)
		}
	}
	m := mask{way: maskToken, prefix: longPrefix, suffix: suffix, stamp: longStamp, room: room}
	if room < longToken {
		m.prefix = shortPrefix[:min(1, max(0, room-1))]
		left := room - len(m.prefix)
		m.stamp = min(longStamp, left)
		if f.column.unique || f.joint { // it needs what is random as well
			m.stamp = min(longStamp, max(1, left/2))
		}
	}
	return m
}

// made is a value to write in the erasure of the person with a key.
func (m mask) made(key []byte) any {
	switch m.way {
	case maskConstant:
		return m.value
	case maskToken:
		text := m.prefix + stamp(key, m.stamp) + strings.ToLower(rand.Text())
		return text[:min(len(text), m.room)] + m.suffix
	case maskUUID:
		return madeUUID(key)
	default:
		return nil
	}
}

// masks says whether the column can be overwritten at all.
func (m mask) masks() bool { return m.way == maskNull || m.way == maskConstant || m.varies() }

// varies says whether every row is masked by another value.
func (m mask) varies() bool {
	return m.way == maskToken || m.way == maskNumber || m.way == maskUUID
}

// held writes whether a column holds something else than its mask.
func (s *statement) held(f field, expr string) {
	s.put("(", expr, " IS NOT NULL")
	switch f.mask.way {
	case maskConstant:
		s.put(" AND NOT (")
		s.equalsMask(f, expr)
		s.put(")")
	case maskToken:
		s.put(" AND NOT (", s.dialect.exact(expr, f.column), " LIKE ")
		s.cast(f.mask.prefix+stamp(s.key, f.mask.stamp)+"%"+f.mask.suffix, classText).put(")")
	case maskNumber:
		low, high := f.mask.span(s.key)
		s.put(" AND NOT (", expr, " BETWEEN ", low, " AND ", high, ")")
	case maskUUID:
		s.put(" AND NOT (CAST(", expr, " AS CHAR(36)) LIKE ")
		s.cast(stampUUID(s.key)+"%", classText).put(")")
	case maskNull, maskNever, maskLeft, maskImpossible:
	}
	s.put(")")
}

func (s *statement) equalsMask(f field, expr string) {
	if s.loose(f) {
		s.put(expr, " IN (0, '1970-01-01', '1970-01-01 00:00:00')")
		return
	}
	_, postgresql := s.dialect.(postgres)
	switch c := f.column.class; {
	case c == classPoint && !postgresql:
		s.put("ST_AsText(", expr, ") = 'POINT(0 0)'")
	case f.mask.expression != "":
		s.put(expr, " = ", f.mask.expression)
	case c == classText, c == classJSON, c == classEnum:
		s.put(s.dialect.exact(expr, f.column), " = ").cast(f.mask.value, classText)
	case c == classUUID:
		s.put(s.dialect.exact(expr, f.column), " = ").cast(f.mask.value, classUUID)
	default:
		s.put(expr, " = ").arg(f.mask.value)
	}
}

// loose says whether a column holds times in whatever form was put there: SQLite
// has no type for them. The mask has the form of the value that it replaces.
func (s *statement) loose(f field) bool {
	_, sqlite := s.dialect.(sqliteDialect)
	return sqlite && f.column.class == classTime && f.mask.way == maskConstant
}

// set writes what is written into a column.
func (s *statement) set(f field) {
	if s.loose(f) {
		name := s.dialect.quote(f.Name)
		s.put("CASE WHEN typeof(", name, ") IN ('integer', 'real') THEN 0 WHEN length(", name,
			") <= 10 THEN '1970-01-01' ELSE '1970-01-01 00:00:00' END")
		return
	}
	if f.mask.way == maskConstant && f.mask.expression != "" {
		s.put(f.mask.expression)
		return
	}
	if f.mask.way == maskNumber {
		s.put(f.mask.madeNumber(s.key))
		return
	}
	s.arg(f.mask.made(s.key))
}
