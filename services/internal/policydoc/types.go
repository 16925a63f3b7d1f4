package policydoc

import "slices"

// Document is one version of a policy.
type Document struct {
	Policy     string `yaml:"policy"`  // id, such as "caseworks"
	Version    int    `yaml:"version"` // from 1 without a hole
	Title      string `yaml:"title"`
	Publisher  string `yaml:"publisher"`
	Role       string `yaml:"role"`        // controller or processor
	Effective  string `yaml:"effective"`   // first day on which it decides
	Modified   string `yaml:"modified"`    // day of its last change
	TextSHA256 string `yaml:"text_sha256"` // of the text that people read, hex
	Zone       string `yaml:"zone"`        // IANA time zone of the publisher
	Change     string `yaml:"change"`      // what the publisher calls it: minor or significant

	Rules       []string `yaml:"rules"` // rule packs that apply, such as "gdpr"
	Scope       Scope    `yaml:"scope"`
	Versions    Versions `yaml:"versions"`
	Consent     Consent  `yaml:"consent"`
	Undescribed Beyond   `yaml:"undescribed"`
	Matrix      Clause   `yaml:"matrix"`
	Decline     Clause   `yaml:"decline"`
	Remainder   Clause   `yaml:"remainder"`
	// Need says that only what a purpose needs is collected: a category that
	// none names is not.
	Need       *Clause     `yaml:"need"`
	Contact    *Contact    `yaml:"contact"`
	Complaints *Complaints `yaml:"complaints"`

	Categories []Category  `yaml:"categories"`
	Purposes   []Purpose   `yaml:"purposes"`
	Messages   []Message   `yaml:"messages"`
	Sources    []Source    `yaml:"sources"`
	Signals    []Signal    `yaml:"signals"`
	Sharing    Sharing     `yaml:"sharing"`
	Grounds    []Ground    `yaml:"grounds"`
	Regions    Regions     `yaml:"regions"`
	Ages       *Ages       `yaml:"ages"`
	Aggregates *Aggregates `yaml:"aggregates"`
	Requests   Requests    `yaml:"requests"`
	Clocks     []Clock     `yaml:"clocks"`
	Retention  []Retention `yaml:"retention"`
	Clauses    []Promise   `yaml:"clauses"`
}

// Minor is what a publisher calls a change that reduces nobody's rights.
const Minor = "minor"

// Clause names the published promise that a rule keeps.
type Clause struct {
	Clause string `yaml:"clause"`
}

// Scope says what the policy covers.
type Scope struct {
	Products string `yaml:"products"` // all: an unlisted product is covered too
	Clause   string `yaml:"clause"`
}

// Versions says which version decides once there are several.
type Versions struct {
	// Binds is collected: data is judged by the version in force when it was
	// collected, and by every later one that narrows; or accepted: by the one
	// that the person has accepted explicitly, and until then by all since
	// the person came.
	Binds string `yaml:"binds"`
	// Prominent says that a version that reduces somebody's rights is posted
	// together with a notice that nobody overlooks.
	Prominent bool     `yaml:"prominent"`
	Clause    string   `yaml:"clause"`
	Serves    []string `yaml:"serves"` // further clauses
}

// Consent says which expressions count and where consent is always needed.
type Consent struct {
	Expressions  []string `yaml:"expressions"` // explicit, implied
	Clause       string   `yaml:"clause"`
	Serves       []string `yaml:"serves"`       // further clauses
	Registration *Clause  `yaml:"registration"` // other purposes need a grant
	Sensitive    *Clause  `yaml:"sensitive"`    // undescribed purposes and sharing need one
	// OutageSeconds is how old an answer about data that is not sensitive may
	// be while the log can't be asked; nil: ten.
	OutageSeconds *int `yaml:"outage_seconds"`
	// Staff says that those who work for the publisher see somebody's data with
	// that person's consent to the purpose too, or on one of the grounds.
	Staff *Clause `yaml:"staff"`
	// Steps is what it takes to say yes, and to take that back.
	Steps *Steps `yaml:"steps"`
}

// Steps counts what a person has to do, from the page where it can be done.
type Steps struct {
	Give     int    `yaml:"give"`
	Withdraw int    `yaml:"withdraw"`
	Clause   string `yaml:"clause"`
	House    bool   `yaml:"house"`
}

// Contact says where questions about the policy go.
type Contact struct {
	Mail   string `yaml:"mail"`   // address of the publisher
	Web    string `yaml:"web"`    // page of the publisher
	Clause string `yaml:"clause"` // that promises an answer
	House  bool   `yaml:"house"`
}

// Complaints says where a complaint goes, and to whom it goes on.
type Complaints struct {
	To        string `yaml:"to"`        // mail, web or letter
	Authority string `yaml:"authority"` // to which what is not resolved goes
	Clause    string `yaml:"clause"`
	House     bool   `yaml:"house"`
}

// Beyond says what becomes of purposes that the policy doesn't describe:
// closed, or offer (denied until a way out was offered, then until it is taken).
type Beyond struct {
	Mode   string `yaml:"mode"`
	Clause string `yaml:"clause"`
}

// Category is a kind of data.
type Category struct {
	ID           string   `yaml:"id"`
	Title        string   `yaml:"title"`
	Fides        string   `yaml:"fides"` // data category of fideslang
	DPV          string   `yaml:"dpv"`   // concept of the W3C Data Privacy Vocabulary
	Sources      []string `yaml:"sources"`
	Personal     bool     `yaml:"personal"`
	Sensitive    bool     `yaml:"sensitive"`
	Registration bool     `yaml:"registration"`
	Side         string   `yaml:"side"`          // person or device, of what may not be shared together
	Associate    bool     `yaml:"associate"`     // goes to business associates alone, as HIPAA means them
	Client       bool     `yaml:"client"`        // is about the organisation that is served
	CollectedFor []string `yaml:"collected_for"` // of a registration category
	Features     []string `yaml:"features"`      // that need it
	Ends         *End     `yaml:"ends"`
	Clause       string   `yaml:"clause"`
	Serves       []string `yaml:"serves"` // further clauses
}

// End says when data of a category is over by itself.
type End struct {
	After  string `yaml:"after"`  // the event from which the period counts
	Period string `yaml:"period"` // ISO 8601, such as "P2Y"
	House  bool   `yaml:"house"`  // our choice where the text is silent
}

// Purpose is something that data is used for.
type Purpose struct {
	ID         string   `yaml:"id"`
	Title      string   `yaml:"title"`
	DPV        string   `yaml:"dpv"` // purpose of the W3C Data Privacy Vocabulary
	Basis      string   `yaml:"basis"`
	Categories []string `yaml:"categories"`
	Actions    []string `yaml:"actions"`  // empty: all but disclose
	Channels   []string `yaml:"channels"` // empty: any
	// Periodic: messages go out again and again, by the one channel that is named,
	// and each says how to stop them.
	Periodic bool     `yaml:"periodic"`
	Features []string `yaml:"features"` // that need it
	Offer    bool     `yaml:"offer"`    // opt_out: denied until offered
	HIPAA    string   `yaml:"hipaa"`    // treatment, payment or operations: not accounted for (45 CFR 164.528); empty: none of them
	Expires  string   `yaml:"expires"`  // how long consent lasts, such as "P2Y"; empty: until it is withdrawn
	Clause   string   `yaml:"clause"`
	Serves   []string `yaml:"serves"` // further clauses
	House    bool     `yaml:"house"`
}

// Message is a kind of message that goes out: the template behind it says what it
// is for, whoever asks. Where a policy has such a list, nothing else is sent.
type Message struct {
	ID       string   `yaml:"id"`
	Title    string   `yaml:"title"`
	Purpose  string   `yaml:"purpose"`
	Channels []string `yaml:"channels"` // of those of the purpose; empty: all of them
	Clause   string   `yaml:"clause"`
	House    bool     `yaml:"house"`
}

// Source limits data by how it came in.
type Source struct {
	Source   string   `yaml:"source"`
	Accepted bool     `yaml:"accepted"`
	Personal bool     `yaml:"personal"` // may fill a personal category
	Purposes []string `yaml:"purposes"` // the only ones; empty: no limit
	Clause   string   `yaml:"clause"`
}

// Signal says whether a browser's signal is honoured.
type Signal struct {
	Signal   string `yaml:"signal"` // gpc, dnt
	Honoured bool   `yaml:"honoured"`
	Clause   string `yaml:"clause"`
	House    bool   `yaml:"house"`
}

// Sharing says who may receive data.
type Sharing struct {
	Clause     string      `yaml:"clause"`
	Recipients []Recipient `yaml:"recipients"`
	Forbidden  []Forbidden `yaml:"forbidden"`
}

// Recipient is a kind of recipient and what it must have undertaken.
type Recipient struct {
	Kind         string   `yaml:"kind"`
	Undertakings []string `yaml:"undertakings"`
	Consent      bool     `yaml:"consent"` // of the person, besides the agreement
	Notice       bool     `yaml:"notice"`  // to the person, before
	Clause       string   `yaml:"clause"`
	House        bool     `yaml:"house"`
}

// Forbidden is a disclosure that nothing but a ground of law permits.
type Forbidden struct {
	What   string   `yaml:"what"`
	Exempt []string `yaml:"exempt"`
	Clause string   `yaml:"clause"`
}

// Ground is a necessity that permits without consent.
type Ground struct {
	ID       string   `yaml:"id"`
	Title    string   `yaml:"title"`
	Actions  []string `yaml:"actions"`
	Requires []string `yaml:"requires"` // fields of the record of each use
	Clause   string   `yaml:"clause"`
}

// Regions says where data may be; no list is no promise.
type Regions struct {
	Allowed []string `yaml:"allowed"`
	Exempt  []string `yaml:"exempt"`
	Clause  string   `yaml:"clause"`
}

// Ages says from which age a person may use the service.
type Ages struct {
	Minimum        int    `yaml:"minimum"`
	Representative bool   `yaml:"representative"` // below it, through one
	ParentalCures  bool   `yaml:"parental_cures"` // a parent's consent is enough
	Erase          string `yaml:"erase"`          // period after which found data is gone
	Clause         string `yaml:"clause"`
}

// Aggregates says when figures about a group are no personal data.
type Aggregates struct {
	Minimum    int    `yaml:"minimum"` // of the group and of its complement
	Deidentify bool   `yaml:"deidentify"`
	Clause     string `yaml:"clause"`
}

// Requests says how a person's requests are handled.
type Requests struct {
	Rights  []Right   `yaml:"rights"`
	Decline []Decline `yaml:"decline"`
	// Approval is by whom, and how fast, what waits for a controller is decided on.
	Approval *Approval `yaml:"approval"`
}

// Approval is the word of the controller for whom a processor works. Its silence
// neither carries a request out nor closes it.
type Approval struct {
	Controller string   `yaml:"controller"` // the kind of recipient that it is
	Period     string   `yaml:"period"`     // after which its word is late
	Reminders  []string `yaml:"reminders"`  // the periods after which it is reminded
	Clause     string   `yaml:"clause"`
	House      bool     `yaml:"house"`
}

// Right is something that a person may ask for.
type Right struct {
	Right    string `yaml:"right"`
	Verified bool   `yaml:"verified"`  // only after the person was verified
	Fee      bool   `yaml:"fee"`       // may be charged for disproportionate effort
	Approval bool   `yaml:"approval"`  // of the controller, for a processor
	AskedFor string `yaml:"asked_for"` // where
	// the addresses that time limits may depend on: Cal. Civ. Code 1798.83(b)(1)
	Designated *Designated `yaml:"designated"`
	Clause     string      `yaml:"clause"`
	Serves     []string    `yaml:"serves"` // further clauses
	House      bool        `yaml:"house"`
}

// Designated is where a right is asked for in time: at least one of these. What
// arrives elsewhere may take longer.
type Designated struct {
	Mail  string `yaml:"mail"`  // an e-mail address
	Post  string `yaml:"post"`  // a postal address, in one line
	Phone string `yaml:"phone"` // a number that costs nothing, as +18005550100
}

// Decline is a ground on which rights may be declined.
type Decline struct {
	Ground string   `yaml:"ground"`
	Rights []string `yaml:"rights"`
	// RestsOn is the ground of the rule packs that it is: its own name if left out. A
	// law that grants the right has to permit it.
	RestsOn       string `yaml:"rests_on"`
	Justification string `yaml:"justification"` // its term in the Data Privacy Vocabulary
	Clause        string `yaml:"clause"`
}

// Clock is a time limit that the policy itself promises.
type Clock struct {
	Right       string `yaml:"right"`
	Period      string `yaml:"period"`
	Otherwise   string `yaml:"otherwise"` // the time limit for what did not arrive at a designated address
	NoExtension bool   `yaml:"no_extension"`
	Clause      string `yaml:"clause"`
	House       bool   `yaml:"house"`
}

// Retention is a duty or a right to keep data although it was asked to be
// erased. The retention service reads this list.
type Retention struct {
	Rule      string   `yaml:"rule"`
	Category  string   `yaml:"category"`
	Systems   []string `yaml:"systems"`
	Period    string   `yaml:"period"`
	Ground    string   `yaml:"ground"`
	Authority string   `yaml:"authority"`
}

// Promise is a sentence of the text, by the id under which it is shown.
type Promise struct {
	ID      string `yaml:"id"`
	Heading string `yaml:"heading"` // of the section of the text that says it
	Says    string `yaml:"says"`
	House   bool   `yaml:"house"` // part of its meaning is our choice
	// Elsewhere says what keeps the promise where no rule of the document
	// decides on it.
	Elsewhere string `yaml:"elsewhere"`
}

// Opens reports whether a ground lets somebody look without consent.
func (g Ground) Opens() bool { return slices.Contains(g.Actions, "access") }

// Needs reports whether the record of a use has to hold a field.
func (g Ground) Needs(field string) bool { return slices.Contains(g.Requires, field) }
