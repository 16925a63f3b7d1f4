package transittest

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// key is a named key with its versions.
type key struct {
	kind       string
	exportable bool
	versions   map[int][]byte
	latest     int

	minDecryption, minEncryption, minAvailable int
}

func newKey(body request) *key {
	k := &key{kind: body.Type, exportable: body.Exportable, versions: map[int][]byte{}, minDecryption: 1}
	if k.kind == "" {
		k.kind = "aes256-gcm96"
	}
	k.rotate()
	return k
}

func (k *key) rotate() {
	secret := make([]byte, 32)
	_, _ = rand.Read(secret) // never fails
	k.latest++
	k.versions[k.latest] = secret
}

func (k *key) describe(name string) map[string]any {
	versions := map[string]any{}
	for v := range k.versions {
		if v >= k.minDecryption {
			versions[strconv.Itoa(v)] = time.Now().Unix()
		}
	}
	return map[string]any{
		"name": name, "type": k.kind, "keys": versions, "latest_version": k.latest, "exportable": k.exportable,
		"min_decryption_version": k.minDecryption, "min_encryption_version": k.minEncryption, "min_available_version": k.minAvailable,
		"allow_plaintext_backup": false, "deletion_allowed": false, "derived": false, "imported_key": false,
		"supports_encryption": true, "supports_decryption": true, "supports_derivation": true, "supports_signing": false,
	}
}

func (k *key) configure(body request) error {
	decryption, encryption := k.minDecryption, k.minEncryption
	if body.MinDecryption != nil {
		decryption = max(*body.MinDecryption, 1)
	}
	if body.MinEncryption != nil {
		encryption = *body.MinEncryption
	}
	switch {
	case decryption > k.latest:
		return fmt.Errorf("cannot set min decryption version of %d, latest key version is %d", decryption, k.latest)
	case encryption > k.latest:
		return fmt.Errorf("cannot set min encryption version of %d, latest key version is %d", encryption, k.latest)
	case encryption > 0 && encryption < decryption:
		return errors.New("cannot set min encryption/decryption values")
	case k.minAvailable > encryption:
		return errors.New("min encryption version should not be less than min available version")
	case k.minAvailable > decryption:
		return errors.New("min decryption version should not be less then min available version")
	}
	k.minDecryption, k.minEncryption = decryption, encryption
	return nil
}

func (k *key) trim(body request) error {
	switch {
	case body.MinAvailable == nil:
		return errors.New("missing min_available_version")
	case *body.MinAvailable < k.minAvailable:
		return errors.New("minimum available version cannot be decremented")
	case k.minEncryption == 0:
		return errors.New("minimum available version cannot be set when minimum encryption version is not set")
	case *body.MinAvailable > k.minEncryption:
		return errors.New("minimum available version cannot be greater than minmum encryption version")
	case *body.MinAvailable > k.minDecryption:
		return errors.New("minimum available version cannot be greater than minimum decryption version")
	case *body.MinAvailable <= 0:
		return errors.New("minimum available version should be positive")
	}
	k.minAvailable = *body.MinAvailable
	for v := range k.versions {
		if v < k.minAvailable {
			delete(k.versions, v)
		}
	}
	return nil
}

func (k *key) use(call string, body request) (map[string]any, error) {
	associated, err := base64.StdEncoding.DecodeString(body.Associated)
	if err != nil {
		return nil, errors.New("failed to base64-decode associated_data")
	}
	switch call {
	case "POST encrypt":
		ciphertext, version, err := k.encrypt(body.KeyVersion, body.Plaintext, associated)
		return map[string]any{"ciphertext": ciphertext, "key_version": version}, err
	case "POST decrypt":
		plaintext, err := k.decrypt(body.Ciphertext, associated)
		return map[string]any{"plaintext": plaintext}, err
	}
	// Rewrapping knows of no associated data, in either server: what was
	// encrypted with some does not open.
	plaintext, err := k.decrypt(body.Ciphertext, nil)
	if err != nil {
		return nil, err
	}
	ciphertext, version, err := k.encrypt(body.KeyVersion, plaintext, nil)
	return map[string]any{"ciphertext": ciphertext, "key_version": version}, err
}

func (k *key) encrypt(version int, encoded string, associated []byte) (string, int, error) {
	plaintext, err := base64.StdEncoding.DecodeString(encoded)
	switch {
	case err != nil:
		return "", 0, errors.New("illegal base64 data at input byte 0")
	case version == 0:
		version = k.latest
	case version < 0:
		return "", 0, errors.New("requested version for encryption is negative")
	case version > k.latest:
		return "", 0, errors.New("requested version for encryption is higher than the latest key version")
	case version < k.minEncryption:
		return "", 0, errors.New("requested version for encryption is less than the minimum encryption key version")
	}
	gcm := newGCM(k.versions[version])
	nonce := make([]byte, gcm.NonceSize())
	_, _ = rand.Read(nonce)
	box := gcm.Seal(nonce, nonce, plaintext, associated)
	return fmt.Sprintf("vault:v%d:%s", version, base64.StdEncoding.EncodeToString(box)), version, nil
}

func (k *key) decrypt(ciphertext string, associated []byte) (string, error) {
	rest, ok := strings.CutPrefix(ciphertext, "vault:v")
	digits, encoded, split := strings.Cut(rest, ":")
	version, err := strconv.Atoi(digits)
	switch {
	case ciphertext == "":
		return "", errors.New("missing ciphertext to decrypt")
	case !ok:
		return "", errors.New("invalid ciphertext: no prefix")
	case !split:
		return "", errors.New("invalid ciphertext: wrong number of fields")
	case err != nil:
		return "", errors.New("invalid ciphertext: version number could not be decoded")
	case version > k.latest:
		return "", errors.New("invalid ciphertext: version is too new")
	case version < k.minDecryption:
		return "", errors.New("ciphertext or signature version is disallowed by policy (too old)")
	}
	box, err := base64.StdEncoding.DecodeString(encoded)
	gcm := newGCM(k.versions[version])
	if err != nil || len(box) < gcm.NonceSize() {
		return "", errors.New("invalid ciphertext: could not decode base64")
	}
	plaintext, err := gcm.Open(nil, box[:gcm.NonceSize()], box[gcm.NonceSize():], associated)
	if err != nil {
		return "", errors.New("cipher: message authentication failed")
	}
	return base64.StdEncoding.EncodeToString(plaintext), nil
}

func newGCM(secret []byte) cipher.AEAD {
	block, err := aes.NewCipher(secret)
	if err != nil {
		block, _ = aes.NewCipher(make([]byte, 32)) // a version that is gone opens nothing
	}
	gcm, _ := cipher.NewGCM(block)
	return gcm
}
