package holder

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"time"

	holderv1 "habeas.internal/proto/gen/habeas/holder/v1"

	"google.golang.org/protobuf/types/known/timestamppb"
)

// tally is what was found in one collection.
type tally struct {
	rows, shared uint64
	since        time.Time
	undated      bool // of a row nobody knows since when it is kept
	digest       hash.Hash
}

func newTally(key []byte, collection string) *tally {
	t := &tally{digest: hmac.New(sha256.New, key)}
	t.text(collection)
	return t
}

func (t *tally) text(text string) {
	var length [8]byte
	binary.BigEndian.PutUint64(length[:], uint64(len(text)))
	t.digest.Write(length[:])
	t.digest.Write([]byte(text))
}

func (t *tally) add(r Row) {
	if r.Shared {
		t.shared++
		return
	}
	t.rows++
	t.text(r.Key)
	t.undated = t.undated || r.Since.IsZero()
	if r.Since.After(t.since) {
		t.since = r.Since
	}
}

// found is the tally as that of one part.
func (t *tally) found(collection, category string) *holderv1.Found {
	f := &holderv1.Found{Part: part(collection, category), Rows: t.rows, Shared: t.shared}
	if t.rows > 0 {
		f.Digest = t.digest.Sum(nil)
	}
	if t.rows > 0 && !t.undated {
		f.Since = timestamppb.New(t.since)
	}
	return f
}

func part(collection, category string) *holderv1.Part {
	return &holderv1.Part{Collection: collection, Category: category}
}

// LocateData counts.
func (s *server) LocateData(ctx context.Context, req *holderv1.LocateDataRequest) (*holderv1.LocateDataResponse, error) {
	p, err := person(req.GetPerson())
	if err != nil {
		return nil, err
	}
	out := &holderv1.LocateDataResponse{}
	err = s.data.InTransaction(ctx, func(rows Rows) error {
		out.Found = nil
		for _, c := range s.collections {
			t := newTally(req.GetPerson().GetDigestKey(), c.Name)
			for r, err := range rows.Of(ctx, p, c.Name, "") {
				if err != nil {
					return err
				}
				t.add(r)
			}
			for _, category := range c.personal() {
				out.Found = append(out.Found, t.found(c.Name, category))
			}
		}
		return nil
	})
	return out, s.told(ctx, err)
}

// CollectData shows rows, one a message.
func (s *server) CollectData(req *holderv1.CollectDataRequest, stream holderv1.DataHolderService_CollectDataServer) error {
	ctx := stream.Context()
	p, err := person(req.GetPerson())
	if err != nil {
		return err
	}
	err = s.data.InTransaction(ctx, func(rows Rows) error {
		for _, c := range s.collections {
			for r, err := range rows.Of(ctx, p, c.Name, "") {
				if err != nil {
					return err
				}
				shown, err := c.show(r)
				if err != nil {
					return err
				}
				if err := stream.Send(shown); err != nil {
					return err
				}
			}
		}
		return nil
	})
	return s.told(ctx, err)
}

// VerifyData looks for what the parts that were ordered erased still hold.
func (s *server) VerifyData(ctx context.Context, req *holderv1.VerifyDataRequest) (*holderv1.VerifyDataResponse, error) {
	p, err := person(req.GetOrders().GetPerson())
	if err != nil {
		return nil, err
	}
	tasks, err := s.tasks(req.GetOrders().GetOrders())
	if err != nil {
		return nil, err
	}
	out := &holderv1.VerifyDataResponse{}
	err = s.data.InTransaction(ctx, func(rows Rows) error {
		out.Found = nil
		for _, t := range tasks {
			left := map[string]uint64{}
			for r, err := range rows.Of(ctx, p, t.Name, "") {
				if err != nil {
					return err
				}
				if err := t.whole(r); err != nil {
					return err
				}
				t.count(r, left)
			}
			for _, category := range t.erased {
				out.Found = append(out.Found, &holderv1.Found{Part: part(t.Name, category), Rows: left[category]})
			}
		}
		return nil
	})
	return out, s.told(ctx, err)
}
