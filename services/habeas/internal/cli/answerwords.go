package cli

import (
	"maps"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
)

// reasonWords say what a reason means. A test holds them complete.
func reasonWords() map[consentv1.Reason]string {
	out := map[consentv1.Reason]string{
		consentv1.Reason_REASON_CONSENT_GIVEN:                "an explicit grant with evidence",
		consentv1.Reason_REASON_PURPOSE_DESCRIBED:            "the policy describes the purpose",
		consentv1.Reason_REASON_CONTRACT_NEEDS:               "the contract with the person needs it",
		consentv1.Reason_REASON_NOT_OPTED_OUT:                "a way out exists, and was not taken",
		consentv1.Reason_REASON_LEGAL_GROUND:                 "law, or a ground of the policy",
		consentv1.Reason_REASON_AGGREGATED:                   "it speaks of a group that is large enough",
		consentv1.Reason_REASON_POLICY_NOT_IN_FORCE:          "there is no such policy, or nothing of it was in force",
		consentv1.Reason_REASON_COLLECTED_IN_FUTURE:          "the data is said to be collected later than the question is about",
		consentv1.Reason_REASON_CATEGORIES_MISSING:           "no data is named",
		consentv1.Reason_REASON_ACTION_UNKNOWN:               "nobody knows that action",
		consentv1.Reason_REASON_CATEGORY_UNKNOWN:             "the policy names no such category",
		consentv1.Reason_REASON_PURPOSE_NOT_DESCRIBED:        "the policy describes no such purpose",
		consentv1.Reason_REASON_PURPOSE_NOT_FOR_CATEGORY:     "the purpose is described, and not for that data",
		consentv1.Reason_REASON_ACTION_NOT_FOR_PURPOSE:       "the purpose does not cover the action",
		consentv1.Reason_REASON_ACTION_NOT_FOR_GROUND:        "the ground does not cover the action",
		consentv1.Reason_REASON_CHANNEL_NOT_FOR_PURPOSE:      "the purpose does not cover the channel",
		consentv1.Reason_REASON_SOURCE_UNKNOWN:               "nobody says how the data came in",
		consentv1.Reason_REASON_SOURCE_NOT_COVERED:           "the policy accepts nothing that came in so",
		consentv1.Reason_REASON_SOURCE_NOT_FOR_PERSONAL_DATA: "what came in so may not be personal",
		consentv1.Reason_REASON_SOURCE_NOT_FOR_PURPOSE:       "what came in so serves other purposes",
		consentv1.Reason_REASON_SOURCE_NOT_OF_CATEGORY:       "data of that category does not come in so",
		consentv1.Reason_REASON_REGION_NOT_ALLOWED:           "the policy does not let data go there",
		consentv1.Reason_REASON_CONSENT_MISSING:              "the person has not said yes",
		consentv1.Reason_REASON_CONSENT_NOT_EXPLICIT:         "the yes was implied by use, and an explicit one is needed",
		consentv1.Reason_REASON_CONSENT_WITHOUT_EVIDENCE:     "nothing shows the yes",
		consentv1.Reason_REASON_CONSENT_REFUSED:              "the person said no",
		consentv1.Reason_REASON_CONSENT_WITHDRAWN:            "the person took the yes back",
		consentv1.Reason_REASON_CONSENT_EXPIRED:              "what was given has ended by its time",
		consentv1.Reason_REASON_CONSENT_INVALIDATED:          "what was given was made void by the controller",
		consentv1.Reason_REASON_CONSENT_DOES_NOT_COVER:       "the yes was for less than the purpose covers by now",
		consentv1.Reason_REASON_WAY_OUT_NOT_OFFERED:          "the way out was not offered yet",
		consentv1.Reason_REASON_OPTED_OUT:                    "the way out was taken",
		consentv1.Reason_REASON_CATEGORY_DECLINED:            "the person keeps that data",
		consentv1.Reason_REASON_PURPOSE_DECLINED:             "the person said no to a purpose that rests on no consent",
		consentv1.Reason_REASON_BASIS_UNKNOWN:                "the purpose rests on a basis that no rule knows",
		consentv1.Reason_REASON_GROUND_UNKNOWN:               "the policy has no such ground",
		consentv1.Reason_REASON_GROUND_NOT_RECORDED:          "a use on a ground needs its own record, which a question has not",
		consentv1.Reason_REASON_GROUND_RECORD_INCOMPLETE:     "the record lacks what the policy wants",
		consentv1.Reason_REASON_PERSON_RESTRICTED:            "a request has frozen the data",
		consentv1.Reason_REASON_ACCOUNT_CLOSED:               "the account is closed",
		consentv1.Reason_REASON_PERSON_ERASED:                "the person was erased",
		consentv1.Reason_REASON_PERSON_IS_MINOR:              "the policy does not serve the person at their age",
		consentv1.Reason_REASON_AGE_BELOW_MINIMUM:            "the age that was declared is below the minimum",
		consentv1.Reason_REASON_MESSAGE_MISSING:              "a message, and nobody says of which kind",
		consentv1.Reason_REASON_MESSAGE_UNKNOWN:              "the policy lists no message of that kind",
		consentv1.Reason_REASON_PURPOSE_NOT_OF_MESSAGE:       "messages of that kind are of another purpose",
		consentv1.Reason_REASON_CHANNEL_NOT_FOR_MESSAGE:      "messages of that kind do not go by the channel",
		consentv1.Reason_REASON_COHORT_TOO_SMALL:             "the group, or the rest, is too small",
		consentv1.Reason_REASON_FIGURES_NOT_COUNTED:          "figures leave by a release of a statistic, not by a question",
		consentv1.Reason_REASON_CATEGORY_WITHOUT_PURPOSE:     "no purpose of the policy needs that data",
		consentv1.Reason_REASON_TRANSFER_MECHANISM_INVALID:   "the law does not let that mechanism carry data there at that time",
		consentv1.Reason_REASON_RECIPIENT_MISSING:            "a disclosure without a recipient",
		consentv1.Reason_REASON_SHARING_OPTED_OUT:            "an honoured signal says not to share",
		consentv1.Reason_REASON_SHARING_NOT_OPTED_IN:         "sensitive data, and the person did not name the recipient",
		consentv1.Reason_REASON_SHARING_NOT_CONSENTED:        "the person did not name the recipient or its kind",
		consentv1.Reason_REASON_RECIPIENT_NOT_EXPECTED:       "a recipient of something that is no disclosure",
	}
	maps.Copy(out, sharingWords())
	return out
}

// sharingWords are those about who is to get data.
func sharingWords() map[consentv1.Reason]string {
	return map[consentv1.Reason]string{
		consentv1.Reason_REASON_RECIPIENT_UNKNOWN:                    "nobody knows the recipient",
		consentv1.Reason_REASON_RECIPIENT_KIND_NOT_LISTED:            "the policy lists no recipients of that kind",
		consentv1.Reason_REASON_CLIENT_INFORMATION:                   "it is about the organisation that is served",
		consentv1.Reason_REASON_SALE_FORBIDDEN:                       "something of value is given for it",
		consentv1.Reason_REASON_AGREEMENT_MISSING:                    "nothing is agreed with the recipient yet",
		consentv1.Reason_REASON_AGREEMENT_ENDED:                      "what was agreed has ended",
		consentv1.Reason_REASON_UNDERTAKING_MISSING:                  "the agreement lacks an undertaking",
		consentv1.Reason_REASON_CONFIRMATION_MISSING:                 "the practices of the recipient were not confirmed",
		consentv1.Reason_REASON_CATEGORY_NOT_IN_AGREEMENT:            "the agreement does not cover the data",
		consentv1.Reason_REASON_PURPOSE_NOT_IN_AGREEMENT:             "the agreement does not cover the purpose",
		consentv1.Reason_REASON_BUSINESS_ASSOCIATE_AGREEMENT_MISSING: "the data goes to business associates alone",
		consentv1.Reason_REASON_RECIPIENT_REGION_NOT_ALLOWED:         "the recipient keeps data where the policy does not let it go",
		consentv1.Reason_REASON_TRANSFER_MECHANISM_MISSING:           "nothing lets the data leave for where the recipient is",
		consentv1.Reason_REASON_SUCCESSION_NOT_RECORDED:              "no succession is recorded",
		consentv1.Reason_REASON_NOTICE_MISSING:                       "the person was not told who will be the controller",
		consentv1.Reason_REASON_COMBINATION_FORBIDDEN:                "together with what the recipient holds it would identify the person",
		consentv1.Reason_REASON_SOURCE_NOT_AUTHORIZED:                "the person authorised no import from that provider",
		consentv1.Reason_REASON_SCOPE_NOT_AUTHORIZED:                 "the person did not authorise that part of the account",
		consentv1.Reason_REASON_UNSUBSCRIBE_REQUIRED:                 "a periodic message has to say how to stop them, and a question alone sends none",
	}
}

// versionWords say why a version decided.
func versionWords() map[consentv1.VersionGround]string {
	return map[consentv1.VersionGround]string{
		consentv1.VersionGround_VERSION_GROUND_ONLY:               "no other one is in force",
		consentv1.VersionGround_VERSION_GROUND_COLLECTION:         "it was in force when the data was collected",
		consentv1.VersionGround_VERSION_GROUND_COLLECTION_UNKNOWN: "nobody says when the data was collected, so the oldest has a say too",
		consentv1.VersionGround_VERSION_GROUND_ACCEPTED:           "the person has accepted it",
		consentv1.VersionGround_VERSION_GROUND_CAME:               "the person came under it, and has accepted no later one",
		consentv1.VersionGround_VERSION_GROUND_GRANTED:            "the person has granted the purpose under it",
		consentv1.VersionGround_VERSION_GROUND_NARROWS:            "it is later than the one that binds, and narrower",
	}
}

// ruleWords say by which rule promises that pull apart were brought together.
func ruleWords() map[consentv1.ConflictRule]string {
	return map[consentv1.ConflictRule]string{
		consentv1.ConflictRule_CONFLICT_RULE_CONSENT_BEFORE_WAY_OUT:   "registration and sensitive data always need consent; the way out is for the rest",
		consentv1.ConflictRule_CONFLICT_RULE_LIST_BOUNDS_CONSENT:      "the list of uses is the outer bound, whatever anybody agreed to",
		consentv1.ConflictRule_CONFLICT_RULE_LIST_AND_CONSENT:         "the list of uses is the ceiling, and explicit consent the condition",
		consentv1.ConflictRule_CONFLICT_RULE_GROUND_EXCEPTS:           "a ground is the only exception from consent",
		consentv1.ConflictRule_CONFLICT_RULE_UNTIL_ACCEPTED:           "an older version decides until the person accepts the newer one",
		consentv1.ConflictRule_CONFLICT_RULE_COLLECTION_DECIDES:       "data is judged by the version under which it was collected",
		consentv1.ConflictRule_CONFLICT_RULE_IMPLIED_IS_NO_PERMISSION: "implied consent never suffices where the policy asks",
		consentv1.ConflictRule_CONFLICT_RULE_AGREEMENT_AND_CONSENT:    "instruction and agreement come in addition to consent",
		consentv1.ConflictRule_CONFLICT_RULE_APART:                    "what must stay apart comes together only for who hosts, or where law demands",
		consentv1.ConflictRule_CONFLICT_RULE_UNKNOWN_IS_UNCOVERED:     "what nobody knows how it came in is not covered",
		consentv1.ConflictRule_CONFLICT_RULE_PROTECTION_FIRST:         "what protects the person stands before what the policy allows",
	}
}

// remedyWords say what would make a no a yes.
func remedyWords() map[consentv1.Remedy]string {
	return map[consentv1.Remedy]string{
		consentv1.Remedy_REMEDY_NONE:                 "nothing makes it a yes",
		consentv1.Remedy_REMEDY_CORRECT_QUESTION:     "ask another question: the data, the source, the recipient, the message, the moment",
		consentv1.Remedy_REMEDY_DESCRIBE_IN_POLICY:   "publish a version that describes it, for data that is collected from then on",
		consentv1.Remedy_REMEDY_POST_POLICY:          "publish and post a version",
		consentv1.Remedy_REMEDY_GRANT_PURPOSE:        "give explicit consent to the purpose, with evidence",
		consentv1.Remedy_REMEDY_RECORD_EVIDENCE:      "record the evidence of the consent",
		consentv1.Remedy_REMEDY_OFFER_WAY_OUT:        "offer the way out",
		consentv1.Remedy_REMEDY_GIVE_CATEGORY:        "give that data after all",
		consentv1.Remedy_REMEDY_RECORD_GROUND:        "record the use on the ground, with every field that it wants",
		consentv1.Remedy_REMEDY_END_RESTRICTION:      "end the requests that restrict",
		consentv1.Remedy_REMEDY_COME_OF_AGE:          "come of age",
		consentv1.Remedy_REMEDY_ENLARGE_GROUP:        "speak of a larger group",
		consentv1.Remedy_REMEDY_NAME_RECIPIENT:       "name the recipient, or its kind, in the consent",
		consentv1.Remedy_REMEDY_REGISTER_RECIPIENT:   "register the recipient",
		consentv1.Remedy_REMEDY_AGREE_WITH_RECIPIENT: "record an agreement with the recipient that covers it",
		consentv1.Remedy_REMEDY_CONFIRM_PRACTICES:    "confirm the practices of the recipient",
		consentv1.Remedy_REMEDY_RECORD_SUCCESSION:    "record the succession",
		consentv1.Remedy_REMEDY_NOTIFY_PERSON:        "tell the person who will be the controller",
		consentv1.Remedy_REMEDY_AUTHORIZE_SOURCE:     "authorise the provider and the part of the account",
		consentv1.Remedy_REMEDY_PREPARE_MESSAGE:      "send it by PrepareMessage, with the token in the message",
	}
}

// actorWords say who can make a no a yes.
func actorWords() map[consentv1.RemedyActor]string {
	return map[consentv1.RemedyActor]string{
		consentv1.RemedyActor_REMEDY_ACTOR_NOBODY:     "nobody",
		consentv1.RemedyActor_REMEDY_ACTOR_PERSON:     "the person",
		consentv1.RemedyActor_REMEDY_ACTOR_CALLER:     "whoever asks",
		consentv1.RemedyActor_REMEDY_ACTOR_CONTROLLER: "whoever answers for the policy",
	}
}
