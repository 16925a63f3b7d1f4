package rpc

import (
	"context"
	"errors"
	"fmt"
	"time"

	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	kit "habeas.internal/services/internal/rpc"
	"habeas.internal/services/internal/rpc/fault"
	"habeas.internal/services/internal/seal"
	"habeas.internal/services/internal/seal/fence"
	"habeas.internal/services/internal/seal/keycache"
	"habeas.internal/services/internal/seal/pepper"
	"habeas.internal/services/internal/seal/vault"

	"golang.org/x/sync/errgroup"
	"google.golang.org/protobuf/types/known/durationpb"
)

// Keys implements KeyService.
type Keys struct {
	identityv1.UnimplementedKeyServiceServer
	Vault   *vault.Vault
	Fence   *fence.Registry
	Peppers *pepper.Keeper
	Residue func(ctx context.Context, keys []seal.KeyID) (time.Time, error)
	Leaving <-chan struct{} // closed when followers have to go
	Periods Periods         // nil: nobody knows of conversations
}

// reader is the name of a caller's process at the fence. One that has not
// joined has a name that nobody joins under.
func reader(ctx context.Context, joined string) string {
	return kit.PrincipalFrom(ctx).Service + "/" + joined
}

// keyID reads a key's name; field is its path in the request.
func keyID(tenant, field string, name *identityv1.KeyName) (seal.KeyID, error) {
	holder, err := seal.ParseHolder(name.GetHolder())
	id := seal.KeyID{Tenant: tenant, Holder: holder, Class: name.GetClass()}
	if err != nil || id.Validate() != nil {
		return id, fault.FieldErrors{{Field: field + ".holder", Rule: "HOLDER", Text: "must be a kind and a reference"}}
	}
	return id, nil
}

// GetKeys hands out keys of the caller's tenant, leased: those that the calling
// service has a right to, for a purpose of its own.
func (s *Keys) GetKeys(ctx context.Context, r *identityv1.GetKeysRequest) (*identityv1.GetKeysResponse, error) {
	wants := make([]keycache.Want, len(r.GetWants()))
	for i, w := range r.GetWants() {
		id, err := keyID(tenantOf(ctx), fmt.Sprintf("wants[%d].key", i), w.GetKey())
		if err != nil {
			return nil, err
		}
		wants[i] = keycache.Want{ID: id, Create: w.GetCreate()}
	}
	if err := mayHave(kit.PrincipalFrom(ctx).Service, kit.PurposeFrom(ctx), wants); err != nil {
		return nil, err
	}
	source := vault.Local{Vault: s.Vault, Reader: reader(ctx, r.GetReader())}
	got, err := source.Keys(ctx, kit.PurposeFrom(ctx), wants)
	if err != nil {
		return nil, err
	}
	out := &identityv1.GetKeysResponse{Keys: make([]*identityv1.KeyGot, len(got))}
	for i, g := range got {
		if out.Keys[i], err = handOut(g); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// handOut turns a key into its answer and forgets it here. What is neither a
// key nor the want of one fails the call.
func handOut(g keycache.Got) (*identityv1.KeyGot, error) {
	var erased *seal.Erased
	switch {
	case errors.As(g.Err, &erased):
		return &identityv1.KeyGot{Reason: "KEY_DESTROYED", DestroyedAt: stamp(erased.At), DestroyReason: erased.Reason}, nil
	case errors.Is(g.Err, vault.ErrNoKey):
		return &identityv1.KeyGot{Reason: "KEY_NOT_FOUND"}, nil
	case g.Err != nil:
		return nil, g.Err
	}
	defer g.Key.Destroy()
	material, err := g.Key.Material()
	if err != nil {
		return nil, err
	}
	return &identityv1.KeyGot{Material: material, Version: g.Key.Version(), Lease: durationpb.New(g.For)}, nil
}

// GetDigestKeys hands out the tenant's peppers for digests of the calling
// service's own commands, leased. Those of another service's are not lent.
func (s *Keys) GetDigestKeys(ctx context.Context, _ *identityv1.GetDigestKeysRequest) (*identityv1.GetDigestKeysResponse, error) {
	purpose, ok := pepper.DigestOf(kit.PrincipalFrom(ctx).Service)
	if !ok {
		return nil, fmt.Errorf("get digest keys: %w", errKeyForbidden)
	}
	set, err := s.Peppers.Live(ctx, tenantOf(ctx), purpose)
	if err != nil {
		return nil, err
	}
	defer set.Clear()
	out := &identityv1.GetDigestKeysResponse{Lease: durationpb.New(s.Fence.Lease())}
	for _, p := range set {
		out.Keys = append(out.Keys, &identityv1.DigestKey{Epoch: p.Epoch, Material: p.Material()})
	}
	return out, nil
}

// DestroyKeys ends keys of holders that are no subjects, all at once, because
// each may have to wait for the fence.
func (s *Keys) DestroyKeys(ctx context.Context, r *identityv1.DestroyKeysRequest) (*identityv1.DestroyKeysResponse, error) {
	ids := make([]seal.KeyID, len(r.GetKeys()))
	for i, name := range r.GetKeys() {
		field := fmt.Sprintf("keys[%d]", i)
		id, err := keyID(tenantOf(ctx), field, name)
		if err != nil {
			return nil, err
		}
		if id.Holder.Kind() == seal.Subject {
			return nil, fault.FieldErrors{{Field: field + ".holder", Rule: "NO_SUBJECT", Text: "a subject is ended by ForgetSubject"}}
		}
		if err := mayEnd(kit.PrincipalFrom(ctx).Service, id); err != nil {
			return nil, err
		}
		ids[i] = id
	}
	g, within := errgroup.WithContext(ctx)
	for _, id := range ids {
		g.Go(func() error {
			return s.Vault.Destroy(within, vault.Order{Key: id, Reason: r.GetReason(), CommandID: r.GetRequestId()})
		})
	}
	if err := g.Wait(); err != nil {
		return nil, fmt.Errorf("destroy keys: %w", err)
	}
	residue, err := s.Residue(ctx, ids)
	if err != nil {
		return nil, err
	}
	return &identityv1.DestroyKeysResponse{ResidueEndsAt: stamp(residue)}, nil
}
