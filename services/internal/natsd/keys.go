package natsd

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/nats-io/nkeys"
)

// keyPrefix makes a key read as a bare word when a configuration file takes it
// from a variable; digits alone would be read as a number.
const keyPrefix = "habeas-jsk-"

// UserKey is the nkey of one user. The seed stays in its file.
type UserKey struct {
	// PublicKey goes into the server's configuration.
	PublicKey string
	// SeedFile is the file that the client reads; nats.go takes it by
	// nats.NkeyOptionFromSeed.
	SeedFile string
}

// OpenUserKey loads the nkey of the user called name from dir, or makes it. The
// seed file is readable by its owner only; a file that others may read is an
// error, since the key must then be held for known.
func OpenUserKey(dir, name string) (UserKey, error) {
	if !regexp.MustCompile(`^[a-z0-9][a-z0-9-]*$`).MatchString(name) {
		return UserKey{}, errors.New("a user's name is made of small letters, digits and hyphens")
	}
	path := filepath.Join(dir, name+".nk")
	seed, err := openSecret(path, newSeed)
	if err != nil {
		return UserKey{}, fmt.Errorf("open nkey of %s: %w", name, err)
	}
	pair, err := nkeys.FromSeed(seed)
	if err != nil {
		return UserKey{}, fmt.Errorf("read nkey of %s: %w", name, err)
	}
	defer pair.Wipe()
	public, err := pair.PublicKey()
	if err != nil {
		return UserKey{}, fmt.Errorf("read nkey of %s: %w", name, err)
	}
	return UserKey{PublicKey: public, SeedFile: path}, nil
}

// OpenKey loads an encryption key from a file, or makes one. To lose the file
// is to lose the store.
func OpenKey(path string) (Key, error) {
	text, err := openSecret(path, newKey)
	if err != nil {
		return "", fmt.Errorf("open encryption key: %w", err)
	}
	return Key(text), nil
}

func newSeed() ([]byte, error) {
	pair, err := nkeys.CreateUser()
	if err != nil {
		return nil, err
	}
	defer pair.Wipe()
	seed, err := pair.Seed()
	return bytes.Clone(seed), err // a copy: wiping the pair clears the original
}

func newKey() ([]byte, error) {
	raw := make([]byte, 32)
	_, _ = rand.Read(raw) // never fails
	return []byte(keyPrefix + hex.EncodeToString(raw)), nil
}

// openSecret reads a file that only its owner may read, or writes a fresh one.
func openSecret(path string, fresh func() ([]byte, error)) ([]byte, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return makeSecret(path, fresh)
	}
	if err != nil {
		return nil, err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("%s may be read by others", path)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return []byte(strings.TrimSpace(string(text))), nil
}

func makeSecret(path string, fresh func() ([]byte, error)) ([]byte, error) {
	secret, err := fresh()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	return secret, writeDurably(path, append(secret, '\n'))
}
