package archive

import (
	"context"
	"crypto/ed25519"
	"errors"
	"io"
)

// Verdict is what a whole file was found to be.
type Verdict struct {
	Header  Header
	Trailer Trailer
	Signed  bool
}

// Verify reads a file through, as an import does but without a target: every
// frame, digest, chain and signature, back to the log key. each is called for
// every message, and may be nil.
func Verify(ctx context.Context, r io.Reader, logKey ed25519.PublicKey, allowUnsigned bool, each func(Header, Message)) (v Verdict, err error) {
	in, err := NewReader(r)
	if err != nil {
		return v, err
	}
	v.Header = in.Header()
	check, err := NewChecker(v.Header, logKey)
	if err != nil {
		return v, err
	}
	for {
		m, err := in.Message()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			_, err = check.Check(ctx, m)
		}
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return v, err
		}
		if each != nil {
			each(v.Header, m)
		}
	}
	for err == nil {
		_, err = in.Row()
	}
	if !errors.Is(err, io.EOF) {
		return v, err
	}
	v.Trailer, v.Signed, err = in.Finish(logKey, allowUnsigned)
	return v, err
}
