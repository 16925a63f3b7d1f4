package es

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
)

// rememberedCommands is how many commands of each kind an aggregate answers
// again.
const rememberedCommands = 32

// Remembered is one command and the commit that it made.
type Remembered struct {
	CommandID string
	Digest    []byte // of a client's command
	Seq       uint64
	Hash      Hash
}

// Memory holds an aggregate's last commands, newest last: those of clients,
// and apart from them, so that neither pushes the other out, those of sagas
// and timers. It is folded from the commits like the state is. What is older
// a domain has to recognise by its state.
type Memory struct{ client, inner []Remembered }

func (m Memory) remember(r Recorded) Memory {
	one := Remembered{CommandID: r.CommandID, Digest: r.Digest, Seq: r.Position.Seq, Hash: r.Hash}
	if r.Client {
		m.client = push(m.client, one)
	} else {
		m.inner = push(m.inner, one)
	}
	return m
}

func push(list []Remembered, one Remembered) []Remembered {
	if len(list) == rememberedCommands {
		list = list[1:]
	}
	return append(list, one)
}

func (m Memory) find(commandID string, client bool) (Remembered, bool) {
	list := m.inner
	if client {
		list = m.client
	}
	for i := len(list) - 1; i >= 0; i-- {
		if list[i].CommandID == commandID {
			return list[i], true
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
