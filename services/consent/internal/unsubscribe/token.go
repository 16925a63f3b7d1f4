// Package unsubscribe makes and reads the tokens that stand in periodic messages,
// by which whoever gets them stops them.
//
// A token is what it speaks of, encrypted under a key of the tenant that identity
// keeps and consent alone may have: nobody else can make or read one, and it
// holds nothing in clear but the year of that key. There is one key for each year of
// issue. Nothing is stored of a token.
package unsubscribe

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"time"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	sealv1 "habeas.internal/proto/gen/habeas/seal/v1"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/eventpb"
	"habeas.internal/services/internal/keyclient"
	"habeas.internal/services/internal/seal"

	"google.golang.org/protobuf/proto"
)

const (
	// Years is how long a token counts.
	Years = 10

	purpose = "unsubscribe"
	format  = 1
	head    = 1 + 2 // format and year
)

// ErrToken says that a token is none of this tenant's, or that its time is over.
// Which of them, nobody is told.
var ErrToken = errors.New("token does not unsubscribe anybody")

// Token is what one speaks of.
type Token struct {
	Subject, Policy, Purpose, Channel string

	Ends time.Time
}

// Tokens makes and reads tokens.
type Tokens struct {
	Keys Keys
	Now  func() time.Time
}

// Keys seals and opens under tenants' keys.
type Keys interface {
	eventpb.Sealer
	eventpb.Opener
}

// place is where the tokens of a tenant and year stand: the key's holder, and what
// they are bound to.
func place(tenant string, year int) (seal.KeyID, seal.Field, error) {
	ref := es.DeriveID(tenant, purpose, "")
	holder, err := seal.NewConversation(ref, strconv.Itoa(year))
	return seal.KeyID{Tenant: tenant, Holder: holder, Class: sealv1.KeyClass_KEY_CLASS_MESSAGE},
		seal.Field{Tenant: tenant, Context: "consent", AggregateType: purpose, AggregateID: ref, EventID: ref + "-0", Path: "token"}, err
}

// Issue makes a token that counts from now on, and says when it ends. Two for the
// same are different, and both count.
func (t Tokens) Issue(ctx context.Context, tenant string, of Token) (text string, ends time.Time, err error) {
	now := t.Now().UTC()
	ends = now.AddDate(Years, 0, 0).Truncate(time.Second)
	plain, err := proto.Marshal(&consentv1.UnsubscribeToken{
		SubjectRef: of.Subject, Policy: of.Policy, Purpose: of.Purpose, Channel: of.Channel, EndsAt: eventpb.Stamp(ends),
	})
	if err != nil {
		return "", ends, fmt.Errorf("encode token: %w", err)
	}
	key, field, err := place(tenant, now.Year())
	if err != nil {
		return "", ends, err
	}
	sealed, err := t.Keys.Seal(ctx, purpose, key, field, plain)
	if err != nil {
		return "", ends, fmt.Errorf("seal token: %w", err)
	}
	out := binary.BigEndian.AppendUint16([]byte{format}, uint16(now.Year())) //nolint:gosec // a year
	out = append(append(out, sealed.GetKeyCommit()...), sealed.GetBox()...)
	return base64.RawURLEncoding.EncodeToString(out), ends, nil
}

// Open reads a token. Whatever is wrong with it is ErrToken; any other error says
// nothing about it.
func (t Tokens) Open(ctx context.Context, tenant, text string) (Token, error) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(b) < head+sha256.Size || b[0] != format {
		return Token{}, ErrToken
	}
	now, year := t.Now(), int(binary.BigEndian.Uint16(b[1:head]))
	if year > now.UTC().Year()+1 || year < now.UTC().Year()-Years-1 {
		return Token{}, ErrToken
	}
	key, field, err := place(tenant, year)
	if err != nil {
		return Token{}, err
	}
	plain, err := t.Keys.Open(ctx, purpose, field, &sealv1.Sealed{
		Holder: []byte(key.Holder.String()), KeyCommit: b[head : head+sha256.Size], Box: b[head+sha256.Size:],
	})
	switch {
	case none(err):
		return Token{}, ErrToken
	case err != nil:
		return Token{}, fmt.Errorf("open token: %w", err)
	}
	var m consentv1.UnsubscribeToken
	if proto.Unmarshal(plain, &m) != nil || !now.Before(eventpb.Moment(m.GetEndsAt())) {
		return Token{}, ErrToken
	}
	return Token{
		Subject: m.GetSubjectRef(), Policy: m.GetPolicy(), Purpose: m.GetPurpose(), Channel: m.GetChannel(), Ends: m.GetEndsAt().AsTime(),
	}, nil
}

// none reports whether an error says that the tenant never made that token.
func none(err error) bool {
	for _, e := range []error{seal.ErrCorrupt, seal.ErrWrongKey, seal.ErrErased, seal.ErrInvalid, keyclient.ErrNoKey} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}
