package local

import (
	"cmp"
	"net/url"
	"strings"

	"habeas.internal/services/consent/consentd"
	"habeas.internal/services/fulfilment/fulfilmentd"
	"habeas.internal/services/identity/identityd"
	"habeas.internal/services/internal/stores"
	"habeas.internal/services/retention/retentiond"
)

// Services are the names of the services in the order in which they start.
func Services() []string { return []string{"identity", "consent", "retention", "fulfilment"} }

// sender is whom the services' mail comes from.
const sender = "no-reply@habeas.localhost"

// programs are the services in the order in which they start: each finds the
// ones that it calls. Identity, on which all others wait, calls some of them; it
// is told where they will be.
func programs(ahead map[string]string) []program {
	return []program{
		{name: "identity", run: configured(identityd.Run), own: func(in *Installation) []string {
			return append(in.smtp(), "HABEAS_VAULT_KEYS="+in.places.keks(), "HABEAS_VAULT_ALONE=true",
				"HABEAS_VAULT_LEASE=2s", "HABEAS_VAULT_LEASE_BEFORE=2s", // a restart waits out the leases of the run before
				"HABEAS_CONSENT_TARGET="+ahead["consent"], "HABEAS_FULFILMENT_TARGET="+ahead["fulfilment"],
				"HABEAS_RETENTION_TARGET="+ahead["retention"])
		}},
		{name: "consent", listen: ahead["consent"], run: configured(consentd.Run), own: func(in *Installation) []string {
			return append(in.peers("identity"), "HABEAS_REGIONS="+strings.Join(stores.All(cmp.Or(in.cfg.Region, "us")).Words(), ","))
		}},
		{name: "retention", listen: ahead["retention"], run: configured(retentiond.Run), own: func(in *Installation) []string { return in.peers("identity", "consent") }},
		{name: "fulfilment", listen: ahead["fulfilment"], run: configured(fulfilmentd.Run), own: func(in *Installation) []string {
			packages := url.URL{Scheme: "file", Path: in.places.packages()}
			own := append(in.smtp(), in.peers("identity", "consent", "retention")...)
			return append(own, "HABEAS_PACKAGES_URL="+packages.String(), "HABEAS_CONNECTIONS="+in.places.connections())
		}},
	}
}

// smtp leads mail to the sink.
func (in *Installation) smtp() []string {
	return []string{"HABEAS_SMTP_ADDR=" + in.mail.Addr(), "HABEAS_SMTP_FROM=" + sender, "HABEAS_SMTP_TLS=none"}
}

// peers says where the named services answer.
func (in *Installation) peers(names ...string) []string {
	var out []string
	for _, name := range names {
		out = append(out, "HABEAS_"+strings.ToUpper(name)+"_TARGET="+in.target(name))
	}
	return out
}
