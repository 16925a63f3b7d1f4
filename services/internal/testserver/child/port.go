package child

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
)

// Ports are drawn below the range from which systems take the local ports of
// outgoing connections. A server that is down for a moment can then be sure
// that its port is not taken by somebody's connection, and a client that dials
// it meanwhile cannot be connected to itself.
const (
	firstPort = 15000
	lastPort  = 32000
	portTries = 200
)

// FreePort returns a loopback port on which nothing listened a moment ago.
// Another process may take it before the caller does: be ready to try again
// with another one.
func FreePort() (int, error) {
	var last error
	for range portTries {
		port := firstPort + rand.IntN(lastPort-firstPort)
		listener, err := net.Listen("tcp", Loopback(port))
		if err != nil {
			last = err
			continue
		}
		if err := listener.Close(); err != nil {
			return 0, fmt.Errorf("release port: %w", err)
		}
		return port, nil
	}
	return 0, fmt.Errorf("find a free port: %w", last)
}

// Loopback is the address of a port on this machine.
func Loopback(port int) string {
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
}
