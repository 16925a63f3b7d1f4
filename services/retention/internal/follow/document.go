package follow

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"time"

	"habeas.internal/services/retention/schedule"

	"go.yaml.in/yaml/v3"
)

// ErrDocument says that a policy's document has no schedule that can be read.
var ErrDocument = errors.New("policy has no readable retention list")

// document is the part of a policy that concerns retention. Its other keys are
// consent's to check.
type document struct {
	Effective string    `yaml:"effective"`
	Retention yaml.Node `yaml:"retention"`
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
	from  time.Time // zero: at once
	rules []schedule.Rule
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
	return p, nil
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
