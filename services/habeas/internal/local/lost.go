package local

import (
	"context"
	"errors"
	"fmt"

	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	sealv1 "habeas.internal/proto/gen/habeas/seal/v1"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/jetstream"
	"habeas.internal/services/internal/seal"
	"habeas.internal/services/internal/seal/rows"

	"google.golang.org/protobuf/proto"
)

// LostKeys compares the log with the vault: it lists the rows of keys that were
// made and have not ended, and that are not there, by the names of their holders.
// The log must have been found well before.
func LostKeys(ctx context.Context, cfg jetstream.Config) ([]string, error) {
	log, err := jetstream.Open(ctx, cfg)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	there, err := vaultRows(ctx, cfg) // before the log: what is made meanwhile is in neither
	if err != nil {
		return nil, err
	}
	var made []madeRow
	ended := map[string]bool{}
	for r, err := range log.Scan(ctx, "identity", nil) {
		if err != nil {
			return nil, fmt.Errorf("read what the log tells of keys: %w", err)
		}
		for _, ev := range r.Events {
			row, end, err := keyRow(r.Aggregate, ev)
			switch {
			case err != nil:
				return nil, err
			case row.subject == "":
			case end:
				ended[row.subject] = true
			default:
				made = append(made, row)
			}
		}
	}
	return missing(ctx, cfg, made, there, ended)
}

// madeRow is a row that the log tells of, and whose it is.
type madeRow struct{ subject, name string }

// missing asks once more for each row that was not there: it may have been made in
// between.
func missing(ctx context.Context, cfg jetstream.Config, made []madeRow, there, ended map[string]bool) ([]string, error) {
	store, err := jetstream.OpenRows(ctx, jetstream.RowsConfig{Conn: cfg.Conn, Topology: cfg.Topology})
	if err != nil {
		return nil, err
	}
	var lost []string
	for _, m := range made {
		if there[m.subject] || ended[m.subject] {
			continue
		}
		switch _, err := store.Get(ctx, m.subject); {
		case errors.Is(err, rows.ErrNotFound):
			lost = append(lost, m.name)
		case err != nil:
			return nil, fmt.Errorf("read vault: %w", err)
		}
	}
	return lost, nil
}

func vaultRows(ctx context.Context, cfg jetstream.Config) (map[string]bool, error) {
	store, err := jetstream.OpenRows(ctx, jetstream.RowsConfig{Conn: cfg.Conn, Topology: cfg.Topology})
	if err != nil {
		return nil, err
	}
	out := map[string]bool{}
	for _, kind := range []string{"key", "pepper"} {
		for row, err := range store.List(ctx, rows.VaultSubject("*", kind, ">"), 0) {
			if err != nil {
				return nil, fmt.Errorf("list vault: %w", err)
			}
			out[row.Subject] = true
		}
	}
	return out, nil
}

// keyRow is the row that an event tells of, and whether it says that what lay there
// has ended; no subject if it is another event.
func keyRow(agg es.Aggregate, ev es.Event) (row madeRow, end bool, err error) {
	var class interface{ GetClass() sealv1.KeyClass }
	switch ev.Type {
	case "keyring.key_made":
		m := &identityv1.KeyMade{}
		class, err = m, proto.Unmarshal(ev.Data, m)
	case "keyring.key_destroyed":
		m := &identityv1.KeyDestroyed{}
		class, end, err = m, true, proto.Unmarshal(ev.Data, m)
	case "pepper.made":
		part := es.Partition(agg.Tenant, agg.ID)
		return madeRow{rows.VaultSubject(part, "pepper", agg.Tenant, agg.ID), agg.Tenant + "/pepper/" + agg.ID}, false, nil
	default:
		return row, false, nil
	}
	if err != nil {
		return row, false, fmt.Errorf("decode %s: %w", ev.Type, err)
	}
	name := seal.ClassName(class.GetClass())
	row.subject = rows.VaultSubject(es.Partition(agg.Tenant, agg.ID), "key", agg.Tenant, agg.ID, name)
	row.name = agg.Tenant + "/" + agg.ID + "/" + name
	return row, end, nil
}
