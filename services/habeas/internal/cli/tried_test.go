package cli_test

import (
	"bytes"
	"context"
	"errors"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"habeas.internal/services/habeas/internal/cli"
	"habeas.internal/services/internal/testwait"
)

var errStarting = errors.New("up has not said yet what to try")

// TestEveryCommandThatUpPrintsWorks as it is printed, at the first start and at the
// next, with the demo and without.
func TestEveryCommandThatUpPrintsWorks(t *testing.T) {
	t.Chdir(t.TempDir()) // downloads are written there
	for _, flags := range []string{"", "--no-demo"} {
		data := filepath.Join(t.TempDir(), "data")
		for _, start := range []string{"first", "second"} {
			ctx, cancel := context.WithCancel(t.Context())
			var out, errs syncBuffer
			ended := make(chan int, 1)
			go func() {
				ended <- cli.Run(ctx, append([]string{"up", "--data", data}, strings.Fields(flags)...), cli.Streams{In: strings.NewReader(""), Out: &out, Err: &errs})
			}()
			testwait.For(t, 5*time.Minute, func() error {
				if len(ended) > 0 || strings.Contains(out.String(), "serves until Ctrl-C") {
					return nil
				}
				return errStarting
			})
			commands := printed(t, out.String())
			if len(commands) < 4 {
				t.Errorf("%s start with %q prints %d commands:\n%s%s", start, flags, len(commands), out.String(), errs.String())
			}
			for _, args := range commands {
				var out, errs bytes.Buffer
				if code := cli.Run(ctx, args, cli.Streams{In: strings.NewReader(""), Out: &out, Err: &errs}); code != cli.ExitOK || out.Len() == 0 {
					t.Errorf("%s start with %q: %s: exit code %d\n%s%s", start, flags, strings.Join(args, " "), code, out.String(), errs.String())
				}
			}
			cancel()
			if code := <-ended; code != cli.ExitOK {
				t.Errorf("up ended with %d:\n%s", code, errs.String())
			}
		}
	}
}

// printed are the arguments of the commands that up told somebody to try.
func printed(t *testing.T, text string) (commands [][]string) {
	t.Helper()
	_, try, found := strings.Cut(text, "with go run ./services/habeas")
	if !found {
		return nil
	}
	config, lines, _ := strings.Cut(try, ":\n")
	for line := range strings.Lines(lines) {
		if strings.TrimSpace(line) == "" {
			break
		}
		command := regexp.MustCompile(` {2,}`).Split(strings.TrimSpace(line), 2)[0]
		commands = append(commands, append(strings.Fields(config), strings.Fields(command)...))
	}
	return commands
}
