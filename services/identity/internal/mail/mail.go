// Package mail sends one-time codes by SMTP. No error of it names a recipient
// or repeats what a server said, because servers repeat addresses.
package mail

import (
	"context"
	"errors"

	"habeas.internal/services/internal/smtpsend"
)

var (
	// ErrRefused means: the mail service has refused for good.
	ErrRefused = errors.New("mail was refused")
	// ErrUndelivered means: the mail service could not be reached or asks to
	// come back later.
	ErrUndelivered = errors.New("mail could not be delivered now")
)

// Config says which mail service is used, and as whom.
type Config = smtpsend.Config

// Message is a mail of plain text to one recipient.
type Message struct {
	To      string
	Subject string
	Text    string
}

// Sender sends mails. It may be used by several goroutines.
type Sender struct{ server *smtpsend.Sender }

// New makes a Sender, or nil when no mail service is configured.
func New(cfg Config) (*Sender, error) {
	if cfg.Addr == "" {
		return nil, nil //nolint:nilnil // no mail service is what was asked for
	}
	server, err := smtpsend.New(cfg)
	if err != nil {
		return nil, err
	}
	return &Sender{server}, nil
}

// Send gives a mail to the mail service and returns when it has taken it.
func (s *Sender) Send(ctx context.Context, m Message) error {
	err := s.server.Send(ctx, smtpsend.Mail{To: m.To, Subject: m.Subject, Text: m.Text})
	var failure smtpsend.Failure
	switch {
	case err == nil:
		return nil
	case errors.As(err, &failure) && failure.Final:
		return ErrRefused
	}
	return ErrUndelivered
}
