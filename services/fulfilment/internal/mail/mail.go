// Package mail tells people how their requests stand: one text for each notice,
// as plain text and as simple HTML, handed to a mail server, and for a few a
// text message. What a notice says
// is dates, counts and codes; the address is the only personal thing in it.
package mail

import (
	"context"
	"errors"

	"habeas.internal/services/internal/identifier"
	"habeas.internal/services/internal/smssend"
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

// Sender sends notices: text messages to telephone numbers, and mails to all
// others. It may be used by several goroutines.
type Sender struct {
	server *smtpsend.Sender
	texts  *smssend.Sender // nil: nobody is sent one
}

// New makes a Sender. Without texts, telephone numbers are refused.
func New(cfg Config, texts *smssend.Sender) (*Sender, error) {
	server, err := smtpsend.New(cfg)
	if err != nil {
		return nil, err
	}
	return &Sender{server, texts}, nil
}

// IsPhone reports whether an address is a telephone number, in its one spelling:
// no mail goes to it.
func IsPhone(address string) bool {
	normal, ok := identifier.Phone(address)
	return ok && normal == address
}

// Send gives a message to the mail server, or to the gateway of text messages, and
// returns when it has taken it. The error is a Failure.
func (s *Sender) Send(ctx context.Context, m Message) (Reply, error) {
	if IsPhone(m.To) {
		return s.text(ctx, m)
	}
	if err := s.server.Send(ctx, m); err != nil {
		return Reply{}, err
	}
	return Reply{Code: smtpsend.Accepted}, nil
}

func (s *Sender) text(ctx context.Context, m Message) (Reply, error) {
	reply, err := s.texts.Send(ctx, smssend.Text{ID: m.MessageID, To: m.To, Text: m.Text})
	var failure smssend.Failure
	if errors.As(err, &failure) {
		return Reply{}, Failure(failure)
	}
	return Reply{Code: reply}, err
}
