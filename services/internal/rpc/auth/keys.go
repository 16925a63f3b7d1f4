package auth

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"os"
	"time"

	"habeas.internal/services/internal/rpc/reload"
)

// The signature algorithms that tokens may use. Symmetric ones and "none" are
// not among them.
const (
	EdDSA = "EdDSA"
	ES256 = "ES256"
	RS256 = "RS256"
)

// Key is one public key of an issuer. Each key is for one algorithm, so that a
// token cannot choose how its key is used.
type Key struct {
	ID        string
	Algorithm string
	Public    crypto.PublicKey
}

// Keys finds the key with an id, or returns nil. It is asked on every call and
// must be quick; as long as a key is valid it must return the same pointer.
type Keys func(id string) *Key

// FileConfig says where a key set is.
type FileConfig struct {
	// Path is a JWKS file (RFC 7517).
	Path string
	// Now is the clock.
	Now func() time.Time
	// Report is told when a changed file could not be read; the former keys
	// then stay valid.
	Report func(error)
}

// keyFileEvery bounds how long a change of a key file waits to take effect.
const keyFileEvery = 5 * time.Second

// KeyFile reads a JWKS file and follows its changes.
func KeyFile(cfg FileConfig) (Keys, error) {
	file, err := reload.New(reload.Config[map[string]*Key]{
		Files: []string{cfg.Path}, Every: keyFileEvery, Now: cfg.Now, Report: cfg.Report,
		Read: func() (map[string]*Key, error) { return readKeys(cfg.Path) },
	})
	if err != nil {
		return nil, fmt.Errorf("load key set: %w", err)
	}
	return func(id string) *Key { return file.Get()[id] }, nil
}

func readKeys(path string) (map[string]*Key, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read key set: %w", err)
	}
	return ParseKeys(text)
}

// jwk is the part of a JSON Web Key (RFC 7517) that is used.
type jwk struct {
	ID      string `json:"kid"`
	Type    string `json:"kty"`
	Use     string `json:"use"`
	Curve   string `json:"crv"`
	X       string `json:"x"`
	Y       string `json:"y"`
	Modulus string `json:"n"`
	Power   string `json:"e"`
}

var (
	errKeySet     = errors.New("not a key set")
	errNoKeys     = errors.New("key set without a usable key")
	errKeyID      = errors.New("key without an id of its own")
	errKeyContent = errors.New("key that does not fit its type")
)

// ParseKeys reads a JWKS. Keys of other types or for encryption are passed
// over; a key of a known type that is broken or too weak fails the whole set.
func ParseKeys(text []byte) (map[string]*Key, error) {
	var set struct {
		Keys []jwk `json:"keys"`
	}
	if err := json.Unmarshal(text, &set); err != nil {
		return nil, fmt.Errorf("parse key set: %w", errKeySet)
	}
	keys := map[string]*Key{}
	for i, k := range set.Keys {
		parse := k.parser()
		if parse == nil || k.Use == "enc" {
			continue
		}
		key, err := parse()
		if err != nil {
			return nil, fmt.Errorf("parse key %d: %w", i, err)
		}
		if key.ID = k.ID; k.ID == "" || keys[k.ID] != nil {
			return nil, fmt.Errorf("parse key %d: %w", i, errKeyID)
		}
		keys[k.ID] = key
	}
	if len(keys) == 0 {
		return nil, errNoKeys
	}
	return keys, nil
}

// parser returns the reader for the key's type, or nil for an unknown type.
func (k jwk) parser() func() (*Key, error) {
	switch {
	case k.Type == "OKP" && k.Curve == "Ed25519":
		return k.ed25519
	case k.Type == "EC" && k.Curve == "P-256":
		return k.p256
	case k.Type == "RSA":
		return k.rsa
	default:
		return nil
	}
}

func (k jwk) ed25519() (*Key, error) {
	x, err := unbase64(k.X)
	if err != nil || len(x) != ed25519.PublicKeySize {
		return nil, errKeyContent
	}
	return &Key{Algorithm: EdDSA, Public: ed25519.PublicKey(x)}, nil
}

func (k jwk) p256() (*Key, error) {
	x, errX := unbase64(k.X)
	y, errY := unbase64(k.Y)
	if errX != nil || errY != nil || len(x) != 32 || len(y) != 32 {
		return nil, errKeyContent
	}
	point := append(append([]byte{4}, x...), y...) // uncompressed form of SEC 1
	public, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
	if err != nil {
		return nil, errKeyContent
	}
	return &Key{Algorithm: ES256, Public: public}, nil
}

// minRSA is the shortest RSA key that is accepted, in bits.
const minRSA = 2048

func (k jwk) rsa() (*Key, error) {
	n, errN := unbase64(k.Modulus)
	e, errE := unbase64(k.Power)
	if errN != nil || errE != nil || len(e) == 0 || len(e) > 4 {
		return nil, errKeyContent
	}
	public := &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: int(new(big.Int).SetBytes(e).Int64())}
	if public.N.BitLen() < minRSA || public.E < 3 || public.E%2 == 0 {
		return nil, errKeyContent
	}
	return &Key{Algorithm: RS256, Public: public}, nil
}

func unbase64(text string) ([]byte, error) { return base64.RawURLEncoding.DecodeString(text) }
