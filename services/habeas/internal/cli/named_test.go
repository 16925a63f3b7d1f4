package cli_test

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"habeas.internal/services/habeas/internal/cli"
)

// command is what a command's help says of it.
type command struct {
	flags []string
	subs  map[string]command
}

// tree asks the help of every command.
func tree(t *testing.T, path ...string) command {
	t.Helper()
	var out, errs bytes.Buffer
	if code := cli.Run(t.Context(), append(slices.Clone(path), "--help"), cli.Streams{In: strings.NewReader(""), Out: &out, Err: &errs}); code != cli.ExitOK {
		t.Fatalf("%s --help: exit code %d: %s", path, code, errs.String())
	}
	c := command{subs: map[string]command{}}
	_, list, _ := strings.Cut(out.String(), "Available Commands:\n")
	list, _, _ = strings.Cut(list, "\n\n")
	for line := range strings.Lines(list) {
		if name := strings.Fields(line)[0]; name != "help" && name != "completion" {
			c.subs[name] = tree(t, append(slices.Clone(path), name)...)
		}
	}
	for _, m := range regexp.MustCompile(`(?m)^ +(?:-\w, )?--([a-z-]+)`).FindAllStringSubmatch(out.String(), -1) {
		c.flags = append(c.flags, m[1])
	}
	return c
}

// wrong says what a line names that is not there: a command, or a flag of it.
func (c command) wrong(words []string) string {
	at := c
	for i, w := range words {
		w = strings.Trim(w, "`'\"().,;:…")
		if name, isFlag := strings.CutPrefix(w, "--"); isFlag {
			name, _, _ = strings.Cut(name, "=")
			if name != "" && !slices.Contains(at.flags, name) {
				return "there is no flag --" + name + " of habeas " + strings.Join(words[:i], " ")
			}
			continue
		}
		if len(at.subs) == 0 || !regexp.MustCompile(`^[a-z|-]+$`).MatchString(w) || strings.HasPrefix(w, "-") {
			continue
		}
		next := command{}
		for name := range strings.SplitSeq(w, "|") {
			sub, found := at.subs[name]
			if !found {
				return "there is no command habeas " + strings.Join(words[:i+1], " ")
			}
			next.flags, next.subs = append(next.flags, sub.flags...), sub.subs
		}
		at = next
	}
	return ""
}

// TestWhatIsNamedExists: the commands and flags that documents, advice and help
// name are there.
func TestWhatIsNamedExists(t *testing.T) {
	top := tree(t)
	top.subs["help"], top.subs["completion"] = command{}, command{}
	const root = "../../../../"
	var files []string
	for _, pattern := range []string{"README.md", "docs/*.md", "charts/*.md", "deploy/*.md", "services/habeas/internal/*/*.txt", "services/habeas/internal/cli/*[^t].go"} {
		found, err := filepath.Glob(root + pattern)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, found...)
	}
	named := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile("(?m)(?:`|^|\\$\\()(?:HABEAS_\\w+=\\S+ )?(?:go run \\./services/)?habeas ([a-z-][^`\n)]*)").FindAllStringSubmatch(string(text), -1) {
			if strings.HasPrefix(strings.TrimSpace(m[0]), "habeas") && filepath.Ext(file) != ".md" {
				continue // a sentence of a comment
			}
			named++
			if what := top.wrong(strings.Fields(strings.SplitN(m[1], "#", 2)[0])); what != "" {
				t.Errorf("%s: %s", strings.TrimPrefix(file, root), what)
			}
		}
	}
	if named < 150 {
		t.Errorf("only %d commands found: this test looks in the wrong place", named)
	}
	if what := top.wrong([]string{"request", "vanish"}) + top.wrong([]string{"request", "list", "--vanish"}); strings.Count(what, "there is no") != 2 {
		t.Errorf("what is not there is found: %q", what)
	}
}

// TestTryingNamesEveryCommand: its table has each command that help lists.
func TestTryingNamesEveryCommand(t *testing.T) {
	text, err := os.ReadFile("../../../../docs/trying.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(text), "| command | does |")
	table, _, _ = strings.Cut(table, "\n\n")
	top := tree(t)
	for _, name := range slices.Sorted(maps.Keys(top.subs)) {
		if !regexp.MustCompile("(?m)^\\| [^|]*`" + name + "[ `]").MatchString(table) {
			t.Errorf("the table of docs/trying.md lacks %s", name)
		}
	}
	for line := range strings.Lines(table) {
		cells := strings.SplitN(line, "|", 3)
		if len(cells) < 3 {
			continue
		}
		for _, m := range regexp.MustCompile("`([a-z][^`]*)`").FindAllStringSubmatch(cells[1], -1) {
			if what := top.wrong(strings.Fields(m[1])); what != "" && m[1] != "completion" {
				t.Errorf("docs/trying.md: %s", what)
			}
		}
	}
}
