package rpc_test

import (
	"testing"

	"habeas.internal/services/identity/internal/rpc"
	"habeas.internal/services/internal/rpc/rpctest"
)

func TestEveryErrorOfIdentityHasARow(t *testing.T) {
	for _, domain := range []string{"tenant", "subject", "verification", "agent", "mandate", "internal/mandates"} {
		rpctest.TableCovers(t, rpc.Errors(), "../../"+domain)
	}
	seal := "../../../internal/seal/"
	// The others stop the process, or mean that stored rows contradict each
	// other: the caller learns nothing of that, the log everything.
	rpctest.TableCovers(t, rpc.Errors(), seal+"lookup", "ErrOwned", "Owned", "ErrNotFound", "ErrGone", "ErrTwoOwners", "ErrUnsettled")
	rpctest.TableCovers(t, rpc.Errors(), seal+"vault", "ErrPurpose")
	rpctest.TableCovers(t, rpc.Errors(), seal+"suppression", "ErrIncomplete")
}
