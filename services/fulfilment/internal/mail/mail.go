// Package mail tells people how their requests stand: one text for each notice,
// as plain text and as simple HTML, handed to a mail server. What a notice says
// is dates, counts and codes; the address is the only personal thing in it.
package mail

import (
	"context"

	"habeas.internal/services/internal/smtpsend"
)

// Config says which mail server is used, and as whom.
type Config = smtpsend.Config

// Message is a notice to one person.
type Message = smtpsend.Mail

// Failure is why a message did not go out.
type Failure = smtpsend.Failure

// Reply is what the mail server said when it took a message.
type Reply struct{ Code uint32 }

// Sender sends notices. It may be used by several goroutines.
type Sender struct{ server *smtpsend.Sender }

// New makes a Sender.
func New(cfg Config) (*Sender, error) {
	server, err := smtpsend.New(cfg)
	if err != nil {
		return nil, err
	}
	return &Sender{server}, nil
}

// Send gives a message to the mail server and returns when it has taken it. The
// error is a Failure.
func (s *Sender) Send(ctx context.Context, m Message) (Reply, error) {
	if err := s.server.Send(ctx, m); err != nil {
		return Reply{}, err
	}
	return Reply{Code: smtpsend.Accepted}, nil
}
