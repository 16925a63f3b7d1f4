package sweep

import (
	"context"
	"errors"
	"fmt"

	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/seal/rows"
)

// KeptRows keeps digests of terms in rows of a kind, one a tenant.
type KeptRows struct {
	Rows rows.Store
	Kind string
}

func (k KeptRows) subject(tenant string) string {
	return rows.VaultSubject(es.Partition(tenant, k.Kind), k.Kind, tenant, "done")
}

// Load is part of Kept.
func (k KeptRows) Load(ctx context.Context, tenant string) (string, error) {
	row, err := k.Rows.Get(ctx, k.subject(tenant))
	if errors.Is(err, rows.ErrNotFound) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("read row: %w", err)
	}
	return string(row.Value), nil
}

// Store is part of Kept. Of several processes at once one wins, and the others try
// again later.
func (k KeptRows) Store(ctx context.Context, tenant, digest string) error {
	row, err := k.Rows.Get(ctx, k.subject(tenant))
	missing := errors.Is(err, rows.ErrNotFound)
	switch {
	case err != nil && !missing:
		return fmt.Errorf("read row: %w", err)
	case digest == "" && missing, string(row.Value) == digest && !missing:
		return nil
	case digest == "":
		err = k.Rows.Delete(ctx, k.subject(tenant), row.Rev)
	default:
		_, err = k.Rows.Put(ctx, k.subject(tenant), []byte(digest), row.Rev)
	}
	if err != nil {
		return fmt.Errorf("write row: %w", err)
	}
	return nil
}
