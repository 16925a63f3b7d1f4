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
	StoreID string `json:"store_id"`
	// Generation counts the rotations, from one, and names the folder.
	Generation int    `json:"generation"`
	Encrypted  bool   `json:"encrypted"`
	Code       string `json:"key_check,omitempty"`
}

func newCheck(key Key) check {
	c := check{StoreID: rand.Text(), Generation: 1, Encrypted: key != ""}
	if c.Encrypted {
		c.Code = c.code(key)
	}
	return c
}

func parseCheck(text []byte) (check, error) {
	var c check
	if err := json.Unmarshal(text, &c); err != nil {
		return check{}, fmt.Errorf("%s is not readable", checkFile)
	}
	if c.StoreID == "" || c.Generation < 1 || c.Encrypted != (c.Code != "") {
		return check{}, fmt.Errorf("%s is not complete", checkFile)
	}
	return c, nil
}

// judge compares the keys with the check. True says that they are right and
// that the store has to be rotated to key.
func (c check) judge(key, old Key) (rotate bool, err error) {
	switch {
	case !c.Encrypted && key == "":
		return false, nil
	case !c.Encrypted:
		return false, refuse(KeyNotExpected, "the store was made without encryption; move its streams into a new one by export and import")
	case key == "":
		return false, refuse(KeyMissing, "the store is encrypted and no key was given")
	case c.matches(key):
		return false, nil
	case c.matches(old):
		return true, nil
	}
	return false, refuse(WrongKey, "the key is not the one that the store was made with")
}

// rotated is the check of the same store under another key.
func (c check) rotated(key Key) check {
	c.Generation++
	c.Code = c.code(key)
	return c
}

func (c check) matches(key Key) bool {
	return key != "" && hmac.Equal([]byte(c.Code), []byte(c.code(key)))
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
