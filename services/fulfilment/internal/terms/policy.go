package terms

import (
	"slices"
	"strings"
	"time"

	"habeas.internal/services/fulfilment/law"
	"habeas.internal/services/fulfilment/request"
	"habeas.internal/services/internal/policydoc"

	"go.yaml.in/yaml/v3"
)

// policy is what a policy's document says of requests.
type policy struct {
	Role     string             `yaml:"role"`
	Rules    []string           `yaml:"rules"`
	Clocks   []clock            `yaml:"clocks"`
	Requests policydoc.Requests `yaml:"requests"`
	Contact  struct {
		Mail string `yaml:"mail"`
		Web  string `yaml:"web"`
	} `yaml:"contact"`
	Complaints struct {
		To        string `yaml:"to"`
		Authority string `yaml:"authority"`
	} `yaml:"complaints"`
	Ages struct {
		Erase  string `yaml:"erase"`
		Clause string `yaml:"clause"`
	} `yaml:"ages"`
}

// clock is a period that a policy promises for a right.
type clock struct {
	Right  string `yaml:"right"`
	Period string `yaml:"period"`
	// Otherwise is the period for what did not arrive where it is designated to.
	Otherwise string `yaml:"otherwise"`
	Clause    string `yaml:"clause"`
}

func read(document []byte) (policy, error) {
	var doc policy
	if err := yaml.Unmarshal(document, &doc); err != nil {
		return policy{}, ErrSettings
	}
	return doc, nil
}

// promised are the policy's own clocks for a request that came in by a channel.
func (d policy) promised(channel string) ([]law.PolicyClock, error) {
	clocks := slices.Clone(d.Clocks)
	if channel == request.ChannelAge && d.Ages.Erase != "" {
		clocks = append(clocks, clock{Right: string(law.Erasure), Period: d.Ages.Erase, Clause: d.Ages.Clause})
	}
	var out []law.PolicyClock
	for _, c := range clocks {
		period, err := law.ParsePeriod(c.Period)
		if err != nil {
			return nil, ErrSettings
		}
		otherwise, err := law.ParsePeriod(c.Otherwise)
		if err != nil {
			return nil, ErrSettings
		}
		out = append(out, law.PolicyClock{
			Rule: c.Clause, Rights: []law.Right{law.Right(strings.ToLower(c.Right))}, Period: period, Otherwise: otherwise,
		})
	}
	return out, nil
}

// laws are the rule packs that apply under a policy: those that count everywhere,
// and those that it names. Where neither says anything the strictest of the common
// ones do.
func (p Pinner) laws(named []string) []law.Pack {
	out := slices.Clone(p.Packs)
	if len(out) == 0 && len(named) == 0 {
		named = []string{"gdpr", "ccpa"}
	}
	for _, k := range p.Known {
		if slices.Contains(named, k.Name) && !slices.ContainsFunc(out, func(o law.Pack) bool { return o.Name == k.Name }) {
			out = append(out, k)
		}
	}
	return out
}

// instructing is how long a processor's controller may take to instruct, if the right
// waits for it.
func (d policy) instructing(r law.Right) (request.Instructing, error) {
	waits := false
	for _, right := range d.Requests.Rights {
		waits = waits || right.Right == string(r) && right.Approval
	}
	if d.Role != "processor" || !waits {
		return request.Instructing{}, nil
	}
	out := request.Instructing{Period: waitsFor}
	if a := d.Requests.Approval; a != nil && a.Period != "" {
		out.Period, out.Reminders = a.Period, a.Reminders
	}
	for _, text := range append([]string{out.Period}, out.Reminders...) {
		if p, err := law.ParsePeriod(text); err != nil || p.IsZero() {
			return request.Instructing{}, ErrSettings
		}
	}
	return out, nil
}

// waitsFor is for how long a controller is waited for before it is late, where the
// policy doesn't say.
const waitsFor = "P10D"

// Schedule is when a controller that is asked at a moment is late, and when it is
// reminded: on the day's end in the tenant's zone.
func Schedule(t request.Terms, at time.Time) (due time.Time, reminders []time.Time, err error) {
	zone, err := time.LoadLocation(t.Zone)
	if err != nil || t.Zone == "" {
		return due, nil, ErrSettings
	}
	calendar, ok := law.CalendarOf(t.Calendar)
	if !ok && t.Calendar != "" {
		return due, nil, ErrSettings
	}
	ends := func(text string) (time.Time, error) {
		p, err := law.ParsePeriod(text)
		if err != nil || p.IsZero() {
			return time.Time{}, ErrSettings
		}
		return p.From(law.DateOf(at, zone), calendar).End(zone), nil
	}
	if due, err = ends(t.Instructing.Period); err != nil {
		return due, nil, err
	}
	for _, text := range t.Instructing.Reminders {
		r, err := ends(text)
		if err != nil {
			return due, nil, err
		}
		reminders = append(reminders, r)
	}
	slices.SortFunc(reminders, time.Time.Compare)
	return due, reminders, nil
}
