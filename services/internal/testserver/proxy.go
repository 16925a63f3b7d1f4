package testserver

import (
	"context"
	"net"
	"net/url"
	"sync"
	"testing"
	"time"
)

// Link is a TCP connection between clients and one server that can be made to
// fail. Its methods may be called from any goroutine.
type Link struct {
	listener net.Listener
	target   string
	scheme   string
	ctx      context.Context
	running  sync.WaitGroup

	mu     sync.Mutex
	fault  fault
	joints map[*joint]bool
}

// fault is what the link does wrong at the moment.
type fault struct {
	refuse, dropReplies bool
	delay               time.Duration
}

// joint is one client's connection and the one to the server that belongs to it.
type joint struct {
	client, server net.Conn
	// lossy is set when bytes were lost: what follows makes no sense.
	lossy bool
}

// Proxy stands between clients and the server at target, an address or a URL,
// and at first passes everything. It ends with the test.
func Proxy(t testing.TB, target string) *Link {
	t.Helper()
	scheme := "tcp"
	if u, err := url.Parse(target); err == nil && u.Host != "" {
		scheme, target = u.Scheme, u.Host
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("listen for the proxy: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	l := &Link{listener: listener, target: target, scheme: scheme, ctx: ctx, joints: map[*joint]bool{}}
	l.running.Go(l.accept)
	t.Cleanup(func() {
		cancel()
		_ = listener.Close()
		l.Refuse()
		l.running.Wait()
	})
	return l
}

// Addr is the address that clients use in place of the server's.
func (l *Link) Addr() string { return l.listener.Addr().String() }

// URL is the address with the scheme that the target was given with.
func (l *Link) URL() string { return l.scheme + "://" + l.Addr() }

// Cut closes all connections on both sides; new ones are accepted.
func (l *Link) Cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cut(func(*joint) bool { return true })
}

// Refuse closes all connections and accepts none until Restore.
func (l *Link) Refuse() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fault.refuse = true
	l.cut(func(*joint) bool { return true })
}

// DropReplies lets everything reach the server and nothing come back, from now
// on and on new connections too: the acknowledgement is lost, the deed is done.
func (l *Link) DropReplies() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fault.dropReplies = true
}

// Delay holds every piece of data back for that long, in both directions.
func (l *Link) Delay(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fault.delay = d
}

// Restore ends all faults. A connection that lost bytes is closed: no client
// could make sense of the rest.
func (l *Link) Restore() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fault = fault{}
	l.cut(func(j *joint) bool { return j.lossy })
}

func (l *Link) cut(which func(*joint) bool) {
	for j := range l.joints {
		if which(j) {
			j.close()
		}
	}
}

func (j *joint) close() {
	_ = j.client.Close()
	_ = j.server.Close()
}

func (l *Link) accept() {
	for {
		client, err := l.listener.Accept()
		if err != nil {
			return
		}
		l.running.Go(func() { l.serve(client) })
	}
}

// serve joins a client to the server until either closes or the link is cut.
func (l *Link) serve(client net.Conn) {
	defer client.Close()
	server, err := new(net.Dialer).DialContext(l.ctx, "tcp", l.target)
	if err != nil {
		return
	}
	j := &joint{client: client, server: server}
	defer j.close()
	if !l.join(j) {
		return
	}
	defer l.part(j)
	var requests sync.WaitGroup
	requests.Go(func() { l.pump(j, client, server, false) })
	l.pump(j, server, client, true)
	requests.Wait()
}

func (l *Link) join(j *joint) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fault.refuse {
		return false
	}
	l.joints[j] = true
	return true
}

func (l *Link) part(j *joint) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.joints, j)
}

// pump passes one direction on until it ends, and then ends the other.
func (l *Link) pump(j *joint, from, to net.Conn, replies bool) {
	defer j.close()
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		if n > 0 && l.pass(j, replies) {
			if _, err := to.Write(buffer[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// pass decides about one piece of data, after the delay of the moment.
func (l *Link) pass(j *joint, replies bool) bool {
	l.wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	if replies && l.fault.dropReplies {
		j.lossy = true
	}
	return !replies || !j.lossy
}

func (l *Link) wait() {
	l.mu.Lock()
	delay := l.fault.delay
	l.mu.Unlock()
	if delay == 0 {
		return
	}
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-l.ctx.Done():
	}
}
