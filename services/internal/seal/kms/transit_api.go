package kms

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// errTransitAnswer: what came back is no answer of a transit engine.
var errTransitAnswer = errors.New("key store gave an answer that can't be used")

// transitAPI makes calls to a Vault or OpenBao server. Its errors hold nothing
// that the server wrote: that might be a token, or a plaintext.
type transitAPI struct {
	base      string
	namespace string
	token     func() (string, error)
	http      *http.Client
}

const (
	transitTries = 3
	transitPause = 50 * time.Millisecond // doubled each time
	maxAnswer    = 1 << 20
)

// call makes one call, again where the server asks for that or can't be
// reached: every call here may be made twice. The answer's data goes into out.
func (a *transitAPI) call(ctx context.Context, method, path string, body, out any) error {
	var content []byte
	if body != nil {
		var err error
		if content, err = json.Marshal(body); err != nil {
			return fmt.Errorf("encode request: %w", err)
		}
		defer clear(content)
	}
	pause := transitPause
	for try := 1; ; try++ {
		again, err := a.once(ctx, method, path, content, out)
		if err == nil || !again || try == transitTries {
			return err
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
			pause *= 2
		case <-ctx.Done():
			timer.Stop()
			return errors.Join(err, ctx.Err())
		}
	}
}

func (a *transitAPI) once(ctx context.Context, method, path string, content []byte, out any) (again bool, err error) {
	token, err := a.token()
	if err != nil {
		return false, fmt.Errorf("read token of key store: %w: %w", ErrRefused, err)
	}
	r, err := http.NewRequestWithContext(ctx, method, a.base+path, bytes.NewReader(content))
	if err != nil {
		return false, fmt.Errorf("make request: %w", errTransitAnswer)
	}
	r.Header.Set("X-Vault-Token", token)
	r.Header.Set("X-Vault-Request", "true")
	if a.namespace != "" {
		r.Header.Set("X-Vault-Namespace", a.namespace)
	}
	if content != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	answer, err := a.http.Do(r)
	if err != nil { // names the address and why: no route, an unknown certificate, too late
		return ctx.Err() == nil, errors.Join(fmt.Errorf("%w: %s", ErrUnavailable, err.Error()), ctx.Err())
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	defer clear(text)
	if err != nil {
		return ctx.Err() == nil, errors.Join(ErrUnavailable, ctx.Err())
	}
	return read(answer.StatusCode, text, out)
}

// read turns an answer into data or one of this package's errors.
func read(status int, text []byte, out any) (again bool, err error) {
	switch {
	case status == http.StatusNoContent || status == http.StatusOK && out == nil:
		return false, nil
	case status == http.StatusOK:
		var answer struct {
			Data json.RawMessage `json:"data"`
		}
		if json.Unmarshal(text, &answer) != nil || len(answer.Data) == 0 || json.Unmarshal(answer.Data, out) != nil {
			return false, errTransitAnswer
		}
		return false, nil
	case status == http.StatusForbidden || status == http.StatusUnauthorized:
		return false, ErrRefused
	case status == http.StatusBadRequest || status == http.StatusNotFound:
		return false, refusal(status, text)
	case status == http.StatusPreconditionFailed, status == http.StatusTooManyRequests,
		status == http.StatusBadGateway, status == http.StatusGatewayTimeout:
		return true, fmt.Errorf("status %d: %w", status, ErrUnavailable)
	case status >= http.StatusMultipleChoices && status < http.StatusBadRequest: // a standby that doesn't forward
		return false, fmt.Errorf("status %d: it sends to another address, and a token and keys go to none but the one that is configured: %w", status, ErrUnavailable)
	case status >= http.StatusInternalServerError: // 503: sealed, or a standby without a leader
		return false, fmt.Errorf("status %d: %w", status, ErrUnavailable)
	}
	return false, fmt.Errorf("status %d: %w", status, errTransitAnswer)
}

// errNoEngine: there is no transit engine at the mount.
var errNoEngine = errors.New("key store has no transit engine at this mount")

// refusal reads why the engine said no, in the words of its two editions.
func refusal(status int, text []byte) error {
	var answer struct {
		Errors []string `json:"errors"`
	}
	if json.Unmarshal(text, &answer) != nil {
		return fmt.Errorf("status %d: %w", status, errTransitAnswer)
	}
	why := strings.ToLower(strings.Join(answer.Errors, "\n"))
	for _, known := range []struct {
		words string
		err   error
	}{
		{"no handler for route", errNoEngine},
		{"encryption key not found", ErrNoKEK},
		{"disallowed by policy (too old)", ErrNoKEK},
		{"less than the minimum encryption key version", ErrNoKEK},
		{"higher than the latest key version", ErrNoKEK},
		{"version is too new", ErrNoKEK},
		{"message authentication failed", ErrUndecryptable},
		{"invalid ciphertext", ErrUndecryptable},
	} {
		if strings.Contains(why, known.words) {
			return known.err
		}
	}
	if status == http.StatusNotFound && why == "" {
		return ErrNoKEK
	}
	return fmt.Errorf("status %d: %w", status, errTransitAnswer)
}
