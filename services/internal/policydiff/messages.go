package policydiff

import (
	"slices"
	"strconv"

	"habeas.internal/services/internal/policydoc"
)

// messages compares the kinds of messages. A version without a list promises
// nothing about them.
func (d *differ) messages(from, to policydoc.Document) {
	if was, is := len(from.Messages) > 0, len(to.Messages) > 0; !was || !is {
		d.better(at{path: "messages"}, was, is,
			"Which messages there are is no longer said.", "Which messages there are is said, and what each is for.")
		return
	}
	pairs(from.Messages, to.Messages, func(m policydoc.Message) string { return m.ID }, func(id string, old, now *policydoc.Message) {
		switch {
		case now == nil:
			d.note(item("messages", id, old.Clause), sent(from, *old).Mirror(), strconv.Quote(old.Title)+" is no longer sent.")
		case old == nil:
			d.note(item("messages", id, now.Clause), sent(to, *now), strconv.Quote(now.Title)+" is a new kind of message, of the purpose "+now.Purpose+".")
		default:
			d.message(item("messages", id, now.Clause), from, to, *old, *now)
		}
	})
}

// sent is the effect of a new kind of message. A grant never grows: for more, a
// person is asked again. What is of no purpose is not sent.
func sent(of policydoc.Document, m policydoc.Message) Effect {
	switch basisOfPurpose(of, m.Purpose) {
	case optIn, "":
		return Neutral
	}
	return Less
}

func basisOfPurpose(d policydoc.Document, id string) string {
	i := slices.IndexFunc(d.Purposes, func(p policydoc.Purpose) bool { return p.ID == id })
	if i < 0 {
		return ""
	}
	return basisOf(d.Purposes[i])
}

func (d *differ) message(a at, from, to policydoc.Document, old, now policydoc.Message) {
	what := strconv.Quote(now.Title)
	d.text(a.key("title"), old.Title, now.Title, Differs, "What the message is called")
	if old.Purpose != now.Purpose {
		effect := basisEffect(basisOfPurpose(from, old.Purpose), basisOfPurpose(to, now.Purpose))
		if effect == Neutral {
			effect = Differs
		}
		d.note(a.key("purpose"), effect, what+" was a message of "+old.Purpose+" and is one of "+now.Purpose+".")
	}
	var goes differ
	goes.limits(a.key("channels"), old.Channels, now.Channels, what+" goes by")
	for _, c := range goes.changes {
		if sent(from, old) == Neutral || sent(to, now) == Neutral {
			c.Effect = Neutral
		}
		d.changes = append(d.changes, c)
	}
}
