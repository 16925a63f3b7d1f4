package login

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

const (
	// startPath is the page of this command by which the browser goes to the
	// issuer; callbackPath is where it comes back to.
	startPath    = "/start"
	callbackPath = "/callback"
	// cookie tells the browser that was sent to the issuer from any other.
	cookie = "habeas-login"
)

// page is what the person sees at the end. It says nothing about the outcome,
// which the command does.
const page = "<!doctype html><meta charset=utf-8><title>habeas</title><p>You can close this window and go back to the terminal.\n"

// Begin logs in: show is given the address to which the person must go, a page of
// this process that leads to the issuer once. Other users of the machine may see
// it on a command line: what the issuer is asked is not in it, and if another
// browser is there first, nobody is logged in. Begin returns when they have come
// back, or ctx ends. With stepUp the issuer is asked
// for a stronger authentication, now; whether it was one, the services judge.
func Begin(ctx context.Context, cfg Config, stepUp bool, show func(address string) error) (*Session, error) {
	if stepUp && cfg.StepUp == "" {
		return nil, fmt.Errorf("it names no step_up: %w", ErrConfig)
	}
	ctx, p, err := discover(ctx, cfg)
	if err != nil {
		return nil, err
	}
	var lc net.ListenConfig
	lis, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for the browser's return: %w", err)
	}
	p.oauth.RedirectURL = "http://" + lis.Addr().String() + callbackPath
	a := &attempt{
		provider: p, state: secret(), nonce: secret(), verifier: oauth2.GenerateVerifier(), answers: make(chan answer, 1),
		key: secret(), browser: secret(), stepUp: stepUp,
	}
	server := &http.Server{Handler: a, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 5 * time.Second, MaxHeaderBytes: 16 << 10}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(lis) // until it is shut down, or nobody comes back in time
	}()
	defer func() {
		stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = server.Shutdown(stop) // the browser has its page, or never gets it
		<-served
	}()
	if err := show("http://" + lis.Addr().String() + startPath + "?key=" + a.key); err != nil {
		return nil, err
	}
	select {
	case got := <-a.answers:
		if got.err != nil {
			return nil, got.err
		}
		s, err := a.redeem(ctx, got.code)
		if a.twice.Load() {
			return nil, errTwice
		}
		return s, err
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for the browser's return: %w", ctx.Err())
	}
}

// attempt is one log-in under way.
type attempt struct {
	*provider
	state, nonce, verifier string
	answers                chan answer

	key, browser string // of the page's address, and of the cookie that it sets
	stepUp       bool
	opened       atomic.Bool
	twice        atomic.Bool
}

// errTwice says that two browsers opened the page: one of them may be another
// user's of the machine, who would be logged in here.
var errTwice = fmt.Errorf("the address was opened by two browsers, and nobody knows whose each was; log in again: %w", ErrAnswer)

type answer struct {
	code string
	err  error
}

func secret() string {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails
	return base64.RawURLEncoding.EncodeToString(b)
}

func (a *attempt) address() string {
	options := []oauth2.AuthCodeOption{oidc.Nonce(a.nonce), oauth2.S256ChallengeOption(a.verifier)}
	for name, value := range a.cfg.Parameters {
		options = append(options, oauth2.SetAuthURLParam(name, value))
	}
	if a.stepUp {
		options = append(options, oauth2.SetAuthURLParam("acr_values", a.cfg.StepUp), oauth2.SetAuthURLParam("max_age", "0"))
	}
	return a.oauth.AuthCodeURL(a.state, options...)
}

// ServeHTTP sends the browser to the issuer, and takes its return. A return that
// does not carry the state, or comes by another browser than was sent, is somebody
// else's: it neither logs in nor ends the attempt.
func (a *attempt) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Security-Policy", "default-src 'none'")
	w.Header().Set("Referrer-Policy", "no-referrer")
	query := r.URL.Query()
	if r.Method == http.MethodGet && r.URL.Path == startPath && same(query["key"], a.key) {
		a.start(w, r)
		return
	}
	if r.Method != http.MethodGet || r.URL.Path != callbackPath || !same(query["state"], a.state) || !a.sent(r) {
		http.Error(w, "not what is waited for", http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = w.Write([]byte(page)) // who has gone need not read it
	a.say(a.judge(query))
}

// start sends the browser to the issuer, and knows it again by a cookie. A second
// browser ends the attempt.
func (a *attempt) start(w http.ResponseWriter, r *http.Request) {
	if a.opened.Swap(true) && !a.sent(r) {
		a.twice.Store(true)
		a.say(answer{err: errTwice})
		http.Error(w, "this address was opened before: go back to the terminal", http.StatusConflict)
		return
	}
	http.SetCookie(w, &http.Cookie{Name: cookie, Value: a.browser, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode})
	http.Redirect(w, r, a.address(), http.StatusSeeOther)
}

// sent reports whether it is the browser that was sent to the issuer.
func (a *attempt) sent(r *http.Request) bool {
	c, err := r.Cookie(cookie)
	return err == nil && same([]string{c.Value}, a.browser)
}

// same compares what came, once, with a secret.
func same(came []string, want string) bool {
	return len(came) == 1 && subtle.ConstantTimeCompare([]byte(came[0]), []byte(want)) == 1
}

// say ends the attempt; the first answer counts.
func (a *attempt) say(got answer) {
	select {
	case a.answers <- got:
	default:
	}
}

// judge reads a return that carries the state.
func (a *attempt) judge(query url.Values) answer {
	if named := query["iss"]; len(named) > 1 || len(named) == 0 && a.about.NamesItself || len(named) == 1 && named[0] != a.cfg.Issuer {
		return answer{err: fmt.Errorf("another issuer answers than was asked: %w", ErrAnswer)}
	}
	if query.Has("error") {
		return answer{err: fmt.Errorf("%w: %s", ErrRefused, word(query.Get("error")))}
	}
	if len(query["code"]) != 1 || query.Get("code") == "" {
		return answer{err: fmt.Errorf("no code came back: %w", ErrAnswer)}
	}
	return answer{code: query.Get("code")}
}

// redeem gets tokens for the code, and checks them.
func (a *attempt) redeem(ctx context.Context, code string) (*Session, error) {
	token, err := a.oauth.Exchange(ctx, code, oauth2.VerifierOption(a.verifier))
	if err != nil {
		return nil, fmt.Errorf("redeem the code: %w", failure(err, ErrAnswer))
	}
	id, err := a.identify(ctx, token)
	if err != nil {
		return nil, err
	}
	if subtle.ConstantTimeCompare([]byte(id.Nonce), []byte(a.nonce)) != 1 {
		return nil, fmt.Errorf("the ID token is of another log-in: %w", ErrAnswer)
	}
	return a.session(token, id.Subject), nil
}

// identify checks the ID token that came with an access token.
func (p *provider) identify(ctx context.Context, token *oauth2.Token) (*oidc.IDToken, error) {
	raw, _ := token.Extra("id_token").(string)
	id, err := p.verify.Verify(ctx, raw)
	if err != nil {
		return nil, fmt.Errorf("check the ID token: %w", failure(err, ErrAnswer))
	}
	if id.AccessTokenHash != "" {
		if err := id.VerifyAccessToken(token.AccessToken); err != nil {
			return nil, fmt.Errorf("the access token is not the ID token's: %w", ErrAnswer)
		}
	}
	if token.Type() != "Bearer" || token.Expiry.IsZero() {
		return nil, errors.Join(ErrAnswer, errors.New("a bearer token with an end was expected"))
	}
	return id, nil
}

func (p *provider) session(token *oauth2.Token, subject string) *Session {
	return &Session{
		Issuer: p.cfg.Issuer, Client: p.oauth.ClientID, Subject: subject,
		Access: token.AccessToken, Refresh: token.RefreshToken, Ends: token.Expiry.UTC().Truncate(time.Second),
	}
}
