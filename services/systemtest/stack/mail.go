package stack

import (
	"context"
	"testing"
	"time"

	"habeas.internal/services/internal/devmail"
)

// Mailbox is a mail server that keeps what it gets in memory.
type Mailbox struct{ *devmail.Sink }

func newMailbox(t testing.TB) *Mailbox {
	t.Helper()
	sink, err := devmail.Start(nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sink.Close)
	return &Mailbox{sink}
}

// Wait waits for a message to an address that suits.
func (b *Mailbox) Wait(t testing.TB, to string, suits func(devmail.Message) bool) devmail.Message {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	m, err := b.Find(ctx, to, 0, suits)
	if err != nil {
		t.Fatal(err)
	}
	return m
}
