package request_test

import (
	"time"

	"habeas.internal/services/fulfilment/request"
)

func announced(d request.Done) request.Event {
	return request.ChangesAnnounced{System: "shop", Attempt: 1, Leaves: []request.Done{d}, At: noon()}
}

func announcements() []decision {
	given := with(planned(erases(), leaf(2, "shop", request.Keep)), request.LeavesStarted{
		System: "shop", Attempt: 1, Permit: notice, PermitAt: after(time.Minute),
		Leaves: []request.Found{{Leaf: 1, Rows: 9}, {Leaf: 2, Rows: 1}}, At: noon(),
	})
	three := request.Done{Leaf: 1, Deleted: 3}
	say := func(d request.Done) request.AnnounceChanges {
		return request.AnnounceChanges{System: "shop", Attempt: 1, Leaves: []request.Done{d}, At: noon()}
	}
	late, other, elsewhere := say(three), say(three), say(three)
	late.At, other.Attempt, elsewhere.System = after(time.Minute), 2, "crm"
	return []decision{
		{"changes are announced before they are committed", given, say(three), one(announced(three)), nil},
		{"what was announced is not announced again", with(given, announced(three)), say(three), nil, nil},
		{"nor what is a little more", with(given, announced(three)), say(request.Done{Leaf: 1, Deleted: 5}), nil, nil},
		{
			"twice as much is", with(given, announced(three)),
			say(request.Done{Leaf: 1, Deleted: 6}),
			one(announced(request.Done{Leaf: 1, Deleted: 6})), nil,
		},
		{
			"and so is the first row of another kind", with(given, announced(three)),
			say(request.Done{Leaf: 1, Deleted: 3, Kept: 1}),
			one(announced(request.Done{Leaf: 1, Deleted: 3, Kept: 1})), nil,
		},
		{"nothing is announced after the permit has ended", given, late, nil, request.ErrOutOfStep},
		{"nor by another attempt than the last", given, other, nil, request.ErrOutOfStep},
		{"nor before there is one", planned(erases()), say(three), nil, request.ErrOutOfStep},
		{"nor for a system that is not in the manifest", given, elsewhere, nil, request.ErrNotInManifest},
		{"nor for a leaf that is not", given, say(request.Done{Leaf: 3, Deleted: 1}), nil, request.ErrNotInManifest},
		{"nor for one that is kept", given, say(request.Done{Leaf: 2, Masked: 1}), nil, request.ErrNotInManifest},
		{"nor for one that has ended", with(given, completed(request.Erased)), say(three), nil, request.ErrOutOfStep},
	}
}

// kept is a leaf that is kept until some days from now.
func kept(n uint32, collection string, days int) request.Planned {
	p := leaf(n, "shop", request.Keep)
	p.Collection, p.Authority, p.Until = collection, collection+" act", noon().AddDate(0, 0, days)
	return p
}

func because(reason, authority string, until time.Time) request.Because {
	return request.Because{Reason: reason, Authority: authority, Until: until}
}

func review() time.Time { return noon().AddDate(1, 0, 0) }

func others() request.Because { return because("shared_with_others", "rights of others", review()) }

// complete says what was done to leaf 1.
func complete(d request.Done) request.Command {
	d.Leaf = 1
	return request.CompleteLeaves{System: "shop", Leaves: []request.Done{d}, Reread: true, At: noon()}
}

// ends says how leaf 1 ended.
func ends(d request.Done, o request.LeafOutcome, b request.Because) []request.Event {
	d.Leaf = 1
	return one(request.LeavesCompleted{System: "shop", Leaves: []request.Ended{{Done: d, Outcome: o, Because: b}}, At: noon()})
}

// begun is a leaf of which rows were found, and more leaves.
func begun(rows uint64, more ...request.Planned) []request.Event {
	return with(planned(append([]request.Planned{erases()}, more...)...), started(rows))
}

// remains are leaves of which something stays that was to be erased.
func remains() []decision {
	described := because("kept_by_description", "system description", review())
	referenced := because("key_of_referenced_row", "rights of others", review())
	shared, key := request.Done{Deleted: 2, Shared: 1}, request.Done{Masked: 2, Kept: 2}
	mark := request.Done{Kept: 2, Shared: 1, Described: true}
	elsewhere := kept(4, "customer", 99)
	elsewhere.System = "crm"
	empty := kept(5, "customer", 99)
	empty.Rows = 0
	return []decision{
		{"rows that are others' too are retained for them", begun(3), complete(shared), ends(shared, request.Retained, others()), nil},
		{
			"even if no row was the person's alone", begun(0),
			complete(request.Done{Shared: 1}),
			ends(request.Done{Shared: 1}, request.Retained, others()), nil,
		},
		{"what the description keeps is retained by it", begun(3), complete(mark), ends(mark, request.Retained, described), nil},
		{
			"a key is retained as long as a kept part of its collection",
			begun(3, kept(2, "invoice", 20), kept(3, "customer", 10), elsewhere),
			complete(key),
			ends(key, request.Retained, because("key_of_retained_row", "customer act", noon().AddDate(0, 0, 10))), nil,
		},
		{
			"or else as the part of its system that is kept longest",
			begun(3, kept(2, "invoice", 10), kept(3, "payment", 20), elsewhere, empty),
			complete(key),
			ends(key, request.Retained, because("key_of_retained_row", "payment act", noon().AddDate(0, 0, 20))), nil,
		},
		{
			"a key that only others' rows refer to is retained for them", begun(3, elsewhere),
			complete(key),
			ends(key, request.Retained, referenced), nil,
		},
	}
}

// resumed are leaves that end after a try that was cut off.
func resumed() []decision {
	referenced := because("key_of_referenced_row", "rights of others", review())
	return []decision{
		{
			"a try that was cut off is not forgotten", with(begun(3), announced(request.Done{Leaf: 1, Masked: 3, Shared: 1})),
			complete(request.Done{}),
			ends(request.Done{Masked: 3, Shared: 1}, request.Retained, others()), nil,
		},
		{
			"of a try and one that was cut off the greater count is told", with(begun(3), announced(request.Done{Leaf: 1, Deleted: 1, Kept: 2})),
			complete(request.Done{Deleted: 2, Shared: 1}),
			ends(request.Done{Deleted: 2, Kept: 2, Shared: 1}, request.Retained, referenced), nil,
		},
		{
			"masked rows stay masked after a try that was cut off", with(begun(3), announced(request.Done{Leaf: 1, Masked: 3})),
			complete(request.Done{}),
			ends(request.Done{Masked: 3}, request.Masked, request.Because{}), nil,
		},
	}
}

// remembered is when the identifiers that identity knew are suppressed.
func remembered() []decision {
	note := request.NoteSuppression{System: request.OwnSystem, Values: 1}
	event := request.ValuesSuppressed{System: request.OwnSystem, Values: 1}
	done := with(begun(3), completed(request.Erased))
	return []decision{
		{"what identity knew is remembered when all else is done", done, note, one(event), nil},
		{"and not before", begun(3), note, nil, nil},
		{"it is recorded once", with(done, event), note, nil, nil},
	}
}
