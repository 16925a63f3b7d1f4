package es

import (
	"encoding/base64"
	"fmt"
	"maps"

	logv1 "habeas.internal/proto/gen/habeas/log/v1"

	"google.golang.org/protobuf/proto"
)

// Token is what a caller has seen of the log: the highest position by stream.
// Commands return one, reads accept it and wait.
type Token map[string]Position

const (
	maxTokenBytes   = 8 << 10
	maxTokenStreams = 128
)

// TokenAt is the token of one position.
func TokenAt(p Position) Token { return Token{p.Stream: p} }

// Merge is a token that has seen what both have. Of two epochs of one stream
// the argument's wins: it is the newer knowledge.
func (t Token) Merge(with Token) Token {
	out := maps.Clone(t)
	if out == nil {
		out = Token{}
	}
	for stream, p := range with {
		if old, ok := out[stream]; !ok || old.Epoch != p.Epoch || old.Seq < p.Seq {
			out[stream] = p
		}
	}
	return out
}

// Encode is the token's text form: base64url of a ConsistencyToken.
func (t Token) Encode() string {
	w := &logv1.ConsistencyToken{Streams: make(map[string]*logv1.Position, len(t))}
	for stream, p := range t {
		w.Streams[stream] = &logv1.Position{Epoch: p.Epoch, Sequence: p.Seq}
	}
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(w)
	if err != nil { // cannot happen: every stream name is a valid string
		return ""
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

// ParseToken reads a token. The empty text is the empty token.
func ParseToken(text string) (Token, error) {
	if len(text) > maxTokenBytes {
		return nil, ErrBadToken
	}
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return nil, fmt.Errorf("decode: %w", ErrBadToken)
	}
	var w logv1.ConsistencyToken
	if err := proto.Unmarshal(b, &w); err != nil || len(w.GetStreams()) > maxTokenStreams {
		return nil, fmt.Errorf("unmarshal: %w", ErrBadToken)
	}
	t := make(Token, len(w.GetStreams()))
	for stream, p := range w.GetStreams() {
		if stream == "" || p.GetEpoch() == "" {
			return nil, ErrBadToken
		}
		t[stream] = Position{Stream: stream, Epoch: p.GetEpoch(), Seq: p.GetSequence()}
	}
	return t, nil
}
