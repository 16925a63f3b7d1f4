package signin

import (
	"net/netip"
	"testing"
)

func TestAProviderIsAskedOnlyWhereAnybodyCanReachIt(t *testing.T) {
	for _, tc := range []struct {
		name, ip                 string
		usual, private, loopback bool // whether it is asked, by what is allowed
	}{
		{"an address on the internet is", "203.0.114.9", true, true, true},
		{"also of the newer kind", "2a00:1450::1", true, true, true},
		{"one of a private network is if that is allowed", "10.1.2.3", false, true, false},
		{"so is another one", "fd00::1", false, true, false},
		{"and one behind a carrier", "100.64.0.1", false, true, false},
		{"this machine is in development", "127.0.0.1", false, false, true},
		{"by any name", "::1", false, false, true},
		{"also where it is spelled otherwise", "::ffff:127.0.0.1", false, false, true},
		{"a cloud's own address is not", "169.254.169.254", false, false, false},
		{"nor a neighbour's", "fe80::1", false, false, false},
		{"nor everybody's", "224.0.0.1", false, false, false},
		{"nor nobody's", "0.0.0.0", false, false, false},
		{"a translated one is what it leads to", "64:ff9b::a9fe:a9fe", false, false, false},
		{"also on this machine", "64:ff9b::7f00:1", false, false, true},
		{"also on a private network", "64:ff9b::a01:203", false, true, false},
		{"also on the internet", "64:ff9b::cb00:7209", true, true, true},
		{"one that a network translates by itself is not", "64:ff9b:1::a01:203", false, false, false},
		{"a tunnel leads to its end", "2002:a01:203::1", false, true, false},
		{"also to a cloud's own", "2002:a9fe:a9fe::1", false, false, false},
		{"so does an address with the other in it", "::10.1.2.3", false, true, false},
		{"a tunnel through a server is not", "2001::1", false, false, false},
		{"nor a site's of old", "fec0::1", false, false, false},
		{"nor a bench's", "198.18.0.1", false, false, false},
		{"nor a protocol's", "192.0.0.192", false, false, false},
		{"nor what is reserved", "240.0.0.1", false, false, false},
		{"nor this network", "0.0.0.1", false, false, false},
		{"nor everybody here", "255.255.255.255", false, false, false},
		{"nor what is thrown away", "100::1", false, false, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			address := netip.AddrPortFrom(netip.MustParseAddr(tc.ip), 443).String()
			for what, want := range map[Config]bool{{}: tc.usual, {Private: true}: tc.private, {Loopback: true}: tc.loopback} {
				if got := what.control("tcp", address, nil) == nil; got != want {
					t.Errorf("%+v: asked %t, want %t", what, got, want)
				}
			}
		})
	}
	if (Config{}).control("tcp", "no address", nil) == nil {
		t.Error("what is no address is asked")
	}
}
