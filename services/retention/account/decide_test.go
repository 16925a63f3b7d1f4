package account_test

import (
	"errors"
	"testing"
	"time"

	"habeas.internal/services/retention/account"

	"github.com/google/go-cmp/cmp"
)

func TestDecide(t *testing.T) {
	noon := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	added := account.Added{Account: "4711", People: []string{"jane"}, At: noon}
	closed := account.Closed{Account: "4711", ClosedAt: noon, At: noon}
	for _, tc := range []struct {
		name  string
		given []account.Event
		when  account.Command
		then  []account.Event
		err   error
	}{
		{"an account is opened for people, each once", nil, account.Add{Account: "4711", People: []string{"jane", "jane"}, At: noon}, []account.Event{added}, nil},
		{"who is in it already is not added", []account.Event{added}, account.Add{Account: "4711", People: []string{"jane"}}, nil, nil},
		{
			"more may come",
			[]account.Event{added},
			account.Add{Account: "4711", People: []string{"john"}, At: noon},
			[]account.Event{account.Added{Account: "4711", People: []string{"john"}, At: noon}},
			nil,
		},
		{"it is closed", []account.Event{added}, account.Close{Account: "4711", ClosedAt: noon, At: noon}, []account.Event{closed}, nil},
		{"once", []account.Event{added, closed}, account.Close{Account: "4711", ClosedAt: noon, At: noon}, nil, nil},
		{"not in the future", []account.Event{added}, account.Close{Account: "4711", ClosedAt: noon.Add(1), At: noon}, nil, account.ErrInFuture},
		{"one that nobody opened is none", nil, account.Close{Account: "4711", ClosedAt: noon, At: noon}, nil, account.ErrNoAccount},
		{"nobody joins one that is closed", []account.Event{added, closed}, account.Add{Account: "4711", People: []string{"john"}}, nil, account.ErrClosed},
		{"its size is bounded", []account.Event{added}, account.Add{Account: "4711", People: crowd()}, nil, account.ErrFull},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var s account.Account
			for _, ev := range tc.given {
				s = account.Evolve(s, ev)
			}
			then, err := account.Decide(s, tc.when)
			if diff := cmp.Diff(tc.then, then); diff != "" || !errors.Is(err, tc.err) {
				t.Errorf("error %v, want %v; events (-want +got):\n%s", err, tc.err, diff)
			}
		})
	}
}

func crowd() []string {
	out := make([]string, 100_000)
	for i := range out {
		out[i] = time.Unix(int64(i), 0).String()
	}
	return out
}
