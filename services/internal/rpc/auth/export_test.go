package auth

import "crypto/sha256"

// Remembered counts the tokens in memory.
func Remembered(v *Verifier) int {
	n := 0
	for i := range v.cache.shards {
		n += len(v.cache.shards[i].entries)
	}
	return n
}

// Forget removes a token from memory.
func Forget(v *Verifier, token string) {
	digest := sha256.Sum256([]byte(token))
	v.cache.remove(&digest)
}
