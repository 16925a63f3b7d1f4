package holdersystem_test

import (
	"database/sql"
	"errors"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	holderv1 "habeas.internal/proto/gen/habeas/holder/v1"
	"habeas.internal/proto/holder"
	"habeas.internal/proto/holder/crm"
	"habeas.internal/services/fulfilment/internal/connector"
	"habeas.internal/services/fulfilment/internal/connector/connectortest"
	"habeas.internal/services/fulfilment/internal/dataset"
	"habeas.internal/services/fulfilment/internal/holdersystem"
	"habeas.internal/services/internal/daemon/telemetry"
	"habeas.internal/services/internal/rpc"
	"habeas.internal/services/internal/rpc/client"
	"habeas.internal/services/internal/rpc/rpctest"
	"habeas.internal/services/internal/sqltest"

	"google.golang.org/grpc"
)

func TestAServiceOfAProductTeamsOwesWhatEverySystemOwes(t *testing.T) {
	place := rpctest.NewPlace(t)
	connectortest.Run(t, func(t *testing.T, db *sqltest.Database, d *dataset.Dataset) connector.System {
		return open(t, place, serve(t, place, crm.CRM{DB: database(t, db)}), "fulfilment", d)
	})
}

// database is the team's own connection.
func database(t *testing.T, db *sqltest.Database) *sql.DB {
	t.Helper()
	out, err := sql.Open("sqlite", db.DSN)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = out.Close() })
	return out
}

// serve runs a team's service as the service crm, and returns where it answers.
func serve(t *testing.T, place *rpctest.Place, d holder.Data) string {
	t.Helper()
	id := place.Identity(t, "crm")
	server, err := holder.NewServer(holder.Config{
		Cert: id.CertFile, Key: id.KeyFile, CA: id.CAFile, Caller: "spiffe://" + rpctest.TrustDomain + "/ns/" + rpctest.Namespace + "/sa/fulfilment",
	}, d)
	if err != nil {
		t.Fatal(err)
	}
	return listen(t, server)
}

func listen(t *testing.T, server *grpc.Server) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	t.Cleanup(func() {
		server.Stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return listener.Addr().String()
}

// open connects to a service as somebody.
func open(t *testing.T, place *rpctest.Place, address, as string, d *dataset.Dataset, idle ...time.Duration) *holdersystem.System {
	t.Helper()
	off := telemetry.Off()
	own := rpc.Config{TLS: place.TLS(t, as), Tracers: off.Tracers, Meters: off.Meters, Propagator: off.Propagator}
	s, err := holdersystem.Open(holdersystem.Config{
		URL: "grpcs://" + address + "/crm", Tenant: "acme", Dataset: d, Idle: slices.Max(append(idle, 0)),
		Dial: func(target, server string) (*grpc.ClientConn, error) {
			return client.Peer{Target: strings.TrimPrefix(target, "dns:///")}.Dial(own, server, holderv1.DataHolderService_ServiceDesc.ServiceName)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func described(t *testing.T, text string) *dataset.Dataset {
	t.Helper()
	d, err := dataset.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestNobodyButFulfilmentIsAnswered(t *testing.T) {
	place := rpctest.NewPlace(t)
	address := serve(t, place, crm.CRM{})
	if _, err := open(t, place, address, "fulfilment", described(t, connectortest.Described)).Check(t.Context()); err != nil {
		t.Errorf("fulfilment is refused: %v", err)
	}
	for _, as := range []string{"consent", "crm"} {
		if _, err := open(t, place, address, as, described(t, connectortest.Described)).Check(t.Context()); err == nil {
			t.Errorf("%s is answered", as)
		}
	}
	if _, err := open(t, rpctest.NewPlace(t), address, "fulfilment", described(t, connectortest.Described)).Check(t.Context()); err == nil {
		t.Error("a certificate of another authority is answered")
	}
}

func TestASystemThatIsNotAsDescribedIsRefused(t *testing.T) {
	place := rpctest.NewPlace(t)
	address := serve(t, place, crm.CRM{})
	for name, text := range map[string]string{
		"a collection that it has not":             strings.ReplaceAll(connectortest.Described, "name: note", "name: letter"),
		"a field that it has not":                  strings.Replace(connectortest.Described, "{name: text,", "{name: body,", 1),
		"a field of another category":              strings.Replace(connectortest.Described, "[user.name]", "[user.financial]", 1),
		"a field of people that nobody described":  strings.Replace(connectortest.Described, "    - {name: name, data_categories: [user.name]}\n", "", 1),
		"a field to be kept that it would clear":   strings.Replace(connectortest.Described, "[user.name]}", "[user.name], fides_meta: {habeas: {keep: true}}}", 1),
		"a field that it says holds nobody's data": strings.Replace(connectortest.Described, "    - {name: text,", "    - {name: tag, data_categories: [user.content]}\n    - {name: text,", 1),
	} {
		s := open(t, place, address, "fulfilment", described(t, text))
		_, err := s.Check(t.Context())
		var where connector.Mismatch
		if !errors.Is(err, connector.ErrMismatch) || !errors.As(err, &where) || len(where) == 0 {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := s.Locate(t.Context(), connector.Person{Identifiers: []connector.Identifier{{Kind: "email", Value: "a@b.c"}}, Key: []byte("k")}); !errors.Is(err, connector.ErrMismatch) {
			t.Errorf("%s: it is asked all the same: %v", name, err)
		}
	}
}

func TestAConnectionIsAnAddressAndAService(t *testing.T) {
	d := described(t, connectortest.Described)
	for _, url := range []string{
		"", "localhost:1/crm", "grpc://localhost:1/crm", "grpcs://localhost/crm", "grpcs://localhost:1", "grpcs://localhost:1/", "grpcs://localhost:1/a/b",
		"grpcs://planted-secret@localhost:1/crm", "grpcs://localhost:1/crm?planted-secret", "grpcs://planted-secret\x00",
	} {
		_, err := holdersystem.Open(holdersystem.Config{URL: url, Dataset: d})
		if !errors.Is(err, connector.ErrConnector) || strings.Contains(err.Error(), "planted") {
			t.Errorf("%q: %v", url, err)
		}
	}
}
