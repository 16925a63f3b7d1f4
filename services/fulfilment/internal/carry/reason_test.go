package carry

import (
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

func TestOnlyIdentitysWordAboutAPersonSaysThatThePersonIsGone(t *testing.T) {
	for _, c := range []struct {
		code   codes.Code
		reason string
		gone   bool
	}{
		{codes.NotFound, "SUBJECT_NOT_FOUND", true},
		{codes.FailedPrecondition, "SUBJECT_FORGOTTEN", true},
		{codes.NotFound, "KEY_NOT_FOUND", false},
		{codes.NotFound, "TENANT_NOT_FOUND", false},
		{codes.NotFound, "PERMIT_NOT_FOUND", false},
		{codes.Unimplemented, "", false},
		{codes.NotFound, "", false},
	} {
		st := status.New(c.code, "x")
		if c.reason != "" {
			var err error
			if st, err = st.WithDetails(&errdetails.ErrorInfo{Reason: c.reason}); err != nil {
				t.Fatal(err)
			}
		}
		if got := gone(st.Err()); got != c.gone {
			t.Errorf("%v %s: gone %t", c.code, c.reason, got)
		}
		if c.reason != "" && reasonOf(st.Err()) != c.reason {
			t.Errorf("%v %s: told as %s", c.code, c.reason, reasonOf(st.Err()))
		}
	}
}
