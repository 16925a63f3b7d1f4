package natsd

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// checkFile is the guard's file, in the data directory.
const checkFile = "store-check.json"

// store is a data directory that is ours alone and whose key is right.
//
// The files of the server lie in a folder store-1 of it, and after a rotation
// of the key in store-2, and so on; which one counts is written in the check,
// so that one rename of that file commits a rotation.
type store struct {
	dir   string
	lock  *os.File
	check check
	// rotate says that the files have to be encrypted with the new key.
	rotate bool
}

// openStore claims dir and compares the keys with its check. It changes no
// file when it refuses; a new directory gets its check here, before the server
// can put anything in it.
func openStore(dir string, key, old Key) (*store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make data directory: %w", err)
	}
	lock, err := lockDir(dir)
	if err != nil {
		return nil, err
	}
	s := &store{dir: dir, lock: lock}
	if err := s.guard(key, old); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// close lets another server have the directory.
func (s *store) close() {
	_ = s.lock.Close() // the lock goes with the descriptor, in any case
}

// folder is where the server's files are.
func (s *store) folder() string { return filepath.Join(s.dir, folderName(s.check.Generation)) }

func folderName(generation int) string { return fmt.Sprintf("store-%d", generation) }

func (s *store) guard(key, old Key) error {
	text, err := os.ReadFile(filepath.Join(s.dir, checkFile))
	if errors.Is(err, fs.ErrNotExist) {
		return s.begin(key)
	}
	if err != nil {
		return fmt.Errorf("read check: %w", err)
	}
	if s.check, err = parseCheck(text); err != nil {
		return refuse(CheckDamaged, err.Error())
	}
	if s.rotate, err = s.check.judge(key, old); err != nil {
		return err
	}
	return s.clean()
}

// begin writes the check of a new store.
func (s *store) begin(key Key) error {
	folders, err := s.folders()
	if err != nil {
		return err
	}
	if len(folders) > 0 {
		return refuse(CheckMissing, "the store is not empty and "+checkFile+" is missing; restore it from a backup")
	}
	s.check = newCheck(key)
	return s.commit(s.check)
}

// commit makes a check the one that counts.
func (s *store) commit(c check) error {
	if err := c.write(filepath.Join(s.dir, checkFile)); err != nil {
		return err
	}
	s.check = c
	return nil
}

// clean removes what an interrupted rotation has left: a copy that was not
// finished, or the files that a finished one replaced.
func (s *store) clean() error {
	folders, err := s.folders()
	if err != nil {
		return err
	}
	for _, folder := range folders {
		if folder == s.folder() {
			continue
		}
		if err := os.RemoveAll(folder); err != nil {
			return fmt.Errorf("remove files of a rotation: %w", err)
		}
	}
	return nil
}

func (s *store) folders() ([]string, error) {
	folders, err := filepath.Glob(filepath.Join(s.dir, "store-[0-9]*"))
	if err != nil {
		return nil, fmt.Errorf("list the store's folders: %w", err)
	}
	return folders, nil
}
