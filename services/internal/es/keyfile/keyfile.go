// Package keyfile keeps the log's signing keys in files: one key a file, its
// Ed25519 seed in base64, readable by the owner only; and the public half
// beside it, for whoever has to trust it.
package keyfile

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/wholefile"
)

// Suffixes of the two files of a key.
const (
	Private = ".key"
	Public  = ".pub"
)

var (
	// ErrExposed says that others may read the file: the key must be held for
	// known.
	ErrExposed = errors.New("key file may be read by others")
	// ErrMalformed says that the text is no key.
	ErrMalformed = errors.New("text is no key")
)

// Read reads a private key. A missing file is fs.ErrNotExist.
func Read(path string) (es.Signer, error) {
	info, err := os.Stat(path)
	if err != nil {
		return es.Signer{}, fmt.Errorf("read key: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return es.Signer{}, fmt.Errorf("read key %s: %w", path, ErrExposed)
	}
	text, err := wholefile.Read(path, wholefile.Usual)
	if err != nil {
		return es.Signer{}, fmt.Errorf("read key: %w", err)
	}
	seed, err := base64.StdEncoding.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(seed) != ed25519.SeedSize {
		return es.Signer{}, fmt.Errorf("read key %s: %w", path, ErrMalformed)
	}
	return es.NewSigner(ed25519.NewKeyFromSeed(seed)), nil
}

// Open reads the private key called name from dir, or makes it, and its public
// file. When it returns, both are on disk for good. Of two that make the same
// key at once, both get the same one.
func Open(dir, name string) (s es.Signer, made bool, err error) {
	path := filepath.Join(dir, name+Private)
	s, err = Read(path)
	if errors.Is(err, fs.ErrNotExist) {
		made, err = create(dir, path)
		if err == nil {
			s, err = Read(path)
		}
	}
	if err != nil {
		return es.Signer{}, false, err
	}
	return s, made, publish(dir, name, s)
}

// create writes a fresh key unless somebody else just did.
func create(dir, path string) (bool, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return false, fmt.Errorf("make key folder: %w", err)
	}
	signer, err := es.GenerateSigner(rand.Reader)
	if err != nil {
		return false, err
	}
	temp, err := write(dir, base64.StdEncoding.EncodeToString(signer.Private().Seed()))
	if err != nil {
		return false, err
	}
	defer func() { _ = os.Remove(temp) }()
	err = os.Link(temp, path) // unlike a rename, it replaces nothing
	if errors.Is(err, fs.ErrExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("write key: %w", err)
	}
	return true, sync(dir)
}

// publish writes the public half.
func publish(dir, name string, s es.Signer) error {
	path := filepath.Join(dir, name+Public)
	have, err := ReadPublic(path)
	if err == nil && have.Equal(s.Public()) {
		return nil
	}
	if err == nil {
		return fmt.Errorf("key %s and its public half do not belong together: %w", name, ErrMalformed)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	temp, err := write(dir, base64.StdEncoding.EncodeToString(s.Public()))
	if err != nil {
		return err
	}
	if err := os.Rename(temp, path); err != nil {
		return fmt.Errorf("write public key: %w", err)
	}
	return sync(dir)
}

// write writes a line to a file of its own, for good.
func write(dir, line string) (path string, err error) {
	file, err := os.CreateTemp(dir, ".new-*") // mode 0600
	if err != nil {
		return "", fmt.Errorf("write key: %w", err)
	}
	_, err = file.WriteString(line + "\n")
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return "", fmt.Errorf("write key: %w", errors.Join(err, os.Remove(file.Name())))
	}
	return file.Name(), nil
}

func sync(dir string) error {
	folder, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("sync key folder: %w", err)
	}
	if err := errors.Join(folder.Sync(), folder.Close()); err != nil {
		return fmt.Errorf("sync key folder: %w", err)
	}
	return nil
}

// ReadPublic reads a public key's file.
func ReadPublic(path string) (ed25519.PublicKey, error) {
	text, err := wholefile.Read(path, wholefile.Usual)
	if err != nil {
		return nil, fmt.Errorf("read public key: %w", err)
	}
	return ParsePublic(string(text))
}

// ParsePublic reads a public key in base64.
func ParsePublic(text string) (ed25519.PublicKey, error) {
	key, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
	if err != nil || len(key) != ed25519.PublicKeySize {
		return nil, fmt.Errorf("read public key: %w", ErrMalformed)
	}
	return key, nil
}

// FormatPublic is the inverse of ParsePublic.
func FormatPublic(key ed25519.PublicKey) string { return base64.StdEncoding.EncodeToString(key) }
