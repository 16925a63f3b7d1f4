package local

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"habeas.internal/services/internal/es/jetstream"
	"habeas.internal/services/internal/seal/kek"
	"habeas.internal/services/internal/seal/kms"
	"habeas.internal/services/internal/seal/pepper"
	"habeas.internal/services/internal/seal/vault"
)

// KeysError says that key-encryption keys are missing or are not the ones that
// the vault's rows were wrapped under. A start that went on would look as if
// what they protect had been erased.
type KeysError struct {
	Folder string
	Found  kek.Examination
}

// Error names the first key and says what to do.
func (e *KeysError) Error() string {
	first := e.Found.Unusable[0]
	return fmt.Sprintf("%s: %d of the %d key-encryption keys in %s that the vault needs can't be used, first %s: %v\n"+
		"  what to do: %s; `habeas doctor` shows them",
		KeyReason(first.Err), len(e.Found.Unusable), e.Found.Needed, e.Folder, first.Ref, first.Err, KeyRemedy)
}

// KeyRemedy is what to do about a key-encryption key that can't be used.
const KeyRemedy = "put the folder back from its backup and start again; nothing is made in place of a key that is lost"

// KeyReason is the reason code of what is wrong with a key-encryption key.
func KeyReason(err error) string {
	switch {
	case errors.Is(err, kek.ErrLost):
		return "KEK_LOST"
	case errors.Is(err, kms.ErrDamaged):
		return "KEK_DAMAGED"
	}
	return "KEK_MISMATCH"
}

// ExamineKeys looks whether a folder has every key-encryption key that the
// vault of a log needs, and opens secrets under each; all of them if thorough.
// A folder that is not there has none.
func ExamineKeys(ctx context.Context, cfg jetstream.Config, folder string, thorough bool) (kek.Examination, error) {
	keys, err := kms.LookAt(folder)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return kek.Examination{}, err
	}
	store, err := jetstream.OpenRows(ctx, jetstream.RowsConfig{Conn: cfg.Conn, Topology: cfg.Topology})
	if err != nil {
		return kek.Examination{}, err
	}
	var from kms.Store = none{}
	if keys != nil {
		from = keys
	}
	return kek.Examine(ctx, store, from, []kek.Kind{vault.Rows(), pepper.Rows()}, thorough)
}

// none is a folder of keys that is not there.
type none struct{ kms.Store }

func (none) AEAD(context.Context, kms.Ref) (kms.AEAD, error) { return nil, kms.ErrNoKEK }

// checkKeys refuses to start without the keys that the vault needs, or with rows
// that can't be read.
func (in *Installation) checkKeys(ctx context.Context, cfg jetstream.Config) error {
	if err := jetstream.CheckRows(ctx, cfg); err != nil {
		return fmt.Errorf("look at the vault: %w\n  what to do: restore the folder nats from its backup; `habeas doctor` says more", err)
	}
	found, err := ExamineKeys(ctx, cfg, in.places.keks(), false)
	if err != nil {
		return fmt.Errorf("look at key-encryption keys: %w", err)
	}
	if len(found.Unusable) > 0 {
		return &KeysError{Folder: in.places.keks(), Found: found}
	}
	return nil
}
