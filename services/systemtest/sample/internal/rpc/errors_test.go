package rpc_test

import (
	"testing"

	"habeas.internal/services/internal/rpc/rpctest"
	"habeas.internal/services/systemtest/sample/internal/rpc"
)

func TestEveryErrorOfTheBookHasARow(t *testing.T) {
	rpctest.TableCovers(t, rpc.Errors(), "../..")
}
