package keyclient

import (
	"context"
	"slices"
	"time"

	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/internal/seal"
	"habeas.internal/services/internal/seal/keycache"
)

// maxWants is how many keys the contract lets one call ask for.
const maxWants = 512

// source asks identity, one call for each tenant and 512 keys.
type source struct{ client *Client }

// Keys is part of keycache.Source.
func (s source) Keys(ctx context.Context, purpose string, wants []keycache.Want) ([]keycache.Got, error) {
	got := make([]keycache.Got, len(wants))
	byTenant := map[string][]int{}
	for i, w := range wants {
		byTenant[w.ID.Tenant] = append(byTenant[w.ID.Tenant], i)
	}
	for tenant, places := range byTenant {
		for some := range slices.Chunk(places, maxWants) {
			if err := s.ask(ctx, tenant, purpose, wants, some, got); err != nil {
				forget(got)
				return nil, err
			}
		}
	}
	return got, nil
}

func forget(got []keycache.Got) {
	for _, g := range got {
		if g.Key != nil {
			g.Key.Destroy()
		}
	}
}

func (s source) ask(ctx context.Context, tenant, purpose string, wants []keycache.Want, places []int, got []keycache.Got) error {
	request := &identityv1.GetKeysRequest{}
	if reader := s.client.reader.Load(); reader != nil {
		request.Reader = *reader
	}
	for _, i := range places {
		request.Wants = append(request.Wants, &identityv1.KeyWant{
			Key:    &identityv1.KeyName{Holder: wants[i].ID.Holder.String(), Class: wants[i].ID.Class},
			Create: wants[i].Create,
		})
	}
	answer, err := s.client.keys.GetKeys(outgoing(ctx, tenant, purpose), request)
	if err != nil {
		return refused("get keys", err)
	}
	if len(answer.GetKeys()) != len(places) {
		return errAnswer
	}
	for j, i := range places {
		got[i] = read(wants[i].ID, answer.GetKeys()[j])
	}
	return nil
}

// read turns one answer into a key, and clears the answer's own copy.
func read(id seal.KeyID, g *identityv1.KeyGot) keycache.Got {
	defer clear(g.GetMaterial())
	switch g.GetReason() {
	case "":
	case "KEY_DESTROYED":
		gone := &seal.Erased{ID: id, Reason: g.GetDestroyReason()}
		if g.GetDestroyedAt() != nil {
			gone.At = g.GetDestroyedAt().AsTime()
		}
		return keycache.Got{Err: gone}
	case "KEY_NOT_FOUND":
		return keycache.Got{Err: ErrNoKey}
	default:
		return keycache.Got{Err: errAnswer}
	}
	lease := g.GetLease().AsDuration()
	if g.GetLease().CheckValid() != nil || lease <= 0 || lease > maxLease {
		return keycache.Got{Err: errAnswer}
	}
	key, err := seal.NewKey(id, g.GetVersion(), g.GetMaterial())
	if err != nil {
		return keycache.Got{Err: err}
	}
	return keycache.Got{Key: key, For: lease}
}

// maxLease is the longest lease that is believed.
const maxLease = 10 * time.Minute
