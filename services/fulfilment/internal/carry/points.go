package carry

// The points at which a process may die, for tests that make it.
const (
	PointVerificationAsked = "verification_asked"
	PointEntered           = "docket_entered"
	PointFrozen            = "consent_restricted"
	PointPlanned           = "before_manifest"
	PointLocated           = "located"
	PointPermitted         = "permitted"
	PointRefused           = "turn_refused"
	PointYielded           = "turn_yielded"
	PointPaused            = "turn_given_away"
	PointStarted           = "leaves_started"
	PointSuppressed        = "suppressed"
	PointAnnounced         = "changes_announced"
	PointErased            = "erased"
	PointVerifiedAbsent    = "absence_verified"
	PointPermitEnded       = "permit_ended"
	PointCompleted         = "leaves_completed"
	PointPackageBegun      = "package_begun"
	PointPackageWritten    = "package_written"
	PointOwnSuppressed     = "own_identifiers_suppressed"
	PointForgotten         = "subject_forgotten"
	PointUnfrozen          = "consent_told"
	PointDrafted           = "notice_drafted"
	PointLeft              = "docket_left"
	PointKeyDestroyed      = "key_destroyed"
	PointPackageExpired    = "package_deleted"
	PointNeedGranted       = "need_granted"
	PointNeedEnded         = "need_ended"
)

// CasePoints lists those that only a request with staff comes to.
func CasePoints() []string { return []string{PointNeedGranted, PointNeedEnded} }

// Points lists all others.
func Points() []string {
	return []string{
		PointVerificationAsked, PointEntered, PointFrozen, PointPlanned, PointLocated, PointPermitted,
		PointRefused, PointYielded, PointPaused, PointStarted,
		PointSuppressed, PointAnnounced, PointErased, PointVerifiedAbsent, PointPermitEnded, PointCompleted, PointPackageBegun,
		PointPackageWritten, PointOwnSuppressed, PointForgotten, PointUnfrozen, PointDrafted, PointLeft, PointKeyDestroyed, PointPackageExpired,
	}
}
