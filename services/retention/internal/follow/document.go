package follow

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"habeas.internal/services/retention/schedule"

	"go.yaml.in/yaml/v3"
)

// ErrDocument says that a policy's document has no schedule that can be read.
var ErrDocument = errors.New("policy has no readable retention list")

// document is the part of a policy that concerns retention. Its other keys are
// consent's to check.
type document struct {
	Effective  string     `yaml:"effective"`
	Retention  yaml.Node  `yaml:"retention"`
	Need       yaml.Node  `yaml:"need"` // only what a purpose needs is kept
	Categories []category `yaml:"categories"`
	Purposes   []purpose  `yaml:"purposes"`
}

type category struct {
	ID   string `yaml:"id"`
	Ends *struct {
		After  string `yaml:"after"`
		Period string `yaml:"period"`
	} `yaml:"ends"`
	Clause  string   `yaml:"clause"`
	Sources []string `yaml:"sources"`
}

type purpose struct {
	ID         string   `yaml:"id"`
	Basis      string   `yaml:"basis"`
	Categories []string `yaml:"categories"`
}

type rule struct {
	Rule      string   `yaml:"rule"`
	Category  string   `yaml:"category"`
	Systems   []string `yaml:"systems"`
	Period    string   `yaml:"period"`
	Ground    string   `yaml:"ground"`
	Authority string   `yaml:"authority"`
}

// plan is what a document says of retention. A document without the key says
// that nothing is kept longer than its purpose needs: no rules.
type plan struct {
	from   time.Time // zero: at once
	rules  []schedule.Rule
	limits []schedule.Limit
}

func parse(file []byte) (p plan, err error) {
	// The YAML library reports some malformed input by a panic that it does
	// not catch itself.
	defer func() {
		if r := recover(); r != nil {
			p, err = plan{}, ErrDocument
		}
	}()
	return read(file)
}

func read(file []byte) (plan, error) {
	var d document
	if err := yaml.Unmarshal(file, &d); err != nil {
		return plan{}, fmt.Errorf("%w: %w", ErrDocument, err)
	}
	var p plan
	if d.Effective != "" {
		var err error
		if p.from, err = time.Parse(time.DateOnly, d.Effective); err != nil {
			return plan{}, fmt.Errorf("%w: effective is no date", ErrDocument)
		}
	}
	rules, err := strict(d.Retention)
	if err != nil {
		return plan{}, err
	}
	for _, r := range rules {
		period, err := schedule.ParsePeriod(r.Period)
		if err != nil {
			return plan{}, fmt.Errorf("rule %s: %w", r.Rule, err)
		}
		p.rules = append(p.rules, schedule.Rule{
			ID: r.Rule, Category: r.Category, Systems: r.Systems, Period: period, Ground: r.Ground, Authority: r.Authority,
		})
	}
	p.limits, err = d.limits()
	return p, err
}

// limits are when data of each category is over by itself. Where the policy promises
// that only what a purpose needs is kept, data of a category that no purpose but law's
// lists is over soon.
func (d document) limits() ([]schedule.Limit, error) {
	var out []schedule.Limit
	for _, c := range d.Categories {
		l := schedule.Limit{Category: c.ID, Clause: c.Clause}
		if len(c.Sources) > 0 {
			l.Source = c.Sources[0]
		}
		for _, p := range d.Purposes {
			if p.Basis != "legal" && slices.Contains(p.Categories, c.ID) {
				l.Purposes = append(l.Purposes, p.ID)
			}
		}
		over := !d.Need.IsZero() && len(l.Purposes) == 0
		switch {
		case c.Ends == nil && !over:
			continue
		case c.Ends == nil, over && c.Ends.After != schedule.PurposeEnded:
			l.StartsOn, l.Period = schedule.PurposeEnded, schedule.Grace()
		default:
			period, err := schedule.ParsePeriod(c.Ends.Period)
			if err != nil {
				return nil, fmt.Errorf("category %s: %w", c.ID, err)
			}
			l.StartsOn, l.Period = c.Ends.After, period
		}
		out = append(out, l)
	}
	return out, nil
}

// strict reads the list and refuses keys that it doesn't know: a misspelt
// system must not make a rule one of all systems.
func strict(list yaml.Node) ([]rule, error) {
	if list.IsZero() {
		return nil, nil
	}
	text, err := yaml.Marshal(&list)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDocument, err)
	}
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	var rules []rule
	if err := d.Decode(&rules); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%w: %w", ErrDocument, err)
	}
	return rules, nil
}
