package stack

import (
	"net"

	"habeas.internal/proto/holder"
	"habeas.internal/services/internal/localca"
	"habeas.internal/services/internal/rpc/rpctest"

	"google.golang.org/grpc"
)

// Holder runs a product team's service and makes it reachable for a tenant, as the
// connection and the service of one name. Call it before Start. The function that
// it returns ends the service at once; it ends with the test otherwise.
func (s *Stack) Holder(tenant, name string, d holder.Data) (end func()) {
	s.t.Helper()
	const sa = "spiffe://" + rpctest.TrustDomain + "/ns/" + rpctest.Namespace + "/sa/"
	id, err := s.ca.Issue(localca.Request{Name: name, ID: sa + name})
	if err != nil {
		s.t.Fatal(err)
	}
	server, err := holder.NewServer(holder.Config{
		Cert: id.CertFile, Key: id.KeyFile, CA: id.CAFile, Caller: sa + "fulfilment", Report: func(err error) { s.t.Log("holder:", err) },
	}, d)
	if err != nil {
		s.t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		s.t.Fatal(err)
	}
	s.Connections[tenant+"/"+name] = "grpcs://" + listener.Addr().String() + "/" + name
	return s.serve(server, listener)
}

func (s *Stack) serve(server *grpc.Server, listener net.Listener) (end func()) {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := server.Serve(listener); err != nil {
			s.t.Errorf("serve holder: %v", err)
		}
	}()
	end = func() {
		server.Stop()
		<-ended
	}
	s.t.Cleanup(end)
	return end
}
