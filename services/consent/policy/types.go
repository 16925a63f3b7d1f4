package policy

import (
	"errors"
	"time"
)

// AggregateType is the type of a policy in the log; its id is the policy's.
const AggregateType = "policy"

// Policy is the state of one policy. Versions[i] has number i+1.
type Policy struct {
	Versions []Version
}

// Version is one version of a policy.
type Version struct {
	Number      uint32
	Document    []byte
	Hash        string // of the document
	TextHash    string // of the text that people read
	Effective   time.Time
	PublishedAt time.Time // when that was recorded
	PostedAt    time.Time // zero: not posted
	Posted      time.Time // when that was recorded
	Notice      bool      // it can't be posted without a prominent notice
}

// InForce is the moment from which a version decides; zero if it was not
// posted. The first one counts from the moment that its posting names. A later
// one can't have decided before its posting was recorded: nobody widens what was
// allowed yesterday.
func (v Version) InForce() time.Time {
	if v.PostedAt.IsZero() {
		return time.Time{}
	}
	from := v.PostedAt
	if v.Number > 1 && v.Posted.After(from) {
		from = v.Posted
	}
	if v.Effective.After(from) {
		from = v.Effective
	}
	return from
}

// Command is Publish or Post.
//
//sumtype:decl
type Command interface{ command() }

// Publish adds a version.
type Publish struct {
	Policy    string
	Version   uint32
	Document  []byte
	Hash      string
	TextHash  string
	Effective time.Time
	Reduces   []uint32 // earlier versions over which it reduces rights
	Notice    bool     // that is announced prominently
	At        time.Time
}

// Post says that people can read a version.
type Post struct {
	Policy   string
	Version  uint32
	TextHash string
	PostedAt time.Time
	Notice   string // a reference to the prominent one; empty: there was none
	Outside  string // the store that is not where the version allows it; empty: none
	At       time.Time
}

func (Publish) command() {}
func (Post) command()    {}

// Event is Published, PublishingRefused, Posted or PostingRefused.
//
//sumtype:decl
type Event interface{ event() }

// Published says that a version exists.
type Published struct {
	Policy    string
	Version   uint32
	Document  []byte
	Hash      string
	TextHash  string
	Effective time.Time
	Reduces   []uint32
	Notice    bool
	Recorded  time.Time
}

// PublishingRefused says that a version broke a rule.
type PublishingRefused struct {
	Version uint32
	Reason  string
}

// Posted says that people can read a version.
type Posted struct {
	Policy   string
	Version  uint32
	TextHash string
	PostedAt time.Time
	Notice   string
	Recorded time.Time
}

// PostingRefused says that a posting broke a rule.
type PostingRefused struct {
	Version uint32
	Reason  string
}

func (Published) event()         {}
func (PublishingRefused) event() {}
func (Posted) event()            {}
func (PostingRefused) event()    {}

// Refusal is a rule's no, with its reason code.
type Refusal string

// Error is the code.
func (r Refusal) Error() string { return string(r) }

// Reason is the code.
func (r Refusal) Reason() string { return string(r) }

// What a caller may be told.
const (
	// ErrVersionExists refuses to change a version.
	ErrVersionExists = Refusal("VERSION_IMMUTABLE")
	// ErrVersionGap refuses a version that is not the next one.
	ErrVersionGap = Refusal("VERSION_NOT_CONSECUTIVE")
	// ErrOtherText refuses to post another text than the document stands for.
	ErrOtherText = Refusal("TEXT_HASH_MISMATCH")
	// ErrPostedBefore refuses a second posting of a version.
	ErrPostedBefore = Refusal("ALREADY_POSTED")
	// ErrOrder refuses a posting before that of an earlier version.
	ErrOrder = Refusal("POSTED_OUT_OF_ORDER")
	// ErrNotice refuses to post what reduces rights without the prominent notice
	// that the policy has promised.
	ErrNotice = Refusal("PROMINENT_NOTICE_MISSING")
	// ErrLogElsewhere and the others refuse to post what forbids the region of a
	// store of this installation, or of one of which nobody has said where it is.
	ErrLogElsewhere        = Refusal("LOG_REGION_NOT_ALLOWED")
	ErrVaultElsewhere      = Refusal("VAULT_REGION_NOT_ALLOWED")
	ErrKMSElsewhere        = Refusal("KMS_REGION_NOT_ALLOWED")
	ErrReadModelsElsewhere = Refusal("READ_MODELS_REGION_NOT_ALLOWED")
	ErrPackagesElsewhere   = Refusal("PACKAGES_REGION_NOT_ALLOWED")
	ErrBackupElsewhere     = Refusal("BACKUP_REGION_NOT_ALLOWED")
	// ErrStoreElsewhere is that of a store that has no code of its own.
	ErrStoreElsewhere = Refusal("STORE_REGION_NOT_ALLOWED")
)

var (
	// ErrNoVersion says that there is no such policy or version.
	ErrNoVersion = errors.New("policy version does not exist")
	// ErrInFuture says that a moment lies ahead.
	ErrInFuture = errors.New("posting would lie in the future")
	errUnknown  = errors.New("unknown command")
)
