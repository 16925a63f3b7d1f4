package env

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Prefix starts the name of every variable that this system reads.
const Prefix = "HABEAS"

// Problem is one thing wrong with one variable. It never holds the value.
type Problem struct {
	// Variable is the name of the environment variable.
	Variable string
	// Text says what is wrong.
	Text string
}

// Error names the variable and what is wrong with it.
func (p Problem) Error() string { return p.Variable + ": " + p.Text }

// Load fills dst, a pointer to a struct, from environ (in the form of
// os.Environ). It returns every problem at once, as Problem values joined by
// errors.Join, in the order of declaration; with any of them dst must not be
// used.
func Load(environ []string, dst any) error {
	all, err := fields(Prefix, dst)
	if err != nil {
		return fmt.Errorf("describe configuration: %w", err)
	}
	given := under(Prefix, environ)
	var problems []error
	for _, f := range all {
		if err := load(f, given); err != nil {
			problems = append(problems, Problem{f.name, err.Error()})
		}
		delete(given, f.name)
	}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		problems = append(problems, Problem{name, "no such setting"})
	}
	return errors.Join(problems...)
}

func load(f field, given map[string]string) error {
	text, set := given[f.name]
	if set && text != "" {
		return f.set(text)
	}
	if f.required {
		return errors.New("must be set")
	}
	return f.set(f.fallback)
}

// under keeps the variables of environ whose names start with the prefix.
func under(prefix string, environ []string) map[string]string {
	given := map[string]string{}
	for _, pair := range environ {
		name, value, ok := strings.Cut(pair, "=")
		if ok && strings.HasPrefix(name, prefix+"_") {
			given[name] = value
		}
	}
	return given
}
