package cli

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"time"

	"habeas.internal/services/habeas/internal/local"
	"habeas.internal/services/habeas/internal/login"
	"habeas.internal/services/habeas/internal/remote"

	"github.com/spf13/cobra"
)

// connections reach the services with HABEAS_TOKEN, or the client
// configuration's token, or whoever is logged in.
func (a *app) connections(ctx context.Context, c local.Client) (*remote.Conns, error) {
	token, err := a.givenToken()
	if err != nil {
		return nil, err
	}
	if token == "" && c.Login != nil {
		folder, err := login.FolderOf(a.Environ)
		if err != nil {
			return nil, err
		}
		ctx, cancel := context.WithTimeout(ctx, a.timeout())
		defer cancel()
		if token, err = folder.Token(ctx, *c.Login, time.Now()); err != nil {
			return nil, loginAdvice(err)
		}
	}
	conns, err := remote.New(c, token, a.timeout())
	if err != nil {
		return nil, usageError{err}
	}
	return conns, nil
}

// givenToken is HABEAS_TOKEN; empty where it is not set. Set to nothing it is a
// mistake: whatever was to make the token has failed, and nobody meant to speak as
// whom the client configuration names.
func (a *app) givenToken() (string, error) {
	token := strings.TrimSpace(a.set.Token.Reveal())
	set := slices.ContainsFunc(a.Environ, func(pair string) bool { return strings.HasPrefix(pair, "HABEAS_TOKEN=") })
	if set && token == "" {
		return "", usageError{errors.New("HABEAS_TOKEN is set to nothing: what was to make it has failed; unset it to use the client configuration's token")}
	}
	return token, nil
}

// loginAdvice says what to do where a person is not logged in.
func loginAdvice(err error) error {
	if errors.Is(err, login.ErrEnded) {
		return fmt.Errorf("%w; `habeas login` logs you in", err)
	}
	return err
}

// loginPlace is where the client configuration says to log in, and the folder
// that keeps the outcome.
func (a *app) loginPlace() (cfg login.Config, folder login.Folder, err error) {
	c, err := a.client()
	if err != nil {
		return cfg, "", err
	}
	if c.Login == nil {
		return cfg, "", usageError{errors.New("the client configuration has no login: an issuer, and the id of a client of it; see docs/operations.md")}
	}
	folder, err = login.FolderOf(a.Environ)
	return *c.Login, folder, err
}

func (a *app) login() *cobra.Command {
	var stay, stepUp, another bool
	var patience time.Duration
	cmd := &cobra.Command{
		Use: "login", Short: "log in at the organisation's identity provider", Args: cobra.NoArgs,
		Long: `Login opens the identity provider that the client configuration names in a browser, waits for it to come back to this
machine, and keeps the token for all other commands, which renew it. Where there is no browser, --no-browser prints the
address alone: open it in one that runs on this machine, or reaches its loopback address through a tunnel. The address
is good for one browser. If somebody else logs in than last time, login asks before it keeps that.`,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, folder, err := a.loginPlace()
			if err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(c.Context(), patience)
			defer cancel()
			s, err := login.Begin(ctx, cfg, stepUp, func(address string) error {
				_, err := fmt.Fprintf(a.Err, "Log in at:\n\n  %s\n\n", address)
				if err == nil && !stay {
					a.browse(ctx, address)
				}
				return err
			})
			if err != nil {
				return err
			}
			if err := a.expected(c.Context(), cfg, folder, s, another); err != nil {
				return err
			}
			if err := folder.Save(cfg, s); err != nil {
				return err
			}
			return a.describeToken(s.Issuer, s.Access, s.Refresh != "")
		},
	}
	cmd.Flags().BoolVar(&stay, "no-browser", false, "open no browser; print the address alone")
	cmd.Flags().BoolVar(&stepUp, "step-up", false, "ask for the stronger authentication that some methods need; it counts for ten minutes")
	cmd.Flags().BoolVar(&another, "another", false, "somebody else than last time logs in: do not ask")
	cmd.Flags().DurationVar(&patience, "wait", 5*time.Minute, "how long to wait for the browser to come back")
	return cmd
}

// errNobodyKept says that a log-in was not what the person expected.
var errNobodyKept = errors.New("nobody is logged in: the log-in was not kept")

// expected asks before somebody else than last time is kept as logged in: they may
// be another user of the machine, whose doings would pass for this one's.
func (a *app) expected(ctx context.Context, cfg login.Config, folder login.Folder, s *login.Session, another bool) error {
	last, err := folder.Last(cfg)
	if err != nil || last == "" || last == s.Subject || another {
		return err
	}
	_, _ = fmt.Fprintf(a.Err, "Last time %s was logged in, and now it is %s. Keep that? [y/N] ", last, s.Subject)
	if said, err := a.typed("-"); err == nil && strings.HasPrefix(strings.ToLower(said), "y") {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, a.timeout())
	defer cancel()
	if _, err := login.Revoke(ctx, cfg, s); err != nil {
		return codedError{fmt.Errorf("%w, but the issuer was not told: %w", errNobodyKept, err), ExitRefused}
	}
	return codedError{errNobodyKept, ExitRefused}
}

// browse opens the address, which is printed in any case.
func (a *app) browse(ctx context.Context, address string) {
	command := []string{"xdg-open"}
	switch runtime.GOOS {
	case "darwin":
		command = []string{"open"}
	case "windows":
		command = []string{"rundll32", "url.dll,FileProtocolHandler"}
	}
	if err := exec.CommandContext(ctx, command[0], append(command[1:], address)...).Start(); err != nil {
		_, _ = fmt.Fprintln(a.Err, "No browser could be opened here; open the address yourself.")
	}
}

func (a *app) logout() *cobra.Command {
	return &cobra.Command{
		Use: "logout", Short: "forget the log-in, and have the issuer revoke it", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, folder, err := a.loginPlace()
			if err != nil {
				return err
			}
			s, err := folder.Load(cfg)
			if gone := folder.Remove(cfg); gone != nil {
				return errors.Join(err, gone)
			}
			if errors.Is(err, login.ErrExposed) {
				return fmt.Errorf("it is forgotten here, and: %w", err)
			}
			if err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(c.Context(), a.timeout())
			defer cancel()
			told, err := login.Revoke(ctx, cfg, s)
			if err != nil {
				return fmt.Errorf("it is forgotten here, but the issuer was not told: %w", err)
			}
			if !told {
				_, err = fmt.Fprintf(a.Err, "The issuer revokes nothing: a copy of the token would be good until %s.\n", s.Ends.Format(time.RFC3339))
			}
			return err
		},
	}
}

func (a *app) whoami() *cobra.Command {
	return &cobra.Command{
		Use: "whoami", Short: "show as whom commands speak to the services", Args: cobra.NoArgs,
		Long: "Whoami shows what the token says, after renewing it if it is about to end. The services decide whether it is good.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			token, err := a.givenToken()
			if err != nil {
				return err
			}
			if token != "" {
				return a.describeToken("HABEAS_TOKEN", token, false)
			}
			c, err := a.client()
			if err != nil {
				return err
			}
			if c.Login == nil {
				if token, err = remote.TokenOf(c); err != nil {
					return usageError{err}
				}
				return a.describeToken("client configuration", token, false)
			}
			folder, err := login.FolderOf(a.Environ)
			if err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), a.timeout())
			defer cancel()
			if token, err = folder.Token(ctx, *c.Login, time.Now()); err != nil {
				return loginAdvice(err)
			}
			s, err := folder.Load(*c.Login)
			if err != nil {
				return err
			}
			return a.describeToken(s.Issuer, token, s.Refresh != "")
		},
	}
}

// describeToken prints what a token says of its owner, and never the token. One
// that has ended is no success: no service takes it.
func (a *app) describeToken(from, token string, renewable bool) error {
	claims, known := login.ClaimsOf(token)
	if !known {
		return usageError{errors.New("the token is none that says whose it is")}
	}
	ends := "-"
	if !claims.Ends.IsZero() {
		ends = claims.Ends.Format(time.DateTime)
	}
	ended := !claims.Ends.IsZero() && !time.Now().Before(claims.Ends)
	if ended {
		ends += ", which has passed: no service takes it"
	}
	err := a.print(struct {
		From string `json:"from"`
		login.Claims

		Ended     bool `json:"ended"`
		Renewable bool `json:"renewable"`
	}{from, claims, ended, renewable}, []string{
		cells("from", from), cells("subject", dash(claims.Subject)), cells("tenant", dash(claims.Tenant)),
		cells("roles", dash(strings.Join(claims.Roles, ", "))), cells("ends", ends),
		cells("renewed", map[bool]string{true: "when it is used", false: "no"}[renewable]),
	})
	if err == nil && ended {
		err = codedError{errAlreadySaid, ExitDenied}
	}
	return err
}
