package conformance_test

import "testing"

// news are messages about releases, patches and updates, by any channel.
func news() (out []ask) {
	for _, kind := range []string{"release.announced", "patch.announced", "update.announced"} {
		for channel, category := range map[string]string{"email": "personal.email", "sms": "personal.mobile_phone", "push": "personal.mobile_phone", "voice": "personal.mobile_phone"} {
			out = append(out, ask{purpose: "mail.updates", category: category, source: "registration", channel: channel, message: kind})
		}
	}
	return out
}

// newsWithPermission shows PT-11: what tells of a release, a patch or an update goes
// out on no channel before the person has said yes, and after they took it back. The
// kind of the message says what it is for: by mail about the service, and as a notice
// of danger, the same kind is refused whatever the person said, and so is a message
// of no kind, or of one that the policy does not list.
func newsWithPermission(_ *testing.T, w *world) {
	p, twin := w.stranger(personnelTenant, personnelTenant), w.stranger(personnelTenant, personnelTenant)
	says := func(when, want string, yes bool) {
		w.Helper()
		for _, a := range news() {
			w.expect(when+": "+a.message+" by "+a.channel, p.answers([]ask{a})[0], yes, want)
			detour := ask{purpose: "mail.service", category: "personal.email", source: "registration", channel: "email", message: a.message}
			p.denied(when+": "+a.message+" as mail about the service", detour, "PURPOSE_NOT_OF_MESSAGE")
			detour.purpose = "notice.safety"
			p.denied(when+": "+a.message+" as a notice of danger", detour, "PURPOSE_NOT_OF_MESSAGE")
			a.message = ""
			if kindless := p.answers([]ask{a})[0]; kindless.GetAllowed() || yes && kindless.GetReason() != "MESSAGE_MISSING" {
				w.Errorf("%s: of no kind, by %s: %v", when, a.channel, kindless)
			}
			a.message = "prize.won"
			if unknown := p.answers([]ask{a})[0]; unknown.GetAllowed() || yes && unknown.GetReason() != "MESSAGE_UNKNOWN" {
				w.Errorf("%s: of an unknown kind, by %s: %v", when, a.channel, unknown)
			}
		}
	}
	says("undecided", "CONSENT_MISSING", false)
	p.decides(act{purpose: "mail.updates", decision: "given", implied: true})
	says("implied", "CONSENT_NOT_EXPLICIT", false)
	p.grants("mail.updates")
	says("granted", "CONSENT_GIVEN", true)
	twin.denied("the twin, who said nothing", news()[0], "CONSENT_MISSING")
	p.decides(act{purpose: "mail.updates", decision: "withdrawn"})
	says("withdrawn", "CONSENT_WITHDRAWN", false)
	account := ask{purpose: "mail.service", category: "personal.email", source: "registration", channel: "email", message: "account.notice"}
	p.allowed("about the account, withdrawn", account, "CONTRACT_NEEDS")
	account.message = ""
	p.denied("about the account, of no kind", account, "MESSAGE_MISSING")
	detour := account
	detour.message = "release.announced"
	const release = "{id: release.announced, title: A new release, purpose: "
	moved := w.tenantOf(personnelTenant, change{release + "mail.updates", release + "mail.service"})
	w.stranger(moved, personnelTenant).allowed("a release, were its kind one about the service", detour, "CONTRACT_NEEDS")
	var lists []change
	for _, kind := range []string{
		`account.notice, title: "About the person's own account", purpose: mail.service, clause: PT-07, house: true`,
		`service.notice, title: "About the service that the person uses, such as an interruption", purpose: mail.service, clause: PT-07, house: true`,
		"release.announced, title: A new release, purpose: mail.updates, clause: PT-11",
		"patch.announced, title: A patch, purpose: mail.updates, clause: PT-11",
		"update.announced, title: An update, purpose: mail.updates, clause: PT-11",
		"breach.notice, title: A breach that concerns the person, purpose: notice.safety, clause: PT-07, house: true",
		"danger.notice, title: An urgent danger, purpose: notice.safety, clause: PT-07, house: true",
	} {
		lists = append(lists, change{"  - {id: " + kind + "}\n", ""})
	}
	lists = append(lists, change{"messages: # a message is of the purpose of its kind\n", ""})
	w.stranger(w.tenantOf(personnelTenant, lists...), personnelTenant).allowed("a release as mail about the service, were no kinds listed", detour, "CONTRACT_NEEDS")
}
