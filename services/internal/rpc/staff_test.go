package rpc_test

import (
	"context"
	"testing"

	"habeas.internal/services/internal/rpc"
	"habeas.internal/services/internal/rpc/rpctest"

	"google.golang.org/grpc/codes"
)

// desk answers for staff as a test says.
type desk struct {
	asked []rpc.Look
	may   rpc.Permission
	err   error
}

func (d *desk) Check(_ context.Context, l rpc.Look) (rpc.Permission, error) {
	d.asked = append(d.asked, l)
	return d.may, d.err
}

func TestAPersonSeesOthersDataOnlyAsStaff(t *testing.T) {
	d := &desk{}
	log, p := &rpctest.Reads{}, &people{saw: func(ctx context.Context) { rpc.Saw(ctx, "jane") }}
	w := newWorld(t, func(c *rpc.Config) {
		c.Reads, c.Staff = log, d
		c.Services = append(c.Services, subjects(p))
	})
	c := client(t, w, "")
	for name, tc := range map[string]struct {
		may  rpc.Permission
		err  error
		code codes.Code
		want string
	}{
		"no undertaking":     {rpc.Permission{Refusal: "UNDERTAKING_REQUIRED"}, nil, codes.PermissionDenied, "UNDERTAKING_REQUIRED"},
		"no need":            {rpc.Permission{Refusal: "NEED_REQUIRED"}, nil, codes.PermissionDenied, "NEED_REQUIRED"},
		"some other reason":  {rpc.Permission{Refusal: "X"}, nil, codes.PermissionDenied, "NEED_REQUIRED"},
		"nobody knows":       {rpc.Permission{}, errDown, codes.Unavailable, "STAFF_CHECK_UNAVAILABLE"},
		"somebody else":      {rpc.Permission{Subjects: []string{"john"}}, nil, codes.PermissionDenied, "OUTSIDE_NEED"},
		"the person":         {rpc.Permission{Subjects: []string{"jane"}, BreakGlass: "grant-1"}, nil, codes.OK, ""},
		"everybody may be":   {rpc.Permission{}, nil, codes.OK, ""},
		"the person or john": {rpc.Permission{Subjects: []string{"john", "jane"}}, nil, codes.OK, ""},
	} {
		t.Run(name, func(t *testing.T) {
			d.may, d.err = tc.may, tc.err
			before := len(log.All())
			answer, err := c.ListIdentifiers(because(w.as(t, "verifier"), "habeas-case", "case-1"), whose())
			all := log.All()
			switch {
			case tc.code != codes.OK:
				wantFault(t, err, tc.code, tc.want)
				if answer != nil || tc.code == codes.PermissionDenied && (len(all) != before+1 || all[before].Refusal != tc.want) {
					t.Errorf("answered %v, recorded %v", answer, all[before:])
				}
			case err != nil || len(all) != before+1 || all[before].BreakGlass != tc.may.BreakGlass:
				t.Errorf("error %v, recorded %v", err, all[before:])
			}
		})
	}
	if l := d.asked[0]; l != (rpc.Look{Tenant: "acme", Actor: rpc.ActorID("acme", "actor-1"), Purpose: "case.identity", Case: "case-1"}) {
		t.Errorf("asked about %+v", l)
	}
}

func TestAServiceIsNoStaff(t *testing.T) {
	d := &desk{err: errDown}
	w := newWorld(t, func(c *rpc.Config) {
		c.Staff = d
		c.Services = append(c.Services, subjects(&people{saw: rpc.SawNobody}))
		c.Callers["habeas.identity.v1.SubjectService"] = []string{"consentd"}
	})
	ctx := because(with(t, "habeas-tenant", "acme"))
	if _, err := client(t, w, "consentd").ListIdentifiers(ctx, whose()); err != nil || len(d.asked) > 0 {
		t.Errorf("error %v, asked %v", err, d.asked)
	}
}
