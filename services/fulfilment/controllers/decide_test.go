package controllers_test

import (
	"errors"
	"testing"

	"habeas.internal/services/fulfilment/controllers"

	"github.com/google/go-cmp/cmp"
)

func TestDecide(t *testing.T) {
	acme := controllers.Registered{Controller: "acme", Title: "Acme", Contact: "privacy@acme.example", Staff: []string{"erin"}, By: "dora"}
	moved := acme
	moved.Contact = "dpo@acme.example"
	self := acme
	self.By = "erin"
	ended := controllers.Ended{Controller: "acme", Reason: "contract_ended", By: "dora"}
	for _, tc := range []struct {
		name  string
		given []controllers.Event
		when  controllers.Command
		then  []controllers.Event
		err   error
	}{
		{"a controller is registered", nil, controllers.Register(acme), []controllers.Event{acme}, nil},
		{"registering it as it is changes nothing", []controllers.Event{acme}, controllers.Register(acme), nil, nil},
		{"what is said later takes its place", []controllers.Event{acme}, controllers.Register(moved), []controllers.Event{moved}, nil},
		{"nobody makes themselves the voice of a controller", nil, controllers.Register(self), []controllers.Event{controllers.CommandRefused{Command: "register", Reason: "STAFF_SELF"}}, controllers.ErrSelf},
		{"a controller ends", []controllers.Event{acme}, controllers.End(ended), []controllers.Event{ended}, nil},
		{"one that is not there does not end", []controllers.Event{acme, ended}, controllers.End(ended), []controllers.Event{controllers.CommandRefused{Command: "end", Reason: "CONTROLLER_NOT_FOUND"}}, controllers.ErrUnknown},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := controllers.Decide(fold(tc.given...), tc.when)
			if !errors.Is(err, tc.err) {
				t.Errorf("error %v, want %v", err, tc.err)
			}
			if diff := cmp.Diff(tc.then, got); diff != "" {
				t.Errorf("events (-want +got):\n%s", diff)
			}
		})
	}
	both := fold(acme, controllers.Registered{Controller: "beta", Staff: []string{"ben"}})
	if !both.Speaks("erin", "acme") || both.Speaks("erin", "beta") || both.Speaks("", "acme") || both.Only() != "" || fold(acme).Only() != "acme" {
		t.Error("somebody speaks for another controller than their own")
	}
	if fold(acme, ended).Speaks("erin", "acme") {
		t.Error("somebody speaks for a controller that has ended")
	}
}

func fold(events ...controllers.Event) (s controllers.Controllers) {
	for _, ev := range events {
		s = controllers.Evolve(s, ev)
	}
	return s
}
