package natsd

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
)

// checkLabel keeps these codes apart from every other use of the same key.
const checkLabel = "habeas jetstream key check v1"

// check is what the guard remembers of a store: enough to recognise its key,
// nothing to find it out with.
type check struct {
	StoreID   string `json:"store_id"`
	Encrypted bool   `json:"encrypted"`
	// Current is the code of the key; Next that of the key that a rotation
	// started to put in its place.
	Current string `json:"key_check,omitempty"`
	Next    string `json:"next_key_check,omitempty"`
}

func newCheck(key Key) check {
	c := check{StoreID: rand.Text(), Encrypted: key != ""}
	if c.Encrypted {
		c.Current = c.code(key)
	}
	return c
}

func parseCheck(text []byte) (check, error) {
	var c check
	if err := json.Unmarshal(text, &c); err != nil {
		return check{}, fmt.Errorf("%s is not readable", checkFile)
	}
	if c.StoreID == "" || c.Encrypted != (c.Current != "") || c.Next != "" && !c.Encrypted {
		return check{}, fmt.Errorf("%s is not complete", checkFile)
	}
	return c, nil
}

// judge compares the keys with the check. A check that is not nil says that
// the store must be rotated to key, and is to be written first.
func (c check) judge(key, old Key) (*check, error) {
	switch {
	case !c.Encrypted && key == "":
		return nil, nil
	case !c.Encrypted:
		return nil, refuse(KeyNotExpected, "the store was made without encryption; move its streams into a new one by export and import")
	case key == "":
		return nil, refuse(KeyMissing, "the store is encrypted and no key was given")
	case c.Next != "":
		return c.resume(key, old)
	case c.matches(c.Current, key):
		return nil, nil
	case c.matches(c.Current, old):
		return c.rotation(key, old), nil
	}
	return nil, refuse(WrongKey, "the key is not the one that the store was made with")
}

// resume accepts only the two keys of the interrupted rotation, in either
// order: some blocks have the one and some the other.
func (c check) resume(key, old Key) (*check, error) {
	forward := c.matches(c.Next, key) && c.matches(c.Current, old)
	back := c.matches(c.Current, key) && c.matches(c.Next, old)
	if forward || back {
		return c.rotation(key, old), nil
	}
	for _, k := range []Key{key, old} {
		if c.matches(c.Current, k) || c.matches(c.Next, k) {
			return nil, refuse(RotationUnfinished, "a key rotation was interrupted; give both of its keys")
		}
	}
	return nil, refuse(WrongKey, "neither key is one that the store was made with")
}

func (c check) rotation(key, old Key) *check {
	return &check{StoreID: c.StoreID, Encrypted: true, Current: c.code(old), Next: c.code(key)}
}

func (c check) matches(code string, key Key) bool {
	return key != "" && hmac.Equal([]byte(code), []byte(c.code(key)))
}

func (c check) code(key Key) string {
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(checkLabel))
	mac.Write([]byte{0})
	mac.Write([]byte(c.StoreID))
	return hex.EncodeToString(mac.Sum(nil))
}

func (c check) write(path string) error {
	text, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return fmt.Errorf("encode check: %w", err)
	}
	if err := writeDurably(path, append(text, '\n')); err != nil {
		return fmt.Errorf("write check: %w", err)
	}
	return nil
}
