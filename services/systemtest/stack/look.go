package stack

import (
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
)

// Ports are those on which services, log and read models answer.
func (s *Stack) Ports() []int {
	s.t.Helper()
	log, err := url.Parse(s.NATS.URL())
	if err != nil {
		s.t.Fatal(err)
	}
	addrs := []string{log.Host, s.Redis.Addr()}
	for _, svc := range s.services {
		addrs = append(addrs, svc.listen)
	}
	var out []int
	for _, addr := range addrs {
		_, text, err := net.SplitHostPort(addr)
		if err != nil {
			s.t.Fatal(err)
		}
		port, err := strconv.Atoi(text)
		if err != nil {
			s.t.Fatal(err)
		}
		out = append(out, port)
	}
	return out
}

// Metrics is what every running service exposes.
func (s *Stack) Metrics() []byte {
	s.t.Helper()
	var out []byte
	for _, name := range Names() {
		req, err := http.NewRequestWithContext(Deadline(s.t), http.MethodGet, "http://"+s.services[name].ops+"/metrics", nil)
		if err != nil {
			s.t.Fatal(err)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			s.t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if err != nil {
			s.t.Fatal(err)
		}
		out = append(out, body...)
	}
	return out
}
