package canary

import (
	"encoding/binary"
	"errors"
	"slices"
	"sync"
	"syscall"
	"testing"
)

// Capture is what passed over the loopback device on some ports.
type Capture struct {
	fd   int
	mu   sync.Mutex
	data []byte
	done chan struct{}
}

// Listen captures packets from or to the ports. It needs the right to open a
// raw socket, which root and CAP_NET_RAW have; without it there is nothing to
// search, and the test says so.
func Listen(t testing.TB, ports []int) *Capture {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_PACKET, syscall.SOCK_RAW, int(htons(syscall.ETH_P_ALL)))
	if errors.Is(err, syscall.EPERM) {
		t.Log("NOT CAPTURED: packets can't be captured without CAP_NET_RAW; everything else is searched")
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	// A blocked read would outlive Close; a short time-out lets it end.
	limit := syscall.Timeval{Usec: 50_000}
	if err := syscall.SetsockoptTimeval(fd, syscall.SOL_SOCKET, syscall.SO_RCVTIMEO, &limit); err != nil {
		t.Fatal(err)
	}
	if err := syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_RCVBUF, 32<<20); err != nil {
		t.Fatal(err)
	}
	c := &Capture{fd: fd, done: make(chan struct{})}
	ended := make(chan struct{})
	go func() { defer close(ended); c.read(ports) }()
	t.Cleanup(func() { c.Stop(); <-ended; _ = syscall.Close(fd) })
	return c
}

func htons(v uint16) uint16 { return v<<8 | v>>8 }

func (c *Capture) read(ports []int) {
	buffer := make([]byte, 1<<17)
	for {
		select {
		case <-c.done:
			return
		default:
		}
		n, _, err := syscall.Recvfrom(c.fd, buffer, 0)
		if err != nil {
			continue // nothing within the time-out
		}
		if payload, ok := tcp(buffer[:n], ports); ok {
			c.mu.Lock()
			c.data = append(c.data, payload...)
			c.mu.Unlock()
		}
	}
}

// tcp is the payload of a frame that carries TCP over IPv4 from or to one of
// the ports.
func tcp(frame []byte, ports []int) ([]byte, bool) {
	const ethernet = 14
	if len(frame) < ethernet+40 || frame[ethernet]>>4 != 4 || frame[ethernet+9] != syscall.IPPROTO_TCP {
		return nil, false
	}
	segment := frame[ethernet+int(frame[ethernet]&0xf)*4:]
	if len(segment) < 20 {
		return nil, false
	}
	from, to := int(binary.BigEndian.Uint16(segment)), int(binary.BigEndian.Uint16(segment[2:]))
	offset := int(segment[12]>>4) * 4
	if offset > len(segment) || !slices.Contains(ports, from) && !slices.Contains(ports, to) {
		return nil, false
	}
	return segment[offset:], true
}

// Stop ends the capture and returns what it has. Nothing comes of none.
func (c *Capture) Stop() []byte {
	if c == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	select {
	case <-c.done:
	default:
		close(c.done)
	}
	return c.data
}
