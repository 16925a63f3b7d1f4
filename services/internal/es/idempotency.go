package es

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
)

// rememberedCommands is how many client commands an aggregate answers again.
const rememberedCommands = 32

// Remembered is one client command and the commit that it made.
type Remembered struct {
	CommandID string
	Digest    []byte
	Seq       uint64
}

// Memory holds an aggregate's last client commands, newest last. It is folded
// from the commits like the state is.
type Memory []Remembered

func (m Memory) remember(r Recorded) Memory {
	if !r.Client {
		return m
	}
	if len(m) == rememberedCommands {
		m = m[1:]
	}
	return append(m, Remembered{CommandID: r.CommandID, Digest: r.Digest, Seq: r.Position.Seq})
}

func (m Memory) find(commandID string) (Remembered, bool) {
	for i := len(m) - 1; i >= 0; i-- {
		if m[i].CommandID == commandID {
			return m[i], true
		}
	}
	return Remembered{}, false
}

// KeyedDigester digests with one fixed key: for aggregates whose commands
// hold nothing personal, and for tests.
type KeyedDigester []byte

// Digest is HMAC-SHA256 under the key, separated by tenant.
func (k KeyedDigester) Digest(_ context.Context, tenant string, body []byte) ([]byte, error) {
	mac := hmac.New(sha256.New, k)
	writeLP(mac, []byte(tenant))
	writeLP(mac, body)
	return mac.Sum(nil), nil
}

// Same compares in constant time.
func (k KeyedDigester) Same(ctx context.Context, tenant string, digest, body []byte) (bool, error) {
	want, err := k.Digest(ctx, tenant, body)
	return hmac.Equal(want, digest), err
}
