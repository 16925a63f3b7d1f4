package rpctest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"maps"
	"math/big"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// The issuer and audience of the tokens made here.
const (
	TokenIssuer   = "https://issuer.habeas.test"
	TokenAudience = "habeas"
)

// Issuer signs tokens as an identity provider does, and keeps its key set in a
// file for the servers under test.
type Issuer struct {
	// Path is the JWKS file.
	Path string

	t    testing.TB
	mu   sync.Mutex
	keys map[string]crypto.Signer
}

// NewIssuer makes an issuer with one Ed25519 key, called "k1".
func NewIssuer(t testing.TB) *Issuer {
	t.Helper()
	i := &Issuer{Path: filepath.Join(t.TempDir(), "jwks.json"), t: t, keys: map[string]crypto.Signer{}}
	i.AddKey("k1", jwt.SigningMethodEdDSA.Alg())
	return i
}

// AddKey makes a key for EdDSA, ES256 or RS256, in place of any of the same
// id, and publishes the set.
func (i *Issuer) AddKey(id, algorithm string) {
	i.t.Helper()
	key, err := newKey(algorithm)
	if err != nil {
		i.t.Fatal(err)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.keys[id] = key
	i.publish()
}

// RemoveKey withdraws a key and publishes the set.
func (i *Issuer) RemoveKey(id string) {
	i.t.Helper()
	i.mu.Lock()
	defer i.mu.Unlock()
	delete(i.keys, id)
	i.publish()
}

// Claims returns the claims of a good token: tenant "acme", actor "actor-1",
// five minutes of life from now, and the given roles ("product", "dpo", ...).
func Claims(now time.Time, roles ...string) jwt.MapClaims {
	return jwt.MapClaims{
		"iss": TokenIssuer, "aud": TokenAudience, "sub": "actor-1", "jti": "token-1", "tenant": "acme", "roles": roles,
		"nbf": now.Unix(), "exp": now.Add(5 * time.Minute).Unix(),
	}
}

// With returns a copy of the claims with one of them changed; nil removes it.
func With(c jwt.MapClaims, name string, value any) jwt.MapClaims {
	changed := maps.Clone(c)
	if changed[name] = value; value == nil {
		delete(changed, name)
	}
	return changed
}

// Sign makes a token with the key "k1".
func (i *Issuer) Sign(c jwt.MapClaims) string { return i.SignWith("k1", c) }

// SignWith makes a token with one of the issuer's keys.
func (i *Issuer) SignWith(id string, c jwt.MapClaims) string {
	i.t.Helper()
	i.mu.Lock()
	defer i.mu.Unlock()
	key := i.keys[id]
	token := jwt.NewWithClaims(method(key), c)
	token.Header["kid"] = id
	text, err := token.SignedString(key)
	if err != nil {
		i.t.Fatal(err)
	}
	return text
}

// SignRaw signs text, which is a token's encoded header and claims, with an
// Ed25519 key, whatever the header says.
func (i *Issuer) SignRaw(id, text string) string {
	i.t.Helper()
	i.mu.Lock()
	defer i.mu.Unlock()
	signature, err := i.keys[id].Sign(rand.Reader, []byte(text), crypto.Hash(0))
	if err != nil {
		i.t.Fatal(err)
	}
	return text + "." + base64url(signature)
}

// publish replaces the file in one step.
func (i *Issuer) publish() {
	i.t.Helper()
	set := map[string][]map[string]string{"keys": {}}
	for id, key := range i.keys {
		set["keys"] = append(set["keys"], JWK(id, key.Public()))
	}
	text, err := json.Marshal(set)
	if err != nil {
		i.t.Fatal(err)
	}
	if err := os.WriteFile(i.Path+".new", text, 0o600); err != nil {
		i.t.Fatal(err)
	}
	if err := os.Rename(i.Path+".new", i.Path); err != nil {
		i.t.Fatal(err)
	}
}

// JWK describes a public key as a JSON Web Key.
func JWK(id string, public crypto.PublicKey) map[string]string {
	switch key := public.(type) {
	case ed25519.PublicKey:
		return map[string]string{"kid": id, "kty": "OKP", "crv": "Ed25519", "x": base64url(key)}
	case *ecdsa.PublicKey:
		point, err := key.Bytes()
		if err != nil {
			return nil
		}
		return map[string]string{"kid": id, "kty": "EC", "crv": "P-256", "x": base64url(point[1:33]), "y": base64url(point[33:])}
	case *rsa.PublicKey:
		return map[string]string{
			"kid": id, "kty": "RSA", "use": "sig", "n": base64url(key.N.Bytes()), "e": base64url(big.NewInt(int64(key.E)).Bytes()),
		}
	default:
		return nil
	}
}

func newKey(algorithm string) (crypto.Signer, error) {
	switch algorithm {
	case "ES256":
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case "RS256":
		return rsa.GenerateKey(rand.Reader, 2048)
	default:
		_, key, err := ed25519.GenerateKey(rand.Reader)
		return key, err
	}
}

func method(key crypto.Signer) jwt.SigningMethod {
	switch key.(type) {
	case *ecdsa.PrivateKey:
		return jwt.SigningMethodES256
	case *rsa.PrivateKey:
		return jwt.SigningMethodRS256
	default:
		return jwt.SigningMethodEdDSA
	}
}

func jsonBytes(text string) ([]byte, error) { return base64.RawURLEncoding.DecodeString(text) }

func base64url(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }
