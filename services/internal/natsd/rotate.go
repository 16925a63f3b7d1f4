package natsd

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
)

// rotateStore encrypts the store with the new key. The server can do that in
// place, but a crash in the middle then costs a block of acknowledged
// messages, and the durable consumers are lost in any case. So it is done on a
// copy, which replaces the files only when it was found to hold the same with
// the new key alone. Until that moment the old key and the old files count.
// It needs as much free disk as the store takes.
func rotateStore(ctx context.Context, cfg Config, st *store) error {
	next := st.check.rotated(cfg.Key)
	folder := filepath.Join(st.dir, folderName(next.Generation))
	err := makeRotated(ctx, cfg, st.folder(), folder)
	if err == nil {
		err = st.commit(next)
	}
	return errors.Join(err, st.clean())
}

func makeRotated(ctx context.Context, cfg Config, from, to string) error {
	before, err := takeInventory(ctx, cfg, launch{folder: from, key: cfg.OldKey})
	if err != nil {
		return fmt.Errorf("open with the old key: %w", err)
	}
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		return fmt.Errorf("copy the store: %w", err)
	}
	if err := openConsumers(to, cfg.OldKey); err != nil {
		return fmt.Errorf("open consumers: %w", err)
	}
	if _, err := takeInventory(ctx, cfg, launch{folder: to, key: cfg.Key, old: cfg.OldKey}); err != nil {
		return fmt.Errorf("encrypt with the new key: %w", err)
	}
	if err := dropIndexes(to); err != nil {
		return fmt.Errorf("drop indexes: %w", err)
	}
	after, err := takeInventory(ctx, cfg, launch{folder: to, key: cfg.Key})
	if err != nil {
		return fmt.Errorf("open with the new key: %w", err)
	}
	if !reflect.DeepEqual(before, after) {
		return errors.New("the copy does not hold the same as the store")
	}
	return syncTree(to)
}

// takeInventory runs a server that nobody can connect to, once.
func takeInventory(ctx context.Context, cfg Config, l launch) (map[string]holdings, error) {
	cfg.InProcessOnly = true
	s, err := start(ctx, cfg, l)
	if err != nil {
		return nil, err
	}
	defer s.Shutdown()
	return s.inventory()
}

// dropIndexes makes the next start read every message and verify its checksum;
// otherwise it would believe its own notes about what the blocks hold.
func dropIndexes(folder string) error {
	indexes, err := filepath.Glob(filepath.Join(StreamFolder(folder, "*"), "msgs", "index.db"))
	for _, index := range indexes {
		err = errors.Join(err, os.Remove(index))
	}
	return err
}

// syncTree brings all files to disk: not everything that wrote them did.
func syncTree(root string) error {
	return filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return syncPath(path)
	})
}
