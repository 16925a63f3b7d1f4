// Package devissuer signs tokens for one machine. `habeas up` uses it in place
// of an organisation's identity provider, so that daemons check the same kind
// of token as in production. Whoever can read its key may be anybody: the key
// lies in the data folder, readable by its owner only, and is of no use to an
// installation that does not name its key set.
package devissuer

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"habeas.internal/services/internal/wholefile"

	"github.com/golang-jwt/jwt/v5"
)

// What the tokens name, and a daemon's configuration has to.
const (
	Issuer   = "https://habeas.localhost/developer"
	Audience = "habeas"
	// StepUp is the acr of all tokens: whom they speak of counts as having proved
	// themselves by a stronger means when the token was made.
	StepUp = "developer"
)

const (
	keyFile  = "developer-key.pem"
	setFile  = "jwks.json"
	keyType  = "PRIVATE KEY"
	backdate = time.Minute
)

// Signer makes tokens with the key of a folder.
type Signer struct {
	dir string
	id  string
	key ed25519.PrivateKey
}

// Open reads the key of a folder, or makes it, and writes the key set beside
// it. A key that others may read is refused.
func Open(dir string) (*Signer, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make folder of tokens: %w", err)
	}
	key, err := readKey(filepath.Join(dir, keyFile))
	if errors.Is(err, fs.ErrNotExist) {
		key, err = makeKey(filepath.Join(dir, keyFile))
	}
	if err != nil {
		return nil, fmt.Errorf("open token key: %w", err)
	}
	public, ok := key.Public().(ed25519.PublicKey)
	if !ok {
		return nil, errors.New("open token key: not an Ed25519 key")
	}
	digest := sha256.Sum256(public)
	s := &Signer{dir: dir, key: key, id: hex.EncodeToString(digest[:8])}
	return s, s.publish(public)
}

// KeySet is the path of the key set, in the form of JWKS.
func (s *Signer) KeySet() string { return filepath.Join(s.dir, setFile) }

// Claims say for whom a token is.
type Claims struct {
	Tenant  string
	Subject string // a pseudonym
	Roles   []string
	From    time.Time
	Life    time.Duration
}

// Token signs a token.
func (s *Signer) Token(c Claims) (string, error) {
	id := make([]byte, 12)
	_, _ = rand.Read(id) // never fails
	token := jwt.NewWithClaims(jwt.SigningMethodEdDSA, jwt.MapClaims{
		"iss": Issuer, "aud": Audience, "sub": c.Subject, "jti": hex.EncodeToString(id),
		"tenant": c.Tenant, "roles": c.Roles, "acr": StepUp, "auth_time": c.From.Unix(),
		"iat": c.From.Unix(), "nbf": c.From.Add(-backdate).Unix(), "exp": c.From.Add(c.Life).Unix(),
	})
	token.Header["kid"] = s.id
	text, err := token.SignedString(s.key)
	if err != nil {
		return "", fmt.Errorf("sign token: %w", err)
	}
	return text, nil
}

// publish replaces the key set in one step.
func (s *Signer) publish(public ed25519.PublicKey) error {
	text, err := json.Marshal(map[string]any{"keys": []map[string]string{{
		"kid": s.id, "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig",
		"x": base64.RawURLEncoding.EncodeToString(public),
	}}})
	if err != nil {
		return fmt.Errorf("write key set: %w", err)
	}
	fresh := s.KeySet() + ".new"
	if err := os.WriteFile(fresh, append(text, '\n'), 0o600); err != nil {
		return fmt.Errorf("write key set: %w", err)
	}
	if err := os.Rename(fresh, s.KeySet()); err != nil {
		return fmt.Errorf("write key set: %w", err)
	}
	return nil
}

func readKey(path string) (ed25519.PrivateKey, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("%s may be read by others", path)
	}
	text, err := wholefile.Read(path, wholefile.Usual)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil || block.Type != keyType {
		return nil, fmt.Errorf("%s holds no key", path)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	key, ok := parsed.(ed25519.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("%s holds no Ed25519 key", path)
	}
	return key, nil
}

func makeKey(path string) (ed25519.PrivateKey, error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	text := pem.EncodeToMemory(&pem.Block{Type: keyType, Bytes: der})
	return key, os.WriteFile(path, text, 0o600)
}
