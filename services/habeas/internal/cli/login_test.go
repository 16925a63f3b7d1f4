package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"habeas.internal/services/habeas/internal/cli"
	"habeas.internal/services/habeas/internal/login/logintest"
)

// person is somebody with a home, at an installation whose issuer is p.
type person struct {
	*logintest.Provider

	home    string
	typed   string // on standard input
	service *answering
}

func newPerson(t *testing.T) *person {
	t.Helper()
	p := &person{Provider: logintest.New(t), home: t.TempDir(), service: serve(t, "identity")}
	text, err := os.ReadFile(p.service.config)
	if err != nil {
		t.Fatal(err)
	}
	config := strings.Replace(string(text), "token: secret-token\n", "login:\n  step_up: phr\n  issuer: "+p.URL+"\n  ca: "+p.CA+"\n", 1)
	if err := os.WriteFile(p.service.config, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *person) run(t *testing.T, errs io.Writer, args ...string) result {
	t.Helper()
	var out, kept bytes.Buffer
	if errs == nil {
		errs = io.Discard
	}
	code := cli.Run(t.Context(), args, cli.Streams{
		In: strings.NewReader(p.typed), Out: &out, Err: io.MultiWriter(&kept, errs), Environ: []string{"HOME=" + p.home, "HABEAS_CONFIG=" + p.service.config},
	})
	return result{code, out.String(), kept.String()}
}

// login logs in without a browser: visit gets the printed address.
func (p *person) login(t *testing.T, visit func(address string), flags ...string) result {
	t.Helper()
	watch := &addressWatch{found: make(chan string, 1)}
	var browser sync.WaitGroup
	browser.Go(func() { visit(<-watch.found) })
	got := p.run(t, watch, append([]string{"login", "--no-browser", "--wait", "20s"}, flags...)...)
	select {
	case watch.found <- "": // it printed none
	default:
	}
	browser.Wait()
	return got
}

type addressWatch struct {
	text  bytes.Buffer
	found chan string
	once  sync.Once
}

func (w *addressWatch) Write(b []byte) (int, error) {
	w.text.Write(b)
	if address := regexp.MustCompile(`https?://\S+\n`).FindString(w.text.String()); address != "" {
		w.once.Do(func() { w.found <- strings.TrimSpace(address) })
	}
	return len(b), nil
}

func (p *person) goes(t *testing.T) func(string) {
	return func(address string) {
		if address == "" {
			return
		}
		if _, err := p.Visit(address); err != nil {
			t.Errorf("the browser: %v", err)
		}
	}
}

func (p *person) file(t *testing.T) string {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(p.home, ".config", "habeas", "login-*.json"))
	if err != nil || len(all) > 1 {
		t.Fatalf("got %v, %v", all, err)
	}
	return strings.Join(all, "")
}

func (p *person) wantCode(t *testing.T, code int, text string, got result) {
	t.Helper()
	if got.code != code || !strings.Contains(got.out+got.err, text) {
		t.Errorf("got %d, %s%s, want %d and %q", got.code, got.out, got.err, code, text)
	}
	if strings.Contains(got.out+got.err, "eyJ") || strings.Contains(got.out+got.err, "secret-detail") {
		t.Errorf("output holds a token, or what the issuer said: %s%s", got.out, got.err)
	}
}

func TestAPersonLogsInAndIsThatPersonUntilTheyLogOut(t *testing.T) {
	p := newPerson(t)
	p.wantCode(t, cli.ExitDenied, "`habeas login`", p.run(t, nil, "tenant", "get"))
	p.wantCode(t, cli.ExitDenied, "`habeas login`", p.run(t, nil, "whoami"))
	p.wantCode(t, cli.ExitOK, "actor-1", p.login(t, p.goes(t)))
	info, err := os.Stat(p.file(t))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the log-in is kept as %v, %v, want 0600", info.Mode(), err)
	}
	folder, err := os.Stat(filepath.Dir(p.file(t)))
	if err != nil || folder.Mode().Perm() != 0o700 {
		t.Errorf("the folder is %v, %v, want 0700", folder.Mode(), err)
	}
	p.wantCode(t, cli.ExitOK, "Demo", p.run(t, nil, "tenant", "get"))
	if !strings.HasPrefix(p.service.token, "Bearer eyJ") {
		t.Errorf("the service got %.12s, want the person's token", p.service.token)
	}
	var who struct {
		Subject, Tenant string
		Roles           []string
		Renewable       bool
	}
	got := p.run(t, nil, "whoami", "-o", "json")
	if err := json.Unmarshal([]byte(got.out), &who); err != nil || who.Subject != "actor-1" || who.Tenant != "acme" || len(who.Roles) != 2 || !who.Renewable {
		t.Errorf("whoami says %+v, %v", who, err)
	}
	p.wantCode(t, cli.ExitOK, "", p.run(t, nil, "logout"))
	if p.file(t) != "" || p.Sessions() != 0 {
		t.Errorf("kept %q and %d sessions at the issuer, want nothing", p.file(t), p.Sessions())
	}
	p.wantCode(t, cli.ExitDenied, "not logged in", p.run(t, nil, "whoami"))
	p.wantCode(t, cli.ExitDenied, "not logged in", p.run(t, nil, "logout"))
}

func TestATokenIsRenewedWhenItIsUsed(t *testing.T) {
	p := newPerson(t)
	p.Life(10 * time.Second) // shorter than the margin: every use renews
	p.wantCode(t, cli.ExitOK, "actor-1", p.login(t, p.goes(t)))
	for range 2 {
		p.wantCode(t, cli.ExitOK, "Demo", p.run(t, nil, "tenant", "get"))
	}
	if p.Renewals() != 2 {
		t.Errorf("renewed %d times, want twice", p.Renewals())
	}
	p.Down(true)
	p.wantCode(t, cli.ExitUnavailable, "not reachable", p.run(t, nil, "tenant", "get"))
	p.Down(false)
	p.Life(5 * time.Minute)
	var together sync.WaitGroup
	for range 4 {
		together.Go(func() { p.wantCode(t, cli.ExitOK, "actor-1", p.run(t, nil, "whoami")) })
	}
	together.Wait()
	if p.Renewals() != 3 {
		t.Errorf("renewed %d times, want one renewal for four who came together", p.Renewals())
	}
	p.Life(10 * time.Second)
	p.wantCode(t, cli.ExitOK, "actor-1", p.login(t, p.goes(t)))
	p.End()
	p.wantCode(t, cli.ExitDenied, "ended or revoked the log-in", p.run(t, nil, "tenant", "get"))
}

func TestAFileThatOthersMayReadIsRefused(t *testing.T) {
	p := newPerson(t)
	p.wantCode(t, cli.ExitOK, "actor-1", p.login(t, p.goes(t)))
	for _, mode := range []os.FileMode{0o640, 0o604, 0o660} {
		if err := os.Chmod(p.file(t), mode); err != nil {
			t.Fatal(err)
		}
		p.wantCode(t, cli.ExitRefused, "may be read by others", p.run(t, nil, "tenant", "get"))
	}
	p.wantCode(t, cli.ExitRefused, "may be read by others", p.run(t, nil, "logout"))
	if p.file(t) != "" {
		t.Error("logging out left the file")
	}
}

// TestAnAnswerThatIsNotGoodLogsNobodyIn has a row for each thing that somebody
// between, or a wrong issuer, could answer.
func TestAnAnswerThatIsNotGoodLogsNobodyIn(t *testing.T) {
	for name, row := range map[string]struct {
		spoil func(*person)
		code  int
		text  string
	}{
		"the person said no": {func(p *person) {
			p.SpoilReturn(func(q url.Values) { q.Del("code"); q.Set("error", "access_denied") })
		}, cli.ExitDenied, "access_denied"},
		"an error that quotes": {func(p *person) {
			p.SpoilReturn(func(q url.Values) { q.Del("code"); q.Set("error", "secret-detail") })
		}, cli.ExitDenied, "unnamed"},
		"no code":               {func(p *person) { p.SpoilReturn(func(q url.Values) { q.Del("code") }) }, cli.ExitRefused, "no code"},
		"a code of nobody":      {func(p *person) { p.SpoilReturn(func(q url.Values) { q.Set("code", "x") }) }, cli.ExitDenied, "invalid_grant"},
		"another issuer's name": {func(p *person) { p.SpoilReturn(func(q url.Values) { q.Set("iss", "https://x") }) }, cli.ExitRefused, "another issuer"},
		"no issuer's name":      {func(p *person) { p.SpoilReturn(func(q url.Values) { q.Del("iss") }) }, cli.ExitRefused, "another issuer"},
		"another nonce":         {func(p *person) { p.SpoilIDToken(func(c jwt.MapClaims) { c["nonce"] = "x" }) }, cli.ExitRefused, "another log-in"},
		"no nonce":              {func(p *person) { p.SpoilIDToken(func(c jwt.MapClaims) { delete(c, "nonce") }) }, cli.ExitRefused, "another log-in"},
		"another client":        {func(p *person) { p.SpoilIDToken(func(c jwt.MapClaims) { c["aud"] = "shop" }) }, cli.ExitRefused, "check the ID token"},
		"an ID token that is over": {func(p *person) {
			p.SpoilIDToken(func(c jwt.MapClaims) { c["exp"] = time.Now().Add(-time.Hour).Unix() })
		}, cli.ExitRefused, "check the ID token"},
		"a token of another log-in": {func(p *person) { p.SpoilIDToken(func(c jwt.MapClaims) { c["at_hash"] = "x" }) }, cli.ExitRefused, "access token"},
		"metadata of another": {func(p *person) {
			p.SpoilMetadata(func(m map[string]any) { m["issuer"] = "https://x" })
		}, cli.ExitRefused, "not good"},
		"an address without TLS": {func(p *person) {
			p.SpoilMetadata(func(m map[string]any) { m["token_endpoint"] = "http://127.0.0.1/" })
		}, cli.ExitRefused, "not https"},
		"an issuer that is away": {func(p *person) { p.Down(true) }, cli.ExitUnavailable, "not reachable"},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPerson(t)
			row.spoil(p)
			p.wantCode(t, row.code, row.text, p.login(t, p.goes(t)))
			if p.file(t) != "" {
				t.Error("somebody is logged in")
			}
		})
	}
}

// TestAReturnWithoutTheStateIsNobodys sends the browser back with another state,
// which is how somebody logs another in as themselves. The attempt goes on.
func TestAReturnWithoutTheStateIsNobodys(t *testing.T) {
	p := newPerson(t)
	got := p.login(t, func(address string) {
		for _, spoil := range []func(url.Values){
			func(q url.Values) { q.Set("state", "x") }, func(q url.Values) { q.Del("state") }, func(q url.Values) { q.Add("state", "x") },
		} {
			p.SpoilReturn(spoil)
			if code, err := p.Visit(address); err != nil || code != 400 {
				t.Errorf("got %d, %v, want 400", code, err)
			}
		}
		p.SpoilReturn(nil)
		p.goes(t)(address)
	})
	p.wantCode(t, cli.ExitOK, "actor-1", got)
}

// TestTheAddressTellsNothingAndLeadsToTheIssuerOnce: it stands on a command line
// that other users of the machine can read.
func TestTheAddressTellsNothingAndLeadsToTheIssuerOnce(t *testing.T) {
	p := newPerson(t)
	p.wantCode(t, cli.ExitRefused, "opened by two browsers", p.login(t, func(address string) {
		u, err := url.Parse(address)
		if err != nil || u.Hostname() != "127.0.0.1" || u.Path != "/start" || len(u.Query()) != 1 {
			t.Errorf("shows %s, %v", address, err)
		}
		p.HTTP.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		for _, want := range []int{http.StatusSeeOther, http.StatusSeeOther} { // one browser may load it again
			if code, err := p.Visit(address); err != nil || code != want {
				t.Errorf("got %d, %v, want %d", code, err, want)
			}
		}
		answer, err := p.Stranger().Get(address)
		if err != nil || answer.StatusCode != http.StatusConflict {
			t.Errorf("a second browser got %v, %v", answer, err)
		}
		_ = answer.Body.Close()
	}))
	if p.file(t) != "" {
		t.Error("a log-in is kept")
	}
}

// TestAnotherBrowserCannotComeBack, not even with the state: whoever logs in as
// themselves and sends their code here is not the one who was sent to the issuer.
func TestAnotherBrowserCannotComeBack(t *testing.T) {
	p := newPerson(t)
	p.wantCode(t, cli.ExitOK, "actor-1", p.login(t, func(address string) {
		p.goes(t)(address[:strings.Index(address, "?")]) // without its key it leads nowhere
		if p.Asked() != nil {
			t.Error("the page leads on without its key")
		}
		p.HTTP.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
			if r.URL.Path == "/callback" {
				return http.ErrUseLastResponse
			}
			return nil
		}
		answer, err := p.HTTP.Get(address)
		if err != nil {
			t.Error(err)
			return
		}
		_ = answer.Body.Close()
		back := answer.Header.Get("Location")
		for _, tc := range []struct {
			browser *http.Client
			want    int
		}{{p.Stranger(), http.StatusBadRequest}, {p.HTTP, http.StatusOK}} {
			answer, err := tc.browser.Get(back)
			if err != nil || answer.StatusCode != tc.want {
				t.Errorf("got %v, %v, want %d", answer, err, tc.want)
				return
			}
			_ = answer.Body.Close()
		}
	}))
}

// TestSomebodyElseThanLastTimeIsAskedAbout, also after a log-out.
func TestSomebodyElseThanLastTimeIsAskedAbout(t *testing.T) {
	p := newPerson(t)
	p.wantCode(t, cli.ExitOK, "actor-1", p.login(t, p.goes(t)))
	p.wantCode(t, cli.ExitOK, "", p.run(t, nil, "logout"))
	p.SpoilIDToken(func(id jwt.MapClaims) { id["sub"] = "actor-2" })
	for _, no := range []string{"", "n\n"} {
		p.typed = no
		p.wantCode(t, cli.ExitRefused, "Last time actor-1 was logged in, and now it is actor-2", p.login(t, p.goes(t)))
		if p.file(t) != "" || p.Sessions() != 0 {
			t.Errorf("%q: kept %q and %d sessions at the issuer", no, p.file(t), p.Sessions())
		}
	}
	p.typed = "y\n"
	p.wantCode(t, cli.ExitOK, "now it is actor-2", p.login(t, p.goes(t)))
	p.SpoilIDToken(nil)
	p.typed = ""
	p.wantCode(t, cli.ExitOK, "", p.login(t, p.goes(t), "--another"))
}

func TestLoggingInNeedsAGoodConfiguration(t *testing.T) {
	for name, row := range map[string]struct{ config, text string }{
		"no login":          {"endpoints: {}\n", "has no login"},
		"no TLS":            {"login: {issuer: 'http://127.0.0.1'}\n", "https"},
		"its own state":     {"login: {issuer: 'https://127.0.0.1', parameters: {state: x}}\n", "parameter state"},
		"a token and login": {"token: x\nlogin: {issuer: 'https://127.0.0.1'}\n", "nobody can say which counts"},
		"no such CA":        {"login: {issuer: 'https://127.0.0.1', ca: /nowhere}\n", "authorities"},
	} {
		p := newPerson(t)
		if err := os.WriteFile(p.service.config, []byte(row.config), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := p.run(t, nil, "login", "--no-browser"); got.code != cli.ExitUsage || !strings.Contains(got.err, row.text) {
			t.Errorf("%s: got %d %s", name, got.code, got.err)
		}
	}
}

func TestAStepUpAsksForAStrongerAndFreshLogIn(t *testing.T) {
	p := newPerson(t)
	got := p.login(t, func(address string) {
		p.goes(t)(address)
		if q := p.Asked(); q.Get("acr_values") != "phr" || q.Get("max_age") != "0" {
			t.Errorf("asks for %v, want acr_values and max_age", q)
		}
	}, "--step-up")
	p.wantCode(t, cli.ExitOK, "actor-1", got)
}

func TestWaitingForTheBrowserEnds(t *testing.T) {
	p := newPerson(t)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var errs bytes.Buffer
	code := cli.Run(ctx, []string{"login", "--no-browser", "--wait", "300ms"}, cli.Streams{
		In: strings.NewReader(""), Out: io.Discard, Err: &errs, Environ: []string{"XDG_CONFIG_HOME=" + p.home, "HABEAS_CONFIG=" + p.service.config},
	})
	if code != cli.ExitUnavailable {
		t.Error(fmt.Sprint(code, errs.String()))
	}
}
