package sqlsystem

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"fmt"
	"hash"
	"strings"
	"time"

	"habeas.internal/services/fulfilment/internal/connector"
)

// Locate counts what the database holds of a person. Every part of a collection
// counts every row of the person in it.
func (s *System) Locate(ctx context.Context, p connector.Person) ([]connector.Found, error) {
	plan, err := s.ready(ctx)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, s.config.Timeout)
	defer cancel()
	var all []connector.Found
	for _, t := range plan.order {
		if len(t.parts) == 0 {
			continue
		}
		found, err := s.locate(ctx, s.db, plan, t, p)
		if err != nil {
			return nil, s.failed(ctx, "locate in "+t.name, err)
		}
		for _, part := range t.parts {
			found.Part = part
			all = append(all, found)
		}
	}
	return all, nil
}

func (s *System) locate(ctx context.Context, db querier, plan *plan, t *table, p connector.Person) (connector.Found, error) {
	var found connector.Found
	q := s.search(plan, p)
	var starts []string
	q.rows(t, "m", func() {
		q.keyColumns(t)
		for _, f := range t.fields {
			if f.Start {
				q.put(", t.", q.quoted(f.Name))
				starts = append(starts, f.Name)
			}
		}
	})
	q.put(" ORDER BY ")
	q.keyColumns(t)
	digest := newDigest(p.Key, t.name)
	unknown := false // that a row has no start that can be read
	values, into := scanned(len(t.keys) + len(starts))
	err := each(ctx, db, q.String(), q.args, func(rows *sql.Rows) error {
		if err := rows.Scan(into...); err != nil {
			return err
		}
		found.Rows++
		digest.add(values[:len(t.keys)])
		types, err := rows.ColumnTypes()
		if err != nil {
			return err
		}
		var latest time.Time
		for i, start := range values[len(t.keys):] {
			if at := began(start, types[len(t.keys)+i], p.Zone); at.After(latest) {
				latest = at
			}
		}
		unknown = unknown || latest.IsZero()
		if latest.After(found.Since) {
			found.Since = latest
		}
		return nil
	})
	if err != nil {
		return found, err
	}
	if found.Rows > 0 {
		found.Digest = digest.sum()
	}
	if unknown { // it may have started just now
		found.Since = time.Time{}
	}
	found.Shared, err = s.shared(ctx, db, plan, t, p)
	return found, err
}

// shared counts rows that are others' too.
func (s *System) shared(ctx context.Context, db querier, plan *plan, t *table, p connector.Person) (n uint64, err error) {
	if !t.sharing() && !t.mixes() {
		return 0, nil
	}
	q := s.search(plan, p)
	q.from(t)
	q.put("SELECT count(*) FROM ")
	if t.mixes() {
		q.othersToo(t)
	} else {
		q.put(id("h", t))
	}
	err = each(ctx, db, q.String(), q.args, func(rows *sql.Rows) error { return rows.Scan(&n) })
	return n, err
}

// scanned is a row's values and where to scan them.
func scanned(n int) (values, into []any) {
	values, into = make([]any, n), make([]any, n)
	for i := range values {
		into[i] = &values[i]
	}
	return values, into
}

// began is the moment at which a row began. A day counts until its end, so that a
// period that is kept from a day on lasts for whole days.
func began(value any, of *sql.ColumnType, zone *time.Location) time.Time {
	at := moment(value)
	year, month, day := at.Date()
	midnight := at.Equal(time.Date(year, month, day, 0, 0, 0, 0, time.UTC))
	if at.IsZero() || !midnight || !strings.EqualFold(of.DatabaseTypeName(), "DATE") {
		return at
	}
	if zone == nil {
		zone = time.FixedZone("the last on earth", -12*60*60)
	}
	return time.Date(year, month, day+1, 0, 0, 0, 0, zone).Add(-time.Microsecond).UTC()
}

// moment reads a time as a driver gives it.
func moment(value any) time.Time {
	switch v := value.(type) {
	case time.Time:
		return v.UTC()
	case []byte:
		return moment(string(v))
	case string:
		for _, layout := range []string{time.RFC3339Nano, time.DateTime, time.DateOnly} {
			if at, err := time.Parse(layout, v); err == nil {
				return at.UTC()
			}
		}
	}
	return time.Time{}
}

// digest is a keyed hash of row keys.
type digest struct{ mac hash.Hash }

func newDigest(key []byte, collection string) *digest {
	d := &digest{mac: hmac.New(sha256.New, key)}
	d.text(collection)
	return d
}

func (d *digest) text(text string) {
	var length [8]byte
	binary.BigEndian.PutUint64(length[:], uint64(len(text)))
	d.mac.Write(length[:])
	d.mac.Write([]byte(text))
}

func (d *digest) add(key []any) {
	for _, value := range key {
		switch v := value.(type) {
		case time.Time:
			d.text(v.UTC().Format(time.RFC3339Nano))
		case []byte:
			d.text(string(v))
		default:
			d.text(fmt.Sprint(v))
		}
	}
}

func (d *digest) sum() (sum [32]byte) {
	copy(sum[:], d.mac.Sum(nil))
	return sum
}
