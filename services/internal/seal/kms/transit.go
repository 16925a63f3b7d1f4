package kms

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// Transit keeps KEKs in the transit engine of Vault or OpenBao: one named key
// for each tenant and partition, whose versions are the epochs. No KEK ever
// leaves that server. What is destroyed is trimmed away there, and versions
// only count up, so that none is made again.
//
// Wrapped keys are bound to their row by associated data. The engine's own
// rewrap can't carry that, so re-wrapping decrypts and encrypts, which a check
// of commitments needs anyway.
type Transit struct {
	api   *transitAPI
	mount string
	names string // prefix of the keys' names
}

// TransitConfig says where a transit engine is.
type TransitConfig struct {
	// Addr is the server's, such as https://vault.internal:8200.
	Addr string
	// Mount is the engine's path, such as transit.
	Mount string
	// Prefix begins the names of the keys, such as habeas.
	Prefix string
	// Namespace is that of Vault Enterprise or OpenBao; may be empty.
	Namespace string
	// Token gives the token for the next call.
	Token func() (string, error)
	// HTTP makes the calls; its time limit holds for each. Redirects are never
	// followed, whatever it says of them: a call carries a token, and a key in
	// clear.
	HTTP *http.Client
}

// NewTransit uses an engine that exists. Nothing is asked before the first use;
// see Check.
func NewTransit(cfg TransitConfig) (*Transit, error) {
	if cfg.Addr == "" || cfg.Mount == "" || cfg.Prefix == "" || cfg.Token == nil || cfg.HTTP == nil {
		return nil, errors.New("transit key store: configuration is incomplete")
	}
	client := *cfg.HTTP
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &Transit{
		api:   &transitAPI{base: strings.TrimSuffix(cfg.Addr, "/") + "/v1/", namespace: cfg.Namespace, token: cfg.Token, http: &client},
		mount: strings.Trim(cfg.Mount, "/"), names: cfg.Prefix,
	}, nil
}

// transitKey is what the engine tells of a key.
type transitKey struct {
	Latest        uint64 `json:"latest_version"`
	MinAvailable  uint64 `json:"min_available_version"`
	MinDecryption uint64 `json:"min_decryption_version"`
	MinEncryption uint64 `json:"min_encryption_version"`
	Type          string `json:"type"`
	Exportable    bool   `json:"exportable"`
	Backup        bool   `json:"allow_plaintext_backup"`
}

// gone is the highest version that is trimmed away.
func (k transitKey) gone() uint64 { return max(k.MinAvailable, 1) - 1 }

// errExportable: such a key may have copies outside the engine.
var errExportable = errors.New("transit key can be exported, or is no AES-256-GCM key")

const transitType = "aes256-gcm96"

func (t *Transit) name(ref Ref) (string, error) {
	if !fileName.MatchString(fmt.Sprintf("%s.%s.%d%s", ref.Tenant, ref.Partition, ref.Epoch, fileSuffix)) {
		return "", ErrReference
	}
	return t.names + "." + ref.Tenant + "." + ref.Partition, nil
}

func (t *Transit) keyPath(name string) string { return t.mount + "/keys/" + name }

func (t *Transit) read(ctx context.Context, name string) (transitKey, error) {
	var key transitKey
	if err := t.api.call(ctx, http.MethodGet, t.keyPath(name), nil, &key); err != nil {
		return key, fmt.Errorf("read transit key: %w", err)
	}
	if key.Exportable || key.Backup || key.Type != transitType {
		return key, errExportable
	}
	return key, nil
}

// Check asks whether the engine is there and lets this process in.
func (t *Transit) Check(ctx context.Context) error {
	_, err := t.read(ctx, t.names+".check")
	if errors.Is(err, ErrNoKEK) {
		return nil
	}
	return err
}

// Create is part of Store: the key is made, and rotated up to the epoch. Two
// who rotate at once make a version too many, which is the next epoch's.
func (t *Transit) Create(ctx context.Context, ref Ref) error {
	name, err := t.name(ref)
	if err != nil {
		return err
	}
	key, err := t.reach(ctx, name, ref.Epoch)
	if err != nil {
		return err
	}
	if gone := key.gone(); ref.Epoch <= gone {
		return &Destroyed{Through: gone}
	}
	return nil
}

// reach makes the key and its versions up to one.
func (t *Transit) reach(ctx context.Context, name string, version uint64) (transitKey, error) {
	key, err := t.read(ctx, name)
	if errors.Is(err, ErrNoKEK) {
		made := map[string]any{"type": transitType, "exportable": false, "allow_plaintext_backup": false}
		if err := t.api.call(ctx, http.MethodPost, t.keyPath(name), made, nil); err != nil {
			return key, fmt.Errorf("make transit key: %w", err)
		}
		key, err = t.read(ctx, name)
	}
	for err == nil && key.Latest < version {
		if err := t.api.call(ctx, http.MethodPost, t.keyPath(name)+"/rotate", nil, nil); err != nil {
			return key, fmt.Errorf("rotate transit key: %w", err)
		}
		key, err = t.read(ctx, name)
	}
	return key, err
}

// AEAD is part of Store. Whether the KEK exists shows at its use.
func (t *Transit) AEAD(_ context.Context, ref Ref) (AEAD, error) {
	name, err := t.name(ref)
	return transitAEAD{transit: t, name: name, version: ref.Epoch}, err
}

// errTrim: the server answered, but the version is still there.
var errTrim = errors.New("transit key was not trimmed")

// Destroy is part of Store: older versions are neither used nor kept any more.
// The next version is made first, because the newest can't be trimmed.
func (t *Transit) Destroy(ctx context.Context, ref Ref) (string, error) {
	name, err := t.name(ref)
	if err != nil {
		return "", err
	}
	next := ref.Epoch + 1
	key, err := t.reach(ctx, name, next)
	if err != nil {
		return "", err
	}
	if key.MinDecryption < next || key.MinEncryption < next {
		minima := map[string]any{"min_decryption_version": max(key.MinDecryption, next), "min_encryption_version": max(key.MinEncryption, next)}
		if err := t.api.call(ctx, http.MethodPost, t.keyPath(name)+"/config", minima, nil); err != nil {
			return "", fmt.Errorf("retire versions of transit key: %w", err)
		}
	}
	if key.MinAvailable < next {
		if err := t.api.call(ctx, http.MethodPost, t.keyPath(name)+"/trim", map[string]any{"min_available_version": next}, nil); err != nil {
			return "", fmt.Errorf("trim transit key: %w", err)
		}
		if key, err = t.read(ctx, name); err != nil {
			return "", err
		}
	}
	if key.MinAvailable < next {
		return "", errTrim
	}
	return "transit:" + t.mount + "/" + name + ":v" + strconv.FormatUint(ref.Epoch, 10), nil
}

// List is part of Store.
func (t *Transit) List(ctx context.Context) ([]Ref, error) {
	var found struct {
		Keys []string `json:"keys"`
	}
	err := t.api.call(ctx, "LIST", t.mount+"/keys", nil, &found)
	if errors.Is(err, ErrNoKEK) {
		return nil, nil // an engine without a key answers so
	}
	if err != nil {
		return nil, fmt.Errorf("list transit keys: %w", err)
	}
	var out []Ref
	for _, name := range found.Keys {
		parts := strings.Split(name, ".")
		if len(parts) != 3 || parts[0] != t.names {
			continue
		}
		key, err := t.read(ctx, name)
		if errors.Is(err, ErrNoKEK) {
			continue
		}
		if err != nil {
			return nil, err
		}
		for v := key.gone() + 1; v <= key.Latest; v++ {
			out = append(out, Ref{Tenant: parts[1], Partition: parts[2], Epoch: v})
		}
	}
	return out, nil
}

// transitAEAD is one version of a transit key.
type transitAEAD struct {
	transit *Transit
	name    string
	version uint64
}

// EncryptWithContext is part of AEAD.
func (a transitAEAD) EncryptWithContext(ctx context.Context, plaintext, associatedData []byte) ([]byte, error) {
	request := map[string]any{
		"plaintext":       base64.StdEncoding.EncodeToString(plaintext),
		"associated_data": base64.StdEncoding.EncodeToString(associatedData),
		"key_version":     a.version,
	}
	var answer struct {
		Ciphertext string `json:"ciphertext"`
	}
	if err := a.transit.api.call(ctx, http.MethodPost, a.transit.mount+"/encrypt/"+a.name, request, &answer); err != nil {
		return nil, fmt.Errorf("wrap by transit: %w", err)
	}
	if !strings.HasPrefix(answer.Ciphertext, a.form()) {
		return nil, fmt.Errorf("wrap by transit: %w", errTransitAnswer)
	}
	return []byte(answer.Ciphertext), nil
}

// form is how the engine's ciphertexts of this version begin.
func (a transitAEAD) form() string { return "vault:v" + strconv.FormatUint(a.version, 10) + ":" }

// DecryptWithContext is part of AEAD. What another version wrapped is refused
// here: the engine would open it.
func (a transitAEAD) DecryptWithContext(ctx context.Context, ciphertext, associatedData []byte) ([]byte, error) {
	if !strings.HasPrefix(string(ciphertext), a.form()) {
		return nil, ErrUndecryptable
	}
	request := map[string]any{
		"ciphertext":      string(ciphertext),
		"associated_data": base64.StdEncoding.EncodeToString(associatedData),
	}
	var answer struct {
		Plaintext []byte `json:"plaintext"` // base64, as the standard library reads it
	}
	if err := a.transit.api.call(ctx, http.MethodPost, a.transit.mount+"/decrypt/"+a.name, request, &answer); err != nil {
		return nil, fmt.Errorf("unwrap by transit: %w", err)
	}
	return answer.Plaintext, nil
}
