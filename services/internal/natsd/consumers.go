package natsd

import (
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/crypto/chacha20poly1305"
)

// The server's files of one consumer.
const (
	consumerKeyFile   = "meta.key"
	consumerMetaFile  = "meta.inf"
	consumerStateFile = "o.dat"
)

// openConsumers decrypts the files of all consumers below a store folder: what
// they are called and how far they have read, nothing of what they read. The
// server, which converts messages from an old key but not these, encrypts them
// again when it starts. Other streams' files are left alone.
func openConsumers(folder string, key Key) error {
	keys, err := filepath.Glob(filepath.Join(StreamFolder(folder, "*"), "obs", "*", consumerKeyFile))
	if err != nil {
		return err
	}
	for _, path := range keys {
		if err := openConsumer(filepath.Dir(path), key); err != nil {
			return fmt.Errorf("consumer %s: %w", filepath.Base(filepath.Dir(path)), err)
		}
	}
	return nil
}

// openConsumer removes the key file last: without it the others count as plain.
func openConsumer(dir string, key Key) error {
	wrapped, err := os.ReadFile(filepath.Join(dir, consumerKeyFile))
	if err != nil {
		return err
	}
	stream := filepath.Base(filepath.Dir(filepath.Dir(dir)))
	seed, err := open(consumerKey(key, stream, filepath.Base(dir)), wrapped)
	if err != nil {
		return fmt.Errorf("unwrap key: %w", err)
	}
	for _, name := range []string{consumerMetaFile, consumerStateFile} {
		if err := openFile(filepath.Join(dir, name), seed); err != nil {
			return err
		}
	}
	return os.Remove(filepath.Join(dir, consumerKeyFile))
}

// consumerKey derives the key that wraps a consumer's own, as the server does.
func consumerKey(key Key, stream, consumer string) []byte {
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(Account))
	mac.Write([]byte(stream + "." + consumer))
	return mac.Sum(nil)
}

func openFile(path string, seed []byte) error {
	sealed, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // a consumer that was never read has no state
	}
	if err != nil {
		return err
	}
	plain, err := open(seed, sealed)
	if err != nil {
		return fmt.Errorf("decrypt %s: %w", filepath.Base(path), err)
	}
	return os.WriteFile(path, plain, 0o600)
}

func open(key, sealed []byte) ([]byte, error) {
	box, err := chacha20poly1305.NewX(key)
	if err != nil {
		return nil, err
	}
	if len(sealed) < box.NonceSize() {
		return nil, errors.New("the file is too short")
	}
	return box.Open(nil, sealed[:box.NonceSize()], sealed[box.NonceSize():], nil)
}
