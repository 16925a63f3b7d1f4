package rpc_test

import (
	"testing"

	"habeas.internal/services/consent/internal/rpc"
	"habeas.internal/services/internal/rpc/rpctest"
)

func TestEveryErrorOfConsentHasARow(t *testing.T) {
	for _, dir := range []string{".", "../../policy", "../../person", "../../recipient", "../../disclosure", "../../statistic"} {
		rpctest.TableCovers(t, rpc.Errors(), dir)
	}
}
