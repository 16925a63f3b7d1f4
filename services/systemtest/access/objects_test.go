package access_test

import (
	"slices"
	"testing"
)

// question is who asks, and what, by the text of the request: %s is the id of
// the object that the question is about.
type question [2]string

const (
	subject = `subject_ref: "%s" `
	change  = `request_id: "11111111-2222-4333-8444-555555555555" `
	atNow   = `{seconds: 1767225600}`
	later   = `{seconds: 1893456000}`
	nothing = `"` + unknown + `"`
	nobody  = `"yyyyyyyyyyyyyyyyyyyyyyyyyy"`
	shopper = `policy: "` + policy + `" `
)

// objects are questions about one object each, by kind of object.
func objects() map[string]map[string]question {
	return map[string]map[string]question{
		"subject": subjectQuestions(),
		"request": requestQuestions(),
		"policy": {
			"habeas.consent.v1.PolicyService.GetPolicy":        {"dpo", `policy: "%s"`},
			"habeas.consent.v1.PolicyService.DiffPolicy":       {"dpo", `policy: "%s"`},
			"habeas.consent.v1.PolicyService.PostPolicy":       {"dpo", change + `policy: "%s" version: 1 text_hash: "` + hash + `" posted_at: ` + atNow},
			"habeas.retention.v1.RetentionService.GetSchedule": {"dpo", `policy: "%s"`},
		},
		"system": {
			"habeas.fulfilment.v1.SystemService.GetSystem":    {"dpo", `system: "%s"`},
			"habeas.fulfilment.v1.SystemService.CheckSystem":  {"dpo", `system: "%s"`},
			"habeas.fulfilment.v1.SystemService.RetireSystem": {"dpo", change + `system: "%s" reason: "ended"`},
		},
		"recipient": {
			"habeas.consent.v1.RecipientService.GetRecipient":     {"dpo", `recipient: "%s"`},
			"habeas.consent.v1.RecipientService.RecordAgreement":  {"dpo", change + `recipient: "%s" agreement: {consideration: CONSIDERATION_NONE from: ` + atNow + ` document: "c:1"}`},
			"habeas.consent.v1.RecipientService.ConfirmPractices": {"dpo", change + `recipient: "%s" confirmed_at: ` + atNow},
			"habeas.consent.v1.RecipientService.EndAgreement":     {"dpo", change + `recipient: "%s" reason: "over"`},
			"habeas.consent.v1.RecipientService.RecordSuccession": {"dpo", change + `recipient: "%s" event: "merger:1" from: ` + atNow},
		},
		"import": {
			"habeas.consent.v1.ImportService.GetImport":       {"dpo", `import: "%s"`},
			"habeas.consent.v1.ImportService.ListRefusedRows": {"dpo", `import: "%s"`},
		},
		"statistic": {
			"habeas.consent.v1.StatisticService.GetStatistic":     {"dpo", `statistic: "%s"`},
			"habeas.consent.v1.StatisticService.ReleaseStatistic": {"dpo", change + shopper + `statistic: "%s" purpose: "aggregate.share" category: "aggregate.usage"`},
		},
		"plan": {
			"habeas.retention.v1.ConversationService.GetMessagePlan":   {"dpo", `plan: "%s"`},
			"habeas.retention.v1.ConversationService.OpenConversation": {"product", change + `plan: "%s" participants: ` + nobody},
		},
		"conversation": conversationQuestions(),
		"agent": {
			"habeas.identity.v1.AgentService.GetAgent":       {"dpo", `agent: "%s"`},
			"habeas.identity.v1.AgentService.SuspendAgent":   {"dpo", change + `agent: "%s" reason: "complaints"`},
			"habeas.identity.v1.AgentService.ReinstateAgent": {"dpo", change + `agent: "%s"`},
			"habeas.identity.v1.AgentService.RemoveAgent":    {"dpo", change + `agent: "%s" reason: "ended"`},
		},
		"grant": {
			"habeas.identity.v1.BreakGlassService.GetBreakGlass":     {"dpo", `break_glass: "%s"`},
			"habeas.identity.v1.BreakGlassService.GrantBreakGlass":   {"dpo", change + `break_glass: "%s"`},
			"habeas.identity.v1.BreakGlassService.DeclineBreakGlass": {"dpo", change + `break_glass: "%s" reason: "not_needed"`},
			"habeas.identity.v1.BreakGlassService.ReviewBreakGlass":  {"dpo", change + `break_glass: "%s" outcome: BREAK_GLASS_OUTCOME_JUSTIFIED reason: "as_stated"`},
			"habeas.identity.v1.BreakGlassService.CloseBreakGlass":   {"dpo", change + `break_glass: "%s"`},
		},
		"account": {
			"habeas.retention.v1.StorageService.GetAccount":   {"dpo", `account: "%s"`},
			"habeas.retention.v1.StorageService.CloseAccount": {"dpo", change + `account: "%s"`},
		},
		"staff": {
			"habeas.identity.v1.StaffService.EndUndertaking": {"dpo", change + `staff: "%s"`},
		},
		"identifier": {
			"habeas.identity.v1.SubjectService.ResolveSubject": {"dpo", `identifier: {kind: IDENTIFIER_KIND_EMAIL value: "%s"}`},
		},
	}
}

// hash is the digest of a text that nobody has posted.
const hash = "0000000000000000000000000000000000000000000000000000000000000000"

func conversationQuestions() map[string]question {
	return map[string]question{
		"habeas.retention.v1.ConversationService.GetConversation":      {"dpo", `conversation: "%s"`},
		"habeas.retention.v1.ConversationService.EnterPeriod":          {"service:identity", `conversation: "%s"`},
		"habeas.retention.v1.ConversationService.AddParticipants":      {"product", change + `conversation: "%s" participants: ` + nobody},
		"habeas.retention.v1.ConversationService.CloseConversation":    {"product", change + `conversation: "%s"`},
		"habeas.retention.v1.ConversationService.HandOverPeriod":       {"product", change + `conversation: "%s" period: 7 digest: "` + hash + `"`},
		"habeas.retention.v1.ConversationService.RecordArchiveReceipt": {"holder", change + `conversation: "%s" period: 7 digest: "` + hash + `" signature: "` + hash + `"`},
	}
}

func subjectQuestions() map[string]question {
	return map[string]question{
		"habeas.identity.v1.SubjectService.GetSubject":                 {"dpo", subject},
		"habeas.identity.v1.SubjectService.ListIdentifiers":            {"verifier", subject},
		"habeas.identity.v1.SubjectService.UnlinkIdentifier":           {"product", change + subject + `identifier: {kind: IDENTIFIER_KIND_EMAIL value: "nobody@example.org"}`},
		"habeas.identity.v1.SubjectService.LinkIdentifier":             {"product", change + subject + `identifier: {kind: IDENTIFIER_KIND_EMAIL value: "more@example.org"}`},
		"habeas.identity.v1.SubjectService.ForgetSubject":              {"service:fulfilment", change + subject + `request: ` + nothing},
		"habeas.identity.v1.SubjectService.FixIdentifiers":             {"service:fulfilment", change + subject + `request: ` + nothing},
		"habeas.identity.v1.SubjectService.RecordTouch":                {"service:fulfilment", change + subject + `kind: TOUCH_KIND_PACKAGE reference: ` + nothing},
		"habeas.identity.v1.MergeService.ListMerges":                   {"dpo", subject},
		"habeas.identity.v1.MergeService.SignUp":                       {"product", change + subject + `anonymous_ref: ` + nobody},
		"habeas.identity.v1.MergeService.MergeSubjects":                {"verifier", change + subject + `evidence: "ticket:1" other_ref: ` + nobody},
		"habeas.identity.v1.MergeService.UnmergeSubjects":              {"verifier", change + subject + `reason: "wrong_person" merge: ` + nothing},
		"habeas.identity.v1.AgeService.GetAgeStatus":                   {"dpo", subject},
		"habeas.identity.v1.AgeService.RecordAge":                      {"verifier", change + subject + `source: AGE_SOURCE_STATED birth_date: "1980-01-01" evidence: "form:1"`},
		"habeas.identity.v1.AgeService.RecordMandate":                  {"verifier", change + subject + `mandate: {kind: 1 evidence: "court:1"}`},
		"habeas.identity.v1.AgeService.EndMandate":                     {"verifier", change + subject},
		"habeas.identity.v1.AgeService.RecordParentalConsent":          {"verifier", change + subject + `consent: {method: 1 evidence: "form:1"}`},
		"habeas.identity.v1.AgeService.WithdrawParentalConsent":        {"verifier", change + subject},
		"habeas.consent.v1.ConsentService.ListDecisions":               {"dpo", subject},
		"habeas.consent.v1.ConsentService.GetConsentState":             {"dpo", subject},
		"habeas.consent.v1.DisclosureService.ListDisclosures":          {"dpo", subject},
		"habeas.consent.v1.DisclosureService.ListAccounting":           {"dpo", subject},
		"habeas.consent.v1.DisclosureService.ListRecipientsOf":         {"dpo", subject},
		"habeas.consent.v1.DisclosureService.ListMarketingDisclosures": {"dpo", subject + shopper},
		"habeas.consent.v1.ConsentService.WithdrawAll":                 {"product", change + subject + `decided_at: ` + atNow},
		"habeas.consent.v1.ConsentService.RevokeSource":                {"product", change + subject + shopper + `provider: "mailer" revoked_at: ` + atNow},
		"habeas.retention.v1.RetentionService.GetPerson":               {"dpo", subject},
		"habeas.retention.v1.StorageService.ListClocks":                {"dpo", subject},
		"habeas.retention.v1.ConversationService.ListConversations":    {"dpo", subject},
		"habeas.retention.v1.RetentionService.PlaceHold":               {"dpo", change + subject + `ground: "litigation" authority: "court" review_at: ` + later},
		"habeas.retention.v1.RetentionService.ReviewHold":              {"dpo", change + subject + `review_at: ` + later + ` hold: ` + nothing},
		"habeas.retention.v1.RetentionService.ReleaseHold":             {"dpo", change + subject + `hold: ` + nothing},
		"habeas.retention.v1.RetentionService.RequestPermit":           {"service:fulfilment", change + subject + shopper + `system: "shop" request: ` + nothing},
		"habeas.retention.v1.RetentionService.EndPermit":               {"service:fulfilment", change + subject + `permit: ` + nothing},
		"habeas.consent.v1.ConsentService.ApplyFact":                   {"service:fulfilment", change + subject + `fact: FACT_RESTRICTED cause: ` + nothing},
		"habeas.consent.v1.ConsentService.ListRefusals":                {"service:fulfilment", subject},
		"habeas.consent.v1.ConsentService.ApplyRefusals":               {"service:fulfilment", change + subject + `refusals: {policy: "caseworks" purpose: "trends.track" channel: "email" refused_on: "2020-01-02"}`},
		"habeas.identity.v1.VerificationService.StartVerification":     {"service:fulfilment", change + subject + `request: ` + nothing},
		"habeas.identity.v1.AgeService.CheckActing":                    {"service:consent", subject + `reference: "form:7"`},
	}
}

func requestQuestions() map[string]question {
	return map[string]question{
		"habeas.fulfilment.v1.RequestService.GetRequest":         {"agent", `request: "%s"`},
		"habeas.fulfilment.v1.RequestService.ExplainRequest":     {"agent", `request: "%s"`},
		"habeas.fulfilment.v1.RequestService.WatchRequest":       {"agent", `request: "%s"`},
		"habeas.fulfilment.v1.RequestService.DownloadPackage":    {"agent", `request: "%s"`},
		"habeas.fulfilment.v1.RequestService.VerifyRequest":      {"intake", change + `request: "%s" code: "00000000"`},
		"habeas.fulfilment.v1.RequestService.RenewVerification":  {"intake", change + `request: "%s"`},
		"habeas.fulfilment.v1.RequestService.RetryRequest":       {"dpo", change + `request: "%s"`},
		"habeas.fulfilment.v1.RequestService.WithdrawRequest":    {"intake", change + `request: "%s"`},
		"habeas.fulfilment.v1.RequestService.CancelRequest":      {"intake", change + `request: "%s" code: "00000000" reason: CANCEL_REASON_NOT_ME`},
		"habeas.fulfilment.v1.CaseService.GetCase":               {"dpo", `request: "%s"`},
		"habeas.fulfilment.v1.CaseService.AssignRequest":         {"dpo", change + `request: "%s" duty: DUTY_FULFILLER staff: "agent-1"`},
		"habeas.fulfilment.v1.CaseService.RejectRequest":         {"dpo", change + `request: "%s" rejection: {ground: "manifestly_excessive" evidence: "e-1" statement: "no"}`},
		"habeas.fulfilment.v1.CaseService.ReopenRequest":         {"dpo", change + `request: "%s" reason: "complaint_upheld"`},
		"habeas.fulfilment.v1.ControllerService.NameController":  {"dpo", change + `request: "%s" controller: "acme"`},
		"habeas.fulfilment.v1.ControllerService.InstructRequest": {"controller", change + `request: "%s" instruction: INSTRUCTION_CARRY_OUT`},
		"habeas.fulfilment.v1.CaseService.UnassignRequest":       {"dpo", change + `request: "%s" duty: DUTY_FULFILLER`},
	}
}

// objectless are the methods that nothing can be asked of in this way, and why.
func objectless() map[string][]string {
	return map[string][]string{
		"they speak of the tenant of the call alone": {
			"habeas.consent.v1.PolicyService.ListPolicies", "habeas.fulfilment.v1.RequestService.ListRequests",
			"habeas.fulfilment.v1.ControllerService.ListControllers", "habeas.fulfilment.v1.ControllerService.EndController",
			"habeas.fulfilment.v1.SystemService.ListSystems", "habeas.identity.v1.AgentService.ListAgents",
			"habeas.identity.v1.BreakGlassService.ListBreakGlass",
			"habeas.retention.v1.ComplianceService.ScheduleReview", "habeas.retention.v1.ComplianceService.CompleteReview",
			"habeas.retention.v1.ComplianceService.ListReviews",
			"habeas.retention.v1.RetentionService.CountHolds", "habeas.fulfilment.v1.RequestService.CountOpenRequests",
			"habeas.identity.v1.SettingsService.ConfirmSettings", "habeas.identity.v1.SettingsService.WithdrawSettings",
			"habeas.identity.v1.SettingsService.UpdateSettings", "habeas.identity.v1.SettingsService.GetSettings",
			"habeas.identity.v1.TenantService.GetTenant", "habeas.identity.v1.TenantService.OffboardTenant",
			"habeas.identity.v1.TenantService.ApproveOffboarding", "habeas.identity.v1.TenantService.CancelOffboarding",
			"habeas.identity.v1.KeyService.GetDigestKeys", "habeas.identity.v1.KeyService.FollowDrops",
			"habeas.consent.v1.AnswerService.Watch",
		},
		"they make something new in the tenant of the call": {
			"habeas.consent.v1.PolicyService.PublishPolicy", "habeas.fulfilment.v1.RequestService.SubmitRequest",
			"habeas.fulfilment.v1.ControllerService.RegisterController",
			"habeas.fulfilment.v1.SystemService.RegisterSystem", "habeas.identity.v1.AgentService.CreateAgent",
			"habeas.identity.v1.SubjectService.RegisterSubject", "habeas.identity.v1.TenantService.CreateTenant",
			"habeas.identity.v1.StaffService.RecordUndertaking", "habeas.identity.v1.StaffService.GrantNeed",
			"habeas.retention.v1.RetentionService.PutSchedule", "habeas.retention.v1.ConversationService.PutMessagePlan", "habeas.retention.v1.StorageService.OpenAccount", "habeas.consent.v1.RecipientService.PutRecipient",
			"habeas.consent.v1.DisclosureService.RecordNotice",
			"habeas.consent.v1.StatisticService.RecordCounts", "habeas.consent.v1.StatisticService.RecordDetermination",
			"habeas.identity.v1.SubjectService.EnrolSubjects", "habeas.consent.v1.ImportService.ImportDecisions",
		},
		"they need a policy of the caller's own, and name the person to it": {
			"habeas.consent.v1.ConsentService.RecordDecision", "habeas.consent.v1.ConsentService.AcceptPolicy",
			"habeas.consent.v1.ConsentService.ApplySignal", "habeas.consent.v1.ConsentService.Check",
			"habeas.consent.v1.ConsentService.BatchCheck", "habeas.consent.v1.AnswerService.Explain",
			"habeas.consent.v1.AnswerService.CheckByIdentifier", "habeas.retention.v1.RetentionService.Evaluate",
			"habeas.consent.v1.ConsentService.AuthorizeSource", "habeas.consent.v1.ConsentService.InvalidateConsent",
			"habeas.consent.v1.ConsentService.GetConsentReceipt", "habeas.consent.v1.ConsentService.GetWithdrawalParity",
			"habeas.consent.v1.DisclosureService.Disclose", "habeas.identity.v1.BreakGlassService.AskBreakGlass",
			"habeas.consent.v1.UnsubscribeService.PrepareMessage", "habeas.retention.v1.StorageService.RecordStorageEvents",
		},
		"their names are digests, or keys, under a secret of the tenant of the call": {
			"habeas.consent.v1.UnsubscribeService.Unsubscribe", "habeas.identity.v1.KeyService.GetKeys", "habeas.identity.v1.KeyService.GetMessageKey", "habeas.identity.v1.KeyService.DestroyKeys",
			"habeas.identity.v1.SuppressionService.Suppress", "habeas.identity.v1.SuppressionService.CheckSuppressed",
			"habeas.identity.v1.SuppressionService.KeepRefusals",
		},
		"they answer the same about whom they don't know": {
			"habeas.identity.v1.StaffService.GetStaff", "habeas.identity.v1.StaffService.EndNeed", "habeas.identity.v1.StaffService.CheckStaff",
		},
		"they need a signature, a digest or a proof of what they name": {
			"habeas.identity.v1.AgentService.RotateAgentKey", "habeas.identity.v1.AgentService.UseMandate", "habeas.identity.v1.AgentService.GetMandate",
			"habeas.identity.v1.VerificationService.CheckCode", "habeas.identity.v1.VerificationService.GetVerification",
			"habeas.identity.v1.CheckService.RecordCheck", "habeas.fulfilment.v1.RequestService.CheckPerson",
			"habeas.fulfilment.v1.CaseService.ApproveRequest", "habeas.fulfilment.v1.CaseService.DeclineApproval",
			"habeas.fulfilment.v1.AgentRequestService.SubmitAgentRequest", "habeas.fulfilment.v1.AgentRequestService.GetAgentRequest",
			"habeas.fulfilment.v1.AgentRequestService.RevokeAgent",
		},
	}
}

// TestEveryMethodIsAskedForAnotherTenantsObject holds the list: a method is asked
// above, or it is written down why not. A new one has to get a line.
func TestEveryMethodIsAskedForAnotherTenantsObject(t *testing.T) {
	lines := map[string]int{}
	for _, methods := range objects() {
		for name := range methods {
			lines[name]++
		}
	}
	for _, methods := range objectless() {
		for _, name := range methods {
			lines[name]++
		}
	}
	for _, service := range services() {
		for i := range service.Methods().Len() {
			name := string(service.Methods().Get(i).FullName())
			if lines[name] != 1 {
				t.Errorf("%s has %d lines, want one", name, lines[name])
			}
			delete(lines, name)
		}
	}
	var gone []string
	for name := range lines {
		gone = append(gone, name)
	}
	if slices.Sort(gone); len(gone) > 0 {
		t.Errorf("no such methods: %v", gone)
	}
}
