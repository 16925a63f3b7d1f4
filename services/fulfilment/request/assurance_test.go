package request_test

import (
	"testing"

	"habeas.internal/services/fulfilment/request"

	"github.com/google/go-cmp/cmp"
)

func TestALevelIsNeeded(t *testing.T) {
	for _, tc := range []struct {
		name  string
		deed  request.Deed
		asked []uint32
		want  uint32
	}{
		{"nobody proves who they are to complain", request.DeedComplaint, nil, 0},
		{"nor to unsubscribe", request.DeedUnsubscribe, nil, 0},
		{"an opt-out needs a session", request.DeedOptOut, nil, 1},
		{"a withdrawal needs no more than consent did", request.DeedWithdrawal, nil, 1},
		{"categories need two points", request.DeedCategories, nil, 2},
		{"so does a correction", request.DeedCorrection, nil, 2},
		{"a copy needs a step-up", request.DeedAccess, nil, 3},
		{"so does an erasure", request.DeedErasure, nil, 3},
		{"what nobody knows needs the most", "teleportation", nil, 4},
		{"a tenant may ask for more", request.DeedErasure, []uint32{4}, 4},
		{"and not for less", request.DeedErasure, []uint32{2}, 3},
		{"the most that anybody asks for counts", request.DeedCorrection, []uint32{3, 0, 2}, 3},
		{"there is nothing above the highest", request.DeedAccess, []uint32{9}, 4},
		{"no tenant makes an opt-out hard", request.DeedOptOut, []uint32{4}, 1},
		{"nor a withdrawal", request.DeedWithdrawal, []uint32{4}, 1},
		{"nor a complaint", request.DeedComplaint, []uint32{4}, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := request.NeededFor(tc.deed, tc.asked...); got != tc.want {
				t.Errorf("level %d, want %d", got, tc.want)
			}
		})
	}
}

func TestProofsAreOfferedThatCanBeGiven(t *testing.T) {
	for _, tc := range []struct {
		name   string
		level  uint32
		signIn uint32
		want   []string
	}{
		{"nothing proves nothing", 0, 4, nil},
		{"a session, a code or a link reaches level 1", 1, 0, []string{"session", "code", "link"}},
		{"and a sign-in, where there is one", 1, 2, []string{"session", "code", "link", "assertion"}},
		{"a code or a link reaches level 2", 2, 0, []string{"code", "link", "staff"}},
		{"and a plain sign-in", 2, 2, []string{"code", "link", "staff", "assertion"}},
		{"a channel of long standing reaches level 3", 3, 0, []string{"settled_channel", "staff"}},
		{"a plain sign-in does not", 3, 2, []string{"settled_channel", "staff"}},
		{"one with a second factor does", 3, 3, []string{"settled_channel", "staff", "assertion_second_factor"}},
		{"level 4 takes no second factor that can be phished", 4, 3, []string{"staff"}},
		{"it takes one that can't", 4, 4, []string{"staff", "assertion_phishing_resistant"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, request.Suffices(tc.level, request.Offers{SignIn: tc.signIn})); diff != "" {
				t.Error(diff)
			}
		})
	}
}
