package rpc_test

import (
	"testing"

	"habeas.internal/services/fulfilment/internal/rpc"
	"habeas.internal/services/internal/rpc/rpctest"
)

func TestEveryErrorOfFulfilmentHasARow(t *testing.T) {
	rpctest.TableCovers(t, rpc.Errors(), "../../request",
		"ErrNotReread", "ErrNotInManifest") // defects of the process; no caller meets them
	rpctest.TableCovers(t, rpc.Errors(), "../../system")
	rpctest.TableCovers(t, rpc.Errors(), "../connector")
	rpctest.TableCovers(t, rpc.Errors(), "../pack")
	rpctest.TableCovers(t, rpc.Errors(), "../terms")
	rpctest.TableCovers(t, rpc.Errors(), "../view")
}
