// Package rulepack holds the rule packs that are part of the binary, and reads
// them. docs/rules.md explains the files.
package rulepack

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"habeas.internal/services/fulfilment/law"

	"go.yaml.in/yaml/v3"
)

//go:embed packs/*.yaml
var packs embed.FS

var (
	// ErrUnknown says that there is no pack of that name.
	ErrUnknown = errors.New("rule pack is not known")
	// ErrFile says that a file is no rule pack.
	ErrFile = errors.New("not a rule pack file")
)

// Names lists the packs of this binary in order.
func Names() ([]string, error) {
	entries, err := packs.ReadDir("packs")
	if err != nil {
		return nil, fmt.Errorf("list rule packs: %w", err)
	}
	var out []string
	for _, e := range entries {
		out = append(out, strings.TrimSuffix(e.Name(), ".yaml"))
	}
	return out, nil
}

// Load reads packs by name, in the order of the names. A name that is not
// known is an error, never left out.
func Load(names ...string) ([]law.Pack, error) {
	known, err := Names()
	if err != nil {
		return nil, err
	}
	var out []law.Pack
	for _, name := range names {
		if !slices.Contains(known, name) {
			return nil, fmt.Errorf("%w: %q", ErrUnknown, name)
		}
		file, err := packs.ReadFile(path.Join("packs", name+".yaml"))
		if err != nil {
			return nil, fmt.Errorf("read rule pack: %w", err)
		}
		p, err := Parse(file)
		if err != nil {
			return nil, fmt.Errorf("rule pack %s: %w", name, err)
		}
		if p.Name != name {
			return nil, fmt.Errorf("rule pack %s: %w: it calls itself %q", name, ErrFile, p.Name)
		}
		out = append(out, p)
	}
	return out, nil
}

// All are the packs of this binary, in the order of their names.
func All() ([]law.Pack, error) {
	names, err := Names()
	if err != nil {
		return nil, err
	}
	return Load(names...)
}

// Parse reads one file. A key that is not known, a second document, a period
// that is none and everything that law.Pack.Check finds are errors.
func Parse(file []byte) (law.Pack, error) {
	d := yaml.NewDecoder(bytes.NewReader(file))
	d.KnownFields(true)
	var f document
	if err := d.Decode(&f); err != nil {
		return law.Pack{}, fmt.Errorf("%w: %w", ErrFile, err)
	}
	if err := d.Decode(new(document)); !errors.Is(err, io.EOF) {
		return law.Pack{}, fmt.Errorf("%w: more than one document", ErrFile)
	}
	p, err := f.pack()
	if err != nil {
		return law.Pack{}, err
	}
	sum := sha256.Sum256(file)
	p.Hash = hex.EncodeToString(sum[:])
	return p, p.Check()
}

// document is the shape of a file.
type document struct {
	Name    string    `yaml:"name"`
	Version string    `yaml:"version"`
	Title   string    `yaml:"title"`
	Roll    string    `yaml:"roll"`
	Remedy  bool      `yaml:"remedy"`
	Clocks  []clock   `yaml:"clocks"`
	Pauses  []pause   `yaml:"pauses"`
	Grounds []ground  `yaml:"grounds"`
	Fees    []feeRule `yaml:"fees"`
}

type clock struct {
	Rights      []law.Right `yaml:"rights"`
	Rule        string      `yaml:"rule"`
	Base        string      `yaml:"base"`
	Otherwise   string      `yaml:"otherwise"`
	Extended    string      `yaml:"extended"`
	Acknowledge string      `yaml:"acknowledge"`
}

type pause struct {
	Cause string `yaml:"cause"`
	Rule  string `yaml:"rule"`
}

type ground struct {
	Code     string      `yaml:"code"`
	DPV      string      `yaml:"dpv"`
	Rights   []law.Right `yaml:"rights"`
	Rule     string      `yaml:"rule"`
	Evidence bool        `yaml:"evidence"`
}

type feeRule struct {
	Code   string      `yaml:"code"`
	Rights []law.Right `yaml:"rights"`
	Rule   string      `yaml:"rule"`
}

func (f document) pack() (law.Pack, error) {
	p := law.Pack{Name: f.Name, Version: f.Version, Title: f.Title, Roll: law.Roll(f.Roll), Remedy: f.Remedy}
	for _, c := range f.Clocks {
		out, err := c.clock()
		if err != nil {
			return law.Pack{}, fmt.Errorf("clock of %s: %w", c.Rule, err)
		}
		p.Clocks = append(p.Clocks, out)
	}
	for _, s := range f.Pauses {
		p.Pauses = append(p.Pauses, law.PauseRule(s))
	}
	for _, g := range f.Grounds {
		p.Grounds = append(p.Grounds, law.Ground(g))
	}
	for _, r := range f.Fees {
		p.Fees = append(p.Fees, law.FeeRule(r))
	}
	return p, nil
}

func (c clock) clock() (law.Clock, error) {
	out := law.Clock{Rights: c.Rights, Rule: c.Rule}
	for _, period := range []struct {
		text string
		to   *law.Period
	}{{c.Base, &out.Base}, {c.Otherwise, &out.Otherwise}, {c.Extended, &out.Extended}, {c.Acknowledge, &out.Acknowledge}} {
		p, err := law.ParsePeriod(period.text)
		if err != nil {
			return law.Clock{}, err
		}
		*period.to = p
	}
	return out, nil
}
