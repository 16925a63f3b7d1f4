package check

// Remedy is what would make a no a yes.
type Remedy string

// The remedies. Empty: nothing is needed.
const (
	NoRemedy           Remedy = "NONE"
	CorrectQuestion    Remedy = "CORRECT_QUESTION"
	DescribeInPolicy   Remedy = "DESCRIBE_IN_POLICY"
	PostPolicy         Remedy = "POST_POLICY"
	GrantPurpose       Remedy = "GRANT_PURPOSE"
	RecordEvidence     Remedy = "RECORD_EVIDENCE"
	OfferWayOut        Remedy = "OFFER_WAY_OUT"
	GiveCategory       Remedy = "GIVE_CATEGORY"
	RecordGround       Remedy = "RECORD_GROUND"
	EndRestriction     Remedy = "END_RESTRICTION"
	ComeOfAge          Remedy = "COME_OF_AGE"
	EnlargeGroup       Remedy = "ENLARGE_GROUP"
	NameRecipient      Remedy = "NAME_RECIPIENT"
	RegisterRecipient  Remedy = "REGISTER_RECIPIENT"
	AgreeWithRecipient Remedy = "AGREE_WITH_RECIPIENT"
	ConfirmPractices   Remedy = "CONFIRM_PRACTICES"
	RecordSuccession   Remedy = "RECORD_SUCCESSION"
	NotifyPerson       Remedy = "NOTIFY_PERSON"
	AuthorizeSource    Remedy = "AUTHORIZE_SOURCE"
	PrepareMessage     Remedy = "PREPARE_MESSAGE"
)

// Actor is who can make a no a yes.
type Actor string

// Who can. Empty: nobody has to.
const (
	ByNobody     Actor = "NOBODY"
	ByPerson     Actor = "PERSON"
	ByCaller     Actor = "CALLER"
	ByController Actor = "CONTROLLER"
)

// remedy is what would have to be done, and by whom. What no rule speaks of,
// nothing makes a yes.
func remedy(a Answer) (Remedy, Actor) {
	if a.Allowed {
		return "", ""
	}
	switch a.Reason {
	case CollectedLater, NoCategories, ActionUnknown, SourceUnknown, RecipientMissing, RecipientNotExpected,
		MessageMissing, PurposeNotOfMessage:
		return CorrectQuestion, ByCaller
	case NotOffered:
		return OfferWayOut, ByCaller
	case GroundNotRecorded, GroundIncomplete:
		return RecordGround, ByCaller
	case ConsentUnproven:
		return RecordEvidence, ByCaller
	case UnsubscribeRequired:
		return PrepareMessage, ByCaller
	case CohortTooSmall:
		return EnlargeGroup, ByCaller
	case ConsentMissing, ConsentImplied, ConsentRefused, ConsentWithdrawn, ConsentExpired, ConsentInvalidated, ConsentNarrower,
		OptedOut, PurposeDeclined:
		return GrantPurpose, ByPerson
	case CategoryDeclined:
		return GiveCategory, ByPerson
	case PersonMinor, AgeTooLow:
		return ComeOfAge, ByPerson
	case SharingNotConsented, SharingNotOptedIn:
		return NameRecipient, ByPerson
	case SourceNotAuthorized, ScopeNotAuthorized:
		return AuthorizeSource, ByPerson
	}
	return controllers(a.Reason)
}

// controllers are the remedies of whoever answers for the policy.
func controllers(r Reason) (Remedy, Actor) {
	switch r {
	case NoPolicy:
		return PostPolicy, ByController
	case CategoryUnknown, PurposeNotDescribed, PurposeNotFor, ActionNotFor, ActionNotForGround, ChannelNotFor, MessageUnknown, ChannelNotForMessage, GroundUnknown, BasisUnknown,
		SourceNotCovered, SourceNotPersonal, SourceNotFor, SourceNotOf, RegionNotAllowed, RecipientKindNotListed, RecipientElsewhere:
		return DescribeInPolicy, ByController
	case PersonRestricted:
		return EndRestriction, ByController
	case RecipientUnknown:
		return RegisterRecipient, ByController
	case AgreementMissing, AgreementEnded, UndertakingMissing, CategoryNotAgreed, PurposeNotAgreed, AssociateMissing, MechanismMissing, SaleForbidden:
		return AgreeWithRecipient, ByController
	case ConfirmationMissing:
		return ConfirmPractices, ByController
	case SuccessionNotRecorded:
		return RecordSuccession, ByController
	case NoticeMissing:
		return NotifyPerson, ByController
	}
	return NoRemedy, ByNobody
}
