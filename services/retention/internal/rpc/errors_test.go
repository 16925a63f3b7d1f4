package rpc_test

import (
	"testing"

	"habeas.internal/services/internal/rpc/rpctest"
	"habeas.internal/services/retention/internal/rpc"
)

func TestEveryErrorOfRetentionHasARow(t *testing.T) {
	for _, dir := range []string{"../../account", "../../person", "../../schedule", "../../conversation", "../../messageplan", "."} {
		rpctest.TableCovers(t, rpc.Errors(), dir)
	}
}
