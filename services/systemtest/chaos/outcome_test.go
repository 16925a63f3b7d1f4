package chaos_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/estest"
	"habeas.internal/services/internal/testserver"
	"habeas.internal/services/internal/testwait"
)

// TestAConnectionThatIsClosedProvesNothing closes the connection of an append
// whose acknowledgement got lost, as a service does that stops: the commit
// stands, so the answer must not be that it doesn't.
func TestAConnectionThatIsClosedProvesNothing(t *testing.T) {
	node, in := onOneNode(t)
	link := testserver.Proxy(t, node.URL())
	nc := node.ConnectTo(t, link.URL(), testserver.Admin)
	log := in.Open(t, nc)
	other := in.Open(t, in.connect(t, testserver.Admin))
	agg := counterAt(1, 0, 0)

	link.DropReplies()
	answered := make(chan error, 1)
	go func() {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		_, err := log.Append(ctx, es.Head{}, estest.NewCommit(t, agg, 1))
		answered <- err
	}()
	testwait.For(t, 10*time.Second, func() error {
		for _, err := range other.Load(t.Context(), agg, 0, es.Leader) {
			return err
		}
		return errors.New("the commit is not there yet")
	})
	nc.Close()
	if err := <-answered; !errors.Is(err, es.ErrUnknownOutcome) {
		t.Errorf("the append ended with %v; its commit stands", err)
	}
}
