package cli

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"

	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"

	"github.com/spf13/pflag"
)

// identifiers are the flags that say by what a person is known.
type identifiers struct{ values map[string]*[]string }

// kinds are the flags, in the order in which they are read.
func kinds() []string {
	return []string{"email", "phone", "account", "device", "cookie", "sso", "idfa", "gaid", "analytics", "other"}
}

// kind is what a flag stands for in the contract.
func kind(flag string) identityv1.IdentifierKind {
	if flag == "other" {
		return identityv1.IdentifierKind_IDENTIFIER_KIND_DECLARED
	}
	return identityv1.IdentifierKind(identityv1.IdentifierKind_value["IDENTIFIER_KIND_"+strings.ToUpper(flag)])
}

// flags are those of a command that takes several; each may be repeated.
func (i *identifiers) flags(f *pflag.FlagSet) {
	i.bind(func(name string, to *[]string) { f.StringArrayVar(to, name, nil, identifierHelp(name)) })
}

// flag are those of a command that takes one.
func (i *identifiers) flag(f *pflag.FlagSet) {
	i.bind(func(name string, to *[]string) { f.Var(single{to}, name, identifierHelp(name)) })
}

func (i *identifiers) bind(flag func(name string, to *[]string)) {
	i.values = map[string]*[]string{}
	for _, name := range kinds() {
		i.values[name] = new([]string)
		flag(name, i.values[name])
	}
}

func identifierHelp(name string) string {
	about := name + " of the person"
	switch name {
	case "sso":
		about = "single sign-on of the person: the issuer's address, a space and the subject"
	case "idfa":
		about = "advertising id of the person's Apple device"
	case "gaid":
		about = "advertising id of the person's Android device"
	case "analytics":
		about = "id that an analytics provider gave a visit"
	case "other":
		return "identifier of a kind that the tenant has declared, KIND:VALUE; KIND:- reads the value from standard input"
	}
	return about + "; - reads a line from standard input, which no process list shows"
}

// single is a flag that takes one text. What is given again is kept, to be refused.
type single struct{ to *[]string }

// String is part of pflag.Value.
func (s single) String() string { return "" }

// Set is part of pflag.Value.
func (s single) Set(text string) error { *s.to = append(*s.to, text); return nil }

// Type is part of pflag.Value.
func (s single) Type() string { return "string" }

// read returns the identifiers in a fixed order.
func (i *identifiers) read(a *app) ([]*identityv1.Identifier, error) {
	in := bufio.NewReader(io.LimitReader(a.In, mostTyped*int64(len(kinds()))))
	var out []*identityv1.Identifier
	for _, name := range kinds() {
		for _, value := range *i.values[name] {
			value, err := fromInput(in, name, value)
			if err != nil {
				return nil, err
			}
			out = append(out, &identityv1.Identifier{Kind: kind(name), Value: value})
		}
	}
	return out, nil
}

// fromInput is what a flag says, or a line of standard input where it says so.
func fromInput(in *bufio.Reader, flag, value string) (string, error) {
	before, read := "", value == "-"
	if flag == "other" {
		name, rest, found := strings.Cut(value, ":")
		if !found || name == "" {
			return "", usageError{errors.New("--other is KIND:VALUE, with a kind that the tenant has declared; `habeas settings show` lists them")}
		}
		before, read = name+":", rest == "-"
	}
	if !read {
		return value, nil
	}
	line, err := in.ReadString('\n')
	if line = strings.TrimSpace(line); line == "" {
		return "", usageError{errors.Join(errors.New("standard input has no line with an identifier"), err)}
	}
	return before + line, nil
}

// one returns the only identifier.
func (i *identifiers) one(a *app) (*identityv1.Identifier, error) {
	all, err := i.read(a)
	if err == nil && len(all) != 1 {
		err = usageError{fmt.Errorf("exactly one of --%s is needed", strings.Join(kinds(), ", --"))}
	}
	if err != nil {
		return nil, err
	}
	return all[0], nil
}
