package login

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/oauth2"
)

// margin is how long before its end a token is renewed: a call takes time, and
// clocks differ.
const margin = 30 * time.Second

// Token returns an access token that is good now, and renews it if it is about
// to end. [ErrEnded] says that the person has to log in again.
func (f Folder) Token(ctx context.Context, cfg Config, now time.Time) (string, error) {
	s, err := f.Load(cfg)
	if err != nil {
		return "", err
	}
	if now.Before(s.Ends.Add(-margin)) {
		return s.Access, nil
	}
	unlock, err := f.lock(cfg)
	if err != nil {
		return "", err
	}
	defer unlock()
	if s, err = f.Load(cfg); err != nil { // another command may have been first
		return "", err
	}
	if now.Before(s.Ends.Add(-margin)) {
		return s.Access, nil
	}
	fresh, err := renew(ctx, cfg, s)
	if err != nil {
		return "", err
	}
	return fresh.Access, f.Save(cfg, fresh)
}

func renew(ctx context.Context, cfg Config, s *Session) (*Session, error) {
	if s.Refresh == "" {
		return nil, fmt.Errorf("the token ended at %s, and the issuer gave none to renew it by: %w", s.Ends.Format(time.RFC3339), ErrEnded)
	}
	ctx, p, err := discover(ctx, cfg)
	if err != nil {
		return nil, err
	}
	token, err := p.oauth.TokenSource(ctx, &oauth2.Token{RefreshToken: s.Refresh}).Token()
	if err != nil {
		if err = failure(err, ErrAnswer); errors.Is(err, ErrRefused) {
			return nil, fmt.Errorf("the issuer has ended or revoked the log-in: %w", ErrEnded)
		}
		return nil, fmt.Errorf("renew the token: %w", err)
	}
	if token.Extra("id_token") != nil { // an issuer need not give one again
		id, err := p.identify(ctx, token)
		if err != nil {
			return nil, err
		}
		if id.Subject != s.Subject {
			return nil, fmt.Errorf("the renewed token is somebody else's: %w", ErrAnswer)
		}
	}
	if token.Expiry.IsZero() {
		return nil, fmt.Errorf("the renewed token has no end: %w", ErrAnswer)
	}
	return p.session(token, s.Subject), nil
}

// Revoke tells the issuer that a session is over. told is false if the issuer
// has no address for that: then what it gave counts to its end.
func Revoke(ctx context.Context, cfg Config, s *Session) (told bool, err error) {
	ctx, p, err := discover(ctx, cfg)
	if err != nil {
		return false, err
	}
	if p.about.Revocation == "" {
		return false, nil
	}
	form := url.Values{"client_id": {p.oauth.ClientID}, "token": {s.Access}, "token_type_hint": {"access_token"}}
	if s.Refresh != "" {
		form.Set("token", s.Refresh)
		form.Set("token_type_hint", "refresh_token")
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, p.about.Revocation, strings.NewReader(form.Encode()))
	if err != nil {
		return false, fmt.Errorf("revoke: %w", ErrAnswer)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	client, _ := ctx.Value(oauth2.HTTPClient).(*http.Client)
	answer, err := client.Do(request)
	if err != nil {
		return false, fmt.Errorf("revoke: %w", failure(err, ErrAnswer))
	}
	_ = answer.Body.Close() // it says nothing
	if answer.StatusCode != http.StatusOK {
		return false, fmt.Errorf("revoke: %w", ErrRefused)
	}
	return true, nil
}
