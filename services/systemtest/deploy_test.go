package systemtest_test

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"habeas.internal/services/internal/es/jetstream"
	"habeas.internal/services/internal/natsd"

	"github.com/nats-io/nats-server/v2/server"
)

// exampleKeys are public nkeys whose private halves were thrown away.
func exampleKeys() map[string]string {
	return map[string]string{
		"admin":      "UAYVBGYCWJTOBL45SMG5DONSHHY76GEHSOGKW6SXAEHYV4BPLDQQM5WT",
		"identity":   "UA4HA7VW3AS3DHYZ7QBQVDH3MKUK4PBX4RDE4ILXOJBGX3NLC7JL3WPR",
		"consent":    "UCSGFO7LVKVZTPQ4CPY55EDIQKKDDA7IUVUDS6SMKVJVKKEEA5NUTI6J",
		"retention":  "UD7B4PIOXZOBZ7XFGBSYUI2K2CIWFNH43TZ43P6SJV4JUPAMZO2YVFWG",
		"fulfilment": "UB7GUDOGZT6A2VVIQENCND4L5R43Y553AEQFB7DQVRHNAFXXAH6OKJMN",
		"audit":      "UA2GOA32T7CV35UUR7DH3FMYIM7JWZVHPKTXXZHBPV5PVISKLRZD5NFQ",
		"system":     "UAEBOSEJU5ALMKFPOSDTJOGUKBXPQPGKNC55HOOGOINT5TXGDILDMULZ",
	}
}

// exampleNode is the configuration of the first of three nodes.
func exampleNode(t *testing.T) string {
	t.Helper()
	top := jetstream.Topology{Contexts: jetstream.Contexts(), Shards: 16, Replicas: 3}
	keys := exampleKeys()
	users := []natsd.User{{PublicKey: keys["admin"], Unrestricted: true}}
	for _, g := range jetstream.Grants() {
		r := jetstream.RightsOf(top, g)
		users = append(users, natsd.User{Name: g.Name, PublicKey: keys[g.Name], Publish: r.Publish, Subscribe: r.Subscribe})
	}
	tls := func(of string) *natsd.TLSFiles {
		dir := "/etc/habeas/nats/" + of + "/"
		return &natsd.TLSFiles{CertFile: dir + "tls.crt", KeyFile: dir + "tls.key", CAFile: dir + "ca.crt", VerifyClients: true}
	}
	text, err := natsd.Node{
		Config: natsd.Config{
			Dir: "/data", ServerName: "n1", Host: "0.0.0.0", Port: 4222, TLS: tls("clients"),
			Users: users, SystemUsers: []string{keys["system"]},
		},
		Cluster: &natsd.Cluster{
			Name: "habeas", Host: "0.0.0.0", Port: 6222, TLS: tls("routes"),
			Routes: []string{"n1.nats:6222", "n2.nats:6222", "n3.nats:6222"},
		},
	}.Render()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestTheExampleOfAClusterIsWhatTheCodeAsksFor(t *testing.T) {
	path, want := "../../deploy/nats/n1.conf", []byte(exampleNode(t))
	if os.Getenv("HABEAS_WRITE_DEPLOY") != "" {
		if err := os.WriteFile(path, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is out of date; look at what changes, then run this test with HABEAS_WRITE_DEPLOY=1", path)
	}
	o := new(server.Options)
	if err := o.ProcessConfigString(withoutTLS(string(got))); err != nil {
		t.Fatal(err)
	}
	if !o.SyncAlways || len(o.Nkeys) != len(exampleKeys()) {
		t.Errorf("syncs always %v, %d users", o.SyncAlways, len(o.Nkeys))
	}
}

// withoutTLS takes the blocks out that name files of another machine.
func withoutTLS(conf string) string {
	var out []string
	depth := 0
	for line := range strings.Lines(conf) {
		if depth > 0 || strings.HasPrefix(strings.TrimSpace(line), "tls {") {
			depth += strings.Count(line, "{") - strings.Count(line, "}")
			continue
		}
		out = append(out, line)
	}
	return strings.Join(out, "")
}
