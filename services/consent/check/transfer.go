package check

import (
	"slices"
	"strings"
	"time"
)

// framework is an arrangement between places that the law let carry data for a
// time, whatever a contract says.
type framework struct {
	origins, destinations []string
	from, until           time.Time // until zero: it stands
}

// area are the states of the European Economic Area, and the one that was among
// them while the older frameworks stood.
func area() []string {
	return strings.Fields("at be bg cy cz de dk ee es fi fr gb gr hr hu ie is it li lt lu lv mt nl no pl pt ro se si sk")
}

func since(year int, month time.Month, day int) time.Time {
	return time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
}

// frameworkOf is the framework of a kind: Decision 2000/520/EC until CJEU C-362/14,
// Decision (EU) 2016/1250 until CJEU C-311/18, Decision (EU) 2023/1795.
func frameworkOf(kind string) (f framework, ok bool) {
	switch kind {
	case "safe_harbor":
		f = framework{origins: area(), from: since(2000, time.July, 26), until: since(2015, time.October, 6)}
	case "privacy_shield":
		f = framework{origins: area(), from: since(2016, time.July, 12), until: since(2020, time.July, 16)}
	case "data_privacy_framework":
		f = framework{origins: slices.DeleteFunc(area(), func(s string) bool { return s == "gb" }), from: since(2023, time.July, 10)}
	default: // of most questions, which are asked often: nothing is built for them
		return framework{}, false
	}
	f.destinations = []string{"us"}
	return f, true
}

// instruments carry data between any places that the parties name (GDPR Art. 45
// and 46(2)).
func instruments() []string {
	return []string{
		"adequacy_decision", "standard_contractual_clauses", "binding_corporate_rules", "code_of_conduct", "certification", "treaty",
	}
}

// carries reports whether a mechanism of that kind may carry data from one place
// to another at a moment. A kind that nobody knows carries nothing.
func carries(kind, origin, destination string, at time.Time) bool {
	f, ok := frameworkOf(kind)
	if !ok {
		return slices.Contains(instruments(), kind)
	}
	return slices.Contains(f.origins, country(origin)) && slices.Contains(f.destinations, country(destination)) &&
		!at.Before(f.from) && (f.until.IsZero() || at.Before(f.until))
}

// country is that of a region.
func country(region string) string {
	c, _, _ := strings.Cut(region, "-")
	return c
}
