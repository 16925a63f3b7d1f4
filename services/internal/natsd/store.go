package natsd

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/nats-io/nats-server/v2/server"
)

const (
	// storeFolder is where the server keeps JetStream below the data directory.
	storeFolder = "jetstream"
	// checkFile is the guard's file, in the data directory.
	checkFile = "store-check.json"
)

// store is a data directory that is ours alone and whose key is right.
type store struct {
	dir  string
	lock *os.File
	// oldKey is set while blocks may still be encrypted with it.
	oldKey Key
	// rotated is the check to write when every block has the new key.
	rotated *check
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

func (s *store) guard(key, old Key) error {
	path := filepath.Join(s.dir, checkFile)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return s.begin(path, key)
	}
	if err != nil {
		return fmt.Errorf("read check: %w", err)
	}
	now, err := parseCheck(text)
	if err != nil {
		return refuse(CheckDamaged, err.Error())
	}
	return s.admit(path, now, key, old)
}

// begin writes the check of a new store.
func (s *store) begin(path string, key Key) error {
	entries, err := os.ReadDir(filepath.Join(s.dir, storeFolder))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("look into the store: %w", err)
	}
	if len(entries) > 0 {
		return refuse(CheckMissing, "the store is not empty and "+checkFile+" is missing; restore it from a backup")
	}
	return newCheck(key).write(path)
}

// admit lets the keys pass or says why not. A rotation is written down before
// the first block changes, so that an interrupted one is known as such.
func (s *store) admit(path string, now check, key, old Key) error {
	next, err := now.judge(key, old)
	if err != nil {
		return err
	}
	if next == nil {
		return nil
	}
	s.oldKey = old
	s.rotated = &check{StoreID: now.StoreID, Encrypted: true, Current: next.Next}
	return next.write(path)
}

// finishRotation forgets the old key, now that all streams are recovered and
// so encrypted with the new one.
func (s *store) finishRotation() error {
	if s.rotated == nil {
		return nil
	}
	if err := s.rotated.write(filepath.Join(s.dir, checkFile)); err != nil {
		return fmt.Errorf("finish rotation: %w", err)
	}
	s.rotated = nil
	return nil
}

// checkRecovered compares the streams on disk with those that the server has.
// One that it could not read is answered as missing, and would be adopted or
// destroyed by whoever creates it.
func (s *Server) checkRecovered() error {
	known, err := s.knownStreams()
	if err != nil {
		return err
	}
	entries, err := os.ReadDir(filepath.Join(s.store.dir, storeFolder, Account, "streams"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("list streams on disk: %w", err)
	}
	var lost []string
	for _, entry := range entries {
		removed := strings.HasPrefix(entry.Name(), ".")
		if !removed && !known[entry.Name()] {
			lost = append(lost, entry.Name())
		}
	}
	if len(lost) > 0 {
		return refuse(StoreIncomplete, "not recovered: "+strings.Join(lost, ", ")+"; restore these folders from a backup")
	}
	return nil
}

func (s *Server) knownStreams() (map[string]bool, error) {
	info, err := s.nats.Jsz(&server.JSzOptions{Account: Account, Streams: true})
	if err != nil {
		return nil, fmt.Errorf("list recovered streams: %w", err)
	}
	known := map[string]bool{}
	for _, account := range info.AccountDetails {
		for _, stream := range account.Streams {
			known[stream.Name] = true
		}
	}
	return known, nil
}
