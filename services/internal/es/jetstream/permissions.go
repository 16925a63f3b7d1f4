package jetstream

import (
	"slices"

	"habeas.internal/services/internal/es"
)

// Rights are what a service's user may do on the server: everything that is
// not listed is refused. No list holds the making, changing, purging or
// deleting of a stream; those are the administrator's.
type Rights struct {
	Publish   []string
	Subscribe []string
}

// Grant names what a service does.
type Grant struct {
	Name  string   // of the user; its inbox is InboxPrefix(Name)
	Owns  []string // contexts that it appends to, and whose timers it sets
	Reads []string // further contexts that it follows
	Vault bool     // keys, lookup rows and the suppression set: identity alone
	Logs  bool     // appends to the read log, under its own name
	// Processes are the names of the processes that it runs, by the context
	// that they follow, and Alarms the names of those on its own timers.
	Processes map[string][]string
	Alarms    []string
}

// Grants is what each service does in an installation of all of them.
func Grants() []Grant {
	return []Grant{
		{
			Name: "identity", Owns: []string{"identity"}, Vault: true, Logs: true,
			Processes: map[string][]string{"identity": {"identity-reactions"}}, Alarms: []string{"evidence"},
		},
		{Name: "consent", Owns: []string{"consent"}, Reads: []string{"identity"}},
		{
			Name: "retention", Owns: []string{"retention"}, Reads: []string{"identity", "consent", "fulfilment"},
			Processes: map[string][]string{"consent": {"schedules"}, "retention": {"clocks"}, "fulfilment": {"remainders"}},
		},
		{
			Name: "fulfilment", Owns: []string{"fulfilment"}, Reads: []string{"identity", "consent", "retention"}, Logs: true,
			Processes: map[string][]string{"fulfilment": {"carry"}, "retention": {"fulfilment-holds"}}, Alarms: []string{"carry"},
		},
		{Name: "audit", Reads: Contexts()},
	}
}

// Roots of the subjects on which a service hears answers, and what it reads.
const (
	inboxRoot = "_INBOX"
	feedRoot  = "_FEED"
)

// InboxPrefix is the prefix of a user's reply subjects. With one of its own,
// no user can read another's replies.
func InboxPrefix(user string) string { return inboxRoot + "_" + user }

// FeedPrefix is the prefix of the subjects to which streams are delivered that a
// user reads. The server passes them from the streams' account to the user's.
func FeedPrefix(user string) string { return feedRoot + "_" + user }

// RightsOf lists the rights of a service in a topology.
func RightsOf(t Topology, g Grant) Rights {
	r := Rights{Subscribe: []string{InboxPrefix(g.Name) + ".>", FeedPrefix(g.Name) + ".>"}}
	for _, c := range g.Owns {
		r.Publish = append(r.Publish, "habeas.ev."+c+".>", timerRoot+c+".>")
		r.Publish = append(r.Publish, rowRights(TimersStream(c))...)
		for _, name := range g.Alarms {
			r.Publish = append(r.Publish, workRights(TimersStream(c), alarmDurable(name, c))...)
		}
	}
	for _, c := range slices.Concat(g.Owns, g.Reads) {
		for k := range t.Shards {
			r.Publish = append(r.Publish, readRights(StreamName(c, k))...)
			for _, name := range g.Processes[c] {
				r.Publish = append(r.Publish, workRights(StreamName(c, k), processDurable(name, StreamName(c, k)))...)
			}
		}
	}
	if g.Logs { // what it has written there it can't read
		const access = "habeas.ev." + ContextAccess + ".*."
		r.Publish = append(r.Publish, access+"*."+g.Name+".>", access+es.LogTenant+".key.>")
	}
	r.Publish = append(r.Publish, parkRoot+"*.*")
	r.Publish = append(r.Publish, rowRights(StreamPark)...)
	if g.Vault {
		r.Publish = append(r.Publish, "habeas.vault.>", "habeas.suppression.>")
		for k := range t.Shards {
			r.Publish = append(r.Publish, rowRights(VaultStream(k))...)
		}
		r.Publish = append(r.Publish, rowRights(StreamSuppression)...)
	}
	slices.Sort(r.Publish)
	r.Publish = slices.Compact(r.Publish)
	return r
}

// readRights are for a stream that is loaded and projected.
func readRights(stream string) []string {
	return []string{
		apiRoot + "STREAM.INFO." + stream,
		apiRoot + "STREAM.MSG.GET." + stream,
		apiRoot + "DIRECT.GET." + stream,
		apiRoot + "DIRECT.GET." + stream + ".>",
		apiRoot + "CONSUMER.CREATE." + stream + ".*", // of a feed
		"$JS.FC." + stream + ".>",
	}
}

// workRights are for a durable consumer, whose messages are worked off.
func workRights(stream, durable string) []string {
	return []string{
		apiRoot + "CONSUMER.CREATE." + stream + "." + durable,
		apiRoot + "CONSUMER.CREATE." + stream + "." + durable + ".>", // with a filter
		apiRoot + "CONSUMER.INFO." + stream + "." + durable,
		apiRoot + "CONSUMER.DELETE." + stream + "." + durable,
		apiRoot + "CONSUMER.MSG.NEXT." + stream + "." + durable,
		"$JS.ACK." + stream + "." + durable + ".>",
	}
}

// rowRights are for a mutable stream whose messages are rows.
func rowRights(stream string) []string {
	return []string{
		apiRoot + "STREAM.INFO." + stream,
		apiRoot + "STREAM.MSG.GET." + stream,
		apiRoot + "STREAM.MSG.DELETE." + stream,
	}
}
