package local

import (
	"strings"

	"habeas.internal/services/consent/consentd"
	"habeas.internal/services/identity/identityd"
	"habeas.internal/services/retention/retentiond"
)

// Services are the names of the services in the order in which they start.
func Services() []string { return []string{"identity", "consent", "retention", "fulfilment"} }

// sender is whom the services' mail comes from.
const sender = "no-reply@habeas.localhost"

// programs are the services in the order in which they start: each finds the
// ones that it calls.
func programs() []program {
	return []program{
		{name: "identity", run: configured(identityd.Run), own: func(in *Installation) []string {
			return append(in.smtp(), "HABEAS_VAULT_KEYS="+in.places.keks(), "HABEAS_VAULT_ALONE=true")
		}},
		{name: "consent", run: configured(consentd.Run), own: func(in *Installation) []string { return in.peers("identity") }},
		{name: "retention", run: configured(retentiond.Run), own: func(in *Installation) []string { return in.peers("identity", "consent") }},
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
