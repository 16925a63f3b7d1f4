package check

import "time"

// Policy is the versions of one policy, oldest first, of which only those
// count that are in force.
type Policy struct {
	ID       string
	Versions []Version
}

// Outage is how old the answer to a question may be while the log can't be
// asked: as little as any version in force says, and nothing for sensitive data
// and for what one of them does not know.
func (p Policy) Outage(q Question) time.Duration {
	inForce := p.inForce(q.At)
	if len(inForce) == 0 {
		return 0
	}
	least := inForce[0].Outage
	for _, v := range inForce {
		least = min(least, v.Outage)
		for _, name := range q.Categories {
			if c, known := v.Categories[name]; !known || c.Sensitive {
				return 0
			}
		}
	}
	return least
}

// Version is one version, ready to be asked. Its maps are never changed.
type Version struct {
	Number     uint32
	InForce    time.Time // from this moment on
	Accepted   bool      // binds a person by explicit acceptance, not by the moment of collection
	Implied    bool      // implied consent is a basis, though never for an opt-in
	Closed     bool      // what is not described is forbidden
	Categories map[string]Category
	Purposes   map[string]Purpose
	Messages   map[string]Message // kinds; nil: no promise
	Sources    map[Source]SourceRule
	Grounds    map[string]Ground
	Regions    map[string]bool // nil: no promise
	Recipients map[string]Sharing
	Bans       map[string]Ban
	Outage     time.Duration // how old an answer may be while the log can't be asked
	Age        uint32        // in years from which the policy serves a person; zero: any
	Minimum    uint64        // of a group and its complement; zero: no aggregates
	Deidentify bool          // what was made of patients' data needs to be free of identifiers
	Clauses    Clauses

	RegionsExempt map[string]bool // kinds of recipients that may be anywhere
}

// Clauses names the promises behind the answers that no single category or
// purpose gives. An empty one is no promise, and then no rule.
type Clauses struct {
	Scope, Versions, Consent, Registration, Sensitive, Undescribed string
	Matrix, Decline, Remainder, Sharing, Regions, Aggregates, Ages string
	Need                                                           string
}

// Category is a kind of data.
type Category struct {
	Personal, Sensitive, Registration bool
	Associate                         bool // goes to business associates alone
	Client                            bool // is about the organisation that is served
	Side                              Side // of a combination that may not be; empty: none

	CollectedFor map[string]bool
	Sources      map[Source]bool
	Clause       string
}

// Ground is a necessity that permits without consent.
type Ground struct {
	Actions  map[Action]bool
	Requires []string // of the record of each use
	Clause   string
}

// GroundUse is the record of a use on a ground: who believed what to be
// necessary. All are codes and references.
type GroundUse struct {
	Belief, BelievedBy, Document string
	Imminent                     bool
}

// Purpose is something that data is used for.
type Purpose struct {
	Basis      Basis
	Offer      bool // denied until a way out was offered
	Categories map[string]bool
	Actions    map[Action]bool
	Channels   map[string]bool // empty: any
	Periodic   bool            // each message says how to stop them
	Clause     string
}

// SourceRule limits data by how it came in.
type SourceRule struct {
	Accepted, Personal bool

	Purposes map[string]bool // empty: no limit
	Clause   string
}

// Basis is why a purpose may be followed.
type Basis string

// The bases of purposes.
const (
	Described Basis = "described"
	Contract  Basis = "contract"
	OptIn     Basis = "opt_in"
	OptOut    Basis = "opt_out"
	Legal     Basis = "legal"
	Aggregate Basis = "aggregate"
)

// Action is what somebody wants to do.
type Action string

// The actions.
const (
	Collect  Action = "collect"
	Access   Action = "access"
	Use      Action = "use"
	Preserve Action = "preserve"
	Disclose Action = "disclose"
)

// Source is how data came in; empty is not known.
type Source string

// The sources that rules treat apart.
const (
	Registered Source = "registration"
	ThirdParty Source = "third_party"
)

// Person is what is known of somebody under one policy.
type Person struct {
	Since      time.Time // of the first record; zero: nothing was ever recorded
	Purposes   map[string]Decision
	Declined   map[string]bool // categories
	Accepted   uint32          // version accepted explicitly
	Signalled  bool            // an honoured signal said not to share
	Restricted bool
	Closed     bool
	Erased     bool
	Minor      bool               // of an age that the policy does not serve
	Notified   time.Time          // that the recipient will be the controller; zero: not
	Accounts   map[Account]string // authorisations that stand, by id
}

// Account is a part of what a person has elsewhere.
type Account struct{ Provider, Scope string }

// Status is what the effective decision on a purpose says.
type Status string

// The states of a purpose.
const (
	Given     Status = "given"
	Refused   Status = "refused"
	Withdrawn Status = "withdrawn"
	// Expired was given, and has ended by its time.
	Expired Status = "expired"
	// Invalidated was made void by the controller.
	Invalidated Status = "invalidated"
)

// Decision is the effective one of a purpose. Two never add up.
type Decision struct {
	Status     Status // empty: none, at most an offer
	Explicit   bool
	Evidence   bool
	Offered    bool   // a way out was offered at some time
	Version    uint32 // that the person saw
	Recipients []string
	Until      time.Time // from when on nothing is given; zero: for good
}

// Question is everything else that an answer depends on.
type Question struct {
	Action      Action
	Purpose     string
	Categories  []string
	Source      Source
	Account     Account   // that data comes from, of the source third_party
	CollectedAt time.Time // zero: not known
	Recipient   string
	To          Recipient  // what is known of it
	Ground      *GroundUse // the record of a use on a ground; nil: none is made
	Origin      string     // region that the data is from, ISO 3166; empty: not known
	Region      string
	Channel     string
	Message     string // kind of the message that is to be sent; empty: none is named
	Cohort      uint64
	Complement  uint64
	Age         uint32 // that was declared in the session; zero: none
	At          time.Time
	// Stoppable: what is sent will say how to stop it.
	Stoppable bool
}

// Answer is yes or no, and why.
type Answer struct {
	Allowed bool
	Reason  Reason
	Basis   string // a W3C DPV name; empty when denied
	Clause  string
	Version uint32
	// Authorisation is that by which content of an account comes in; what is
	// imported names it.
	Authorisation string
}

// Reason is a code from a closed vocabulary.
type Reason string

// Why something is allowed.
const (
	ConsentGiven     Reason = "CONSENT_GIVEN"
	PurposeDescribed Reason = "PURPOSE_DESCRIBED"
	ContractNeeds    Reason = "CONTRACT_NEEDS"
	NotOptedOut      Reason = "NOT_OPTED_OUT"
	LegalGround      Reason = "LEGAL_GROUND"
	Aggregated       Reason = "AGGREGATED"
)

// Why something is denied.
const (
	NoPolicy             Reason = "POLICY_NOT_IN_FORCE"
	CollectedLater       Reason = "COLLECTED_IN_FUTURE"
	NoCategories         Reason = "CATEGORIES_MISSING"
	ActionUnknown        Reason = "ACTION_UNKNOWN"
	CategoryUnknown      Reason = "CATEGORY_UNKNOWN"
	PurposeNotDescribed  Reason = "PURPOSE_NOT_DESCRIBED"
	UnsubscribeRequired  Reason = "UNSUBSCRIBE_REQUIRED"
	MessageMissing       Reason = "MESSAGE_MISSING"
	MessageUnknown       Reason = "MESSAGE_UNKNOWN"
	PurposeNotOfMessage  Reason = "PURPOSE_NOT_OF_MESSAGE"
	ChannelNotForMessage Reason = "CHANNEL_NOT_FOR_MESSAGE"
	PurposeNotFor        Reason = "PURPOSE_NOT_FOR_CATEGORY"
	NoPurpose            Reason = "CATEGORY_WITHOUT_PURPOSE"
	ActionNotFor         Reason = "ACTION_NOT_FOR_PURPOSE"
	ActionNotForGround   Reason = "ACTION_NOT_FOR_GROUND"
	ChannelNotFor        Reason = "CHANNEL_NOT_FOR_PURPOSE"
	SourceUnknown        Reason = "SOURCE_UNKNOWN"
	SourceNotCovered     Reason = "SOURCE_NOT_COVERED"
	SourceNotPersonal    Reason = "SOURCE_NOT_FOR_PERSONAL_DATA"
	SourceNotFor         Reason = "SOURCE_NOT_FOR_PURPOSE"
	SourceNotOf          Reason = "SOURCE_NOT_OF_CATEGORY"
	RegionNotAllowed     Reason = "REGION_NOT_ALLOWED"
	ConsentMissing       Reason = "CONSENT_MISSING"
	ConsentImplied       Reason = "CONSENT_NOT_EXPLICIT"
	ConsentUnproven      Reason = "CONSENT_WITHOUT_EVIDENCE"
	ConsentRefused       Reason = "CONSENT_REFUSED"
	ConsentWithdrawn     Reason = "CONSENT_WITHDRAWN"
	ConsentExpired       Reason = "CONSENT_EXPIRED"
	ConsentInvalidated   Reason = "CONSENT_INVALIDATED"
	ConsentNarrower      Reason = "CONSENT_DOES_NOT_COVER"
	NotOffered           Reason = "WAY_OUT_NOT_OFFERED"
	OptedOut             Reason = "OPTED_OUT"
	CategoryDeclined     Reason = "CATEGORY_DECLINED"
	PurposeDeclined      Reason = "PURPOSE_DECLINED"
	BasisUnknown         Reason = "BASIS_UNKNOWN"
	GroundUnknown        Reason = "GROUND_UNKNOWN"
	GroundNotRecorded    Reason = "GROUND_NOT_RECORDED"
	GroundIncomplete     Reason = "GROUND_RECORD_INCOMPLETE"
	PersonRestricted     Reason = "PERSON_RESTRICTED"
	AccountClosed        Reason = "ACCOUNT_CLOSED"
	PersonErased         Reason = "PERSON_ERASED"
	PersonMinor          Reason = "PERSON_IS_MINOR"
	AgeTooLow            Reason = "AGE_BELOW_MINIMUM"
	CohortTooSmall       Reason = "COHORT_TOO_SMALL"
	FiguresNotCounted    Reason = "FIGURES_NOT_COUNTED"
	RecipientMissing     Reason = "RECIPIENT_MISSING"
	SharingOptedOut      Reason = "SHARING_OPTED_OUT"
	SharingNotOptedIn    Reason = "SHARING_NOT_OPTED_IN"
	SharingNotConsented  Reason = "SHARING_NOT_CONSENTED"
	RecipientNotExpected Reason = "RECIPIENT_NOT_EXPECTED"

	RecipientUnknown       Reason = "RECIPIENT_UNKNOWN"
	RecipientKindNotListed Reason = "RECIPIENT_KIND_NOT_LISTED"
	ClientInformation      Reason = "CLIENT_INFORMATION"
	SaleForbidden          Reason = "SALE_FORBIDDEN"
	AgreementMissing       Reason = "AGREEMENT_MISSING"
	AgreementEnded         Reason = "AGREEMENT_ENDED"
	UndertakingMissing     Reason = "UNDERTAKING_MISSING"
	ConfirmationMissing    Reason = "CONFIRMATION_MISSING"
	CategoryNotAgreed      Reason = "CATEGORY_NOT_IN_AGREEMENT"
	PurposeNotAgreed       Reason = "PURPOSE_NOT_IN_AGREEMENT"
	AssociateMissing       Reason = "BUSINESS_ASSOCIATE_AGREEMENT_MISSING"
	RecipientElsewhere     Reason = "RECIPIENT_REGION_NOT_ALLOWED"
	MechanismMissing       Reason = "TRANSFER_MECHANISM_MISSING"
	MechanismInvalid       Reason = "TRANSFER_MECHANISM_INVALID"
	SuccessionNotRecorded  Reason = "SUCCESSION_NOT_RECORDED"
	NoticeMissing          Reason = "NOTICE_MISSING"
	CombinationForbidden   Reason = "COMBINATION_FORBIDDEN"

	SourceNotAuthorized Reason = "SOURCE_NOT_AUTHORIZED"
	ScopeNotAuthorized  Reason = "SCOPE_NOT_AUTHORIZED"
)

// GroundPrefix starts the purposes that stand for grounds of the policy.
const GroundPrefix = "ground."
