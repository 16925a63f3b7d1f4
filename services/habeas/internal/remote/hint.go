package remote

// hint is what is wrong by a reason code: the field of the request, if it is
// one, and what the caller can do about it.
type hint struct{ field, advice string }

// hints are for the reasons that a caller can do something about.
func hints(reason string) hint {
	switch reason {
	case "EVIDENCE_REQUIRED":
		return hint{"evidence", "give --evidence: the hash of the text that the person saw, or a reference to evidence"}
	case "PURPOSE_NOT_DESCRIBED":
		return hint{"purpose", "name a purpose that the policy describes; `habeas policy show POLICY` prints it"}
	case "CATEGORY_UNKNOWN":
		return hint{"category", "name a category that a posted policy names; `habeas policy show POLICY` prints it"}
	case "CATEGORY_NOT_OFFERED":
		return hint{"category", "offer it to the person first: `habeas consent record --decision offered`"}
	case "IMPLIED_AFTER_REFUSAL":
		return hint{"expression", "the person has refused: only an explicit act changes that; leave out --implied"}
	case "ACCOUNT_CLOSED", "PERSON_ERASED", "SUBJECT_FORGOTTEN":
		return hint{"subject_ref", "nothing more can be recorded of this person"}
	case "VERSION_NOT_POSTED", "POLICY_NOT_IN_FORCE":
		return hint{"policy", "post the version first: `habeas policy post`; `habeas policy list` shows which are"}
	case "POLICY_REQUIRED":
		return hint{"policy", "name one with --policy; `habeas policy list` shows them"}
	case "VERSION_IMMUTABLE", "VERSION_NOT_CONSECUTIVE":
		return hint{"document", "give the document the next version; `habeas policy list` shows the last"}
	case "TEXT_HASH_MISMATCH":
		return hint{"text_hash", "post the very text whose hash the document names"}
	case "ALREADY_POSTED", "POSTED_OUT_OF_ORDER":
		return hint{"posted_at", "`habeas policy list` shows what is posted, and when"}
	case "REQUEST_ALREADY_STARTED":
		return hint{"request", "it can't be withdrawn any more; `habeas request explain` shows how far it is"}
	case "CANCEL_CODE_WRONG":
		return hint{"code", "type the number and the code as the message about the request has them"}
	case "REQUEST_CLOSED", "NOTHING_TO_RETRY", "VERIFICATION_NOT_OPEN":
		return hint{"request", "`habeas request explain` shows where it stands"}
	case "SEPARATION_OF_DUTIES", "APPROVER_DUTY_REQUIRED":
		return hint{"", "`habeas request case` shows who does what; nobody has two duties for one request"}
	case "MANIFEST_CHANGED":
		return hint{"manifest_digest", "look at the manifest as it stands: `habeas request get`, `habeas request case`"}
	case "APPROVAL_NOT_AWAITED":
		return hint{"request", "`habeas request case` shows how the approval stands"}
	case "UNDERTAKING_REQUIRED":
		return hint{"", "a data protection officer records one: `habeas staff undertake`"}
	case "NEED_REQUIRED":
		return hint{"", "a duty for the request gives one, `habeas request assign`, or an officer: `habeas staff grant`"}
	case "TENANT_SETTINGS_UNUSABLE":
		return hint{"", "`habeas settings show` shows the time zone and the calendar that deadlines are counted by; `habeas settings set` corrects them"}
	case "PROVIDER_NOT_CONFIGURED":
		return hint{"id_token", "hand in a code, or set the provider of the tenant's settings"}
	case "PROVIDER_LEVEL_TWICE", "PROVIDER_LEVEL_OF_METHOD":
		return hint{"settings.provider.levels", "name each value once, and level 4 for values of acr alone"}
	case "HOLDS_STAND":
		return hint{"tenant", "`habeas hold list SUBJECT` shows the holds of a person; each has to be released first"}
	case "REQUESTS_OPEN":
		return hint{"tenant", "`habeas request list` shows which; each has to end first"}
	case "POLICY_LEVEL_TWICE":
		return hint{"settings.assurance.policies", "name each policy once"}
	case "VERIFICATION_NOT_NEEDED", "VERIFICATIONS_TOO_MANY":
		return hint{"request", "`habeas request explain` shows what was proven, and what would do"}
	case "CHANNELS_TOO_YOUNG":
		return hint{"request", "no code can prove more yet: a sign-in would, or a check by staff, `habeas request verify REQUEST --staff-check`"}
	case "PERSON_ON_HOLD":
		return hint{"subject_ref", "`habeas hold list SUBJECT` shows what binds"}
	case "IDENTIFIER_IS_LAST":
		return hint{"identifier", "link another one first: a person needs one"}
	case "IDENTIFIER_NOT_HELD":
		return hint{"identifier", "`habeas subject show` says by what kinds the person is known"}
	}
	return ofAnother(reason)
}

// ofAnother are for the reasons for which somebody else has to act, or has to
// act first: no other token of the same person helps.
func ofAnother(reason string) hint {
	switch reason {
	case "SECOND_PERSON_REQUIRED":
		return hint{"", "somebody else has to: with their own token, and a step-up"}
	case "CONFIRMER_IS_AUTHOR":
		return hint{"", "somebody else confirms them, with their own token and a step-up; or wait, `habeas settings show` says until when"}
	case "SETTINGS_WAIT", "NO_SETTINGS_WAIT":
		return hint{"", "`habeas settings show` shows what waits; `habeas settings confirm` or `habeas settings withdraw` ends that"}
	case "REVIEWER_INVOLVED":
		return hint{"", "somebody has to who neither asked nor granted; `habeas breakglass show` says by whom it was"}
	case "REVIEW_OVERDUE":
		return hint{"", "a third person reviews it first: `habeas breakglass list` shows which, then `habeas breakglass review`"}
	case "GROUND_NOT_ALLOWED":
		return hint{"ground", "name a ground of a policy that is in force; `habeas policy show POLICY` prints them"}
	case "GROUND_NEEDS_DOCUMENT":
		return hint{"document", "give --document: the number of the document that demands it"}
	case "GROUND_NEEDS_IMMINENCE":
		return hint{"imminent", "the ground is for what is imminent: --imminent says that it is"}
	case "GROUND_NEEDS_CATEGORIES":
		return hint{"categories", "name with --category what is needed"}
	case "BREAK_GLASS_TOO_OLD", "BREAK_GLASS_NOT_SO_FAR", "BREAK_GLASS_CLOSED":
		return hint{"", "`habeas breakglass show` says how far it is; ask anew if it is over"}
	case "OWN_REQUEST":
		return hint{"", "whoever took the request in does not check the person: somebody else has to"}
	}
	return hint{}
}
