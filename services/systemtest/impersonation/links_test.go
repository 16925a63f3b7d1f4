package impersonation_test

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"time"

	fulfilmentv1 "habeas.internal/proto/gen/habeas/fulfilment/v1"
	"habeas.internal/services/systemtest/stack"

	"github.com/google/uuid"
)

// scanner is a mail server's, which opens every link of a message before the
// person sees it.
type scanner struct {
	client *http.Client

	mu  sync.Mutex
	got []string // what the pages' servers were sent
}

func newScanner(w world) *scanner {
	s := &scanner{}
	server := httptest.NewTLSServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.got = append(s.got, r.Method+" "+r.RequestURI+" "+r.Referer()+string(body))
	}))
	w.Cleanup(server.Close)
	s.client = &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, //nolint:gosec // whoever opens links for others does not care
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, server.Listener.Addr().String())
		},
	}}
	return s
}

var links = regexp.MustCompile(`https://\S+`)

// open opens all links of an address's messages and returns them.
func (s *scanner) open(w world, address string) []string {
	w.Helper()
	var out []string
	for _, m := range w.Mail.Mails(address) {
		for _, link := range links.FindAllString(m.Text, -1) {
			res, err := s.client.Get(link)
			if err != nil {
				w.Fatal(err)
			}
			_ = res.Body.Close()
			out = append(out, link)
		}
	}
	return out
}

// secret is what stands behind the last dot of a link to a page.
func secret(all []string, page string) string {
	for _, link := range all {
		if strings.Contains(link, page) {
			return link[strings.LastIndex(link, ".")+1:]
		}
	}
	return ""
}

// linkPrefetch: a scanner of mails opens all links, of the code's message and of
// the one that tells of a hold. Nothing happens, and no server learns a secret. The
// twins: the person's own confirmation works, and so does their cancellation.
func linkPrefetch(w world) {
	taken, still := someone(), someone()
	w.link(held, w.Register(held, taken), still)
	request := w.Submit(held, erasure, policy, taken)
	w.code(taken, 1)
	s := newScanner(w)
	confirm := secret(s.open(w, taken), "/confirm")
	if confirm == "" {
		w.Fatal("the message has no link")
	}
	w.unmoved("a link that was opened", held, request)
	if x := w.explain(held, request); x.GetAwaited() != "verification.code" {
		w.Errorf("after the scanner it awaits %s", x.GetAwaited())
	}
	if got := w.give(held, request, confirm); got.GetState() != passed {
		w.Errorf("the person's own confirmation is answered with %v", got.GetState())
	}
	cancel := ""
	w.until("the other channel is told", func() bool { cancel = secret(s.open(w, still), "/cancel"); return cancel != "" })
	if x := w.explain(held, request); x.GetReason() != "SAFEGUARD_DELAY" || !x.GetHeldUntil().AsTime().After(time.Now().Add(71*time.Hour)) {
		w.Errorf("after the scanner it is %q until %v", x.GetReason(), x.GetHeldUntil().AsTime())
	}
	_, err := w.As(held, "intake").Requests.CancelRequest(stack.Deadline(w.T), &fulfilmentv1.CancelRequestRequest{
		RequestId: uuid.NewString(), Request: request, Code: cancel, Reason: fulfilmentv1.CancelReason_CANCEL_REASON_NOT_ME,
	})
	if err != nil {
		w.Errorf("the person's own cancellation is answered with %v", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, got := range s.got {
		if strings.Contains(got, confirm) || strings.Contains(got, cancel) || strings.Contains(got, request) {
			w.Errorf("a server was sent %q", got)
		}
	}
	if len(s.got) == 0 {
		w.Error("no link was opened")
	}
}
