package rpc

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"google.golang.org/grpc/codes"

	"habeas.internal/services/internal/rpc/fault"
)

const (
	// refusalsPerWindow bounds what one caller can make the read log write.
	refusalsPerWindow = 10
	refusalWindow     = time.Minute
	// maxCallers bounds the memory of callers; beyond it, all are forgotten and
	// may fill a window again.
	maxCallers = 10_000
	// refusalPatience bounds what a refused caller waits for the record.
	refusalPatience = 2 * time.Second
)

// pace bounds the records of refusals by caller.
type pace struct {
	mu      sync.Mutex
	callers map[caller]*window
}

type caller struct{ tenant, actor, service string }

type window struct {
	began    time.Time
	written  int
	unspoken uint32 // not written since the last that was
}

// next reports whether a refusal is to be written, and how many it stands for.
func (p *pace) next(who caller, now time.Time) (count uint32, write bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.callers == nil || len(p.callers) >= maxCallers && p.callers[who] == nil {
		p.callers = map[caller]*window{}
	}
	w := p.callers[who]
	if w == nil {
		w = &window{began: now}
		p.callers[who] = w
	}
	if now.Sub(w.began) >= refusalWindow {
		w.began, w.written = now, 0
	}
	w.unspoken++
	if w.written >= refusalsPerWindow {
		return 0, false
	}
	w.written++
	count, w.unspoken = w.unspoken, 0
	return count, true
}

// noteRefusal writes down that a known caller was refused personal data. That
// it can't be written changes nothing: the caller stays refused.
func (c *call) noteRefusal(err error, f *fault.Fault) {
	if c.method.open || !c.method.logged() || c.principal.Tenant == "" || !refusesAccess(err, f) {
		return
	}
	now := c.server.cfg.Now().UTC()
	r := c.reading()
	count, write := c.server.refused.next(caller{r.Tenant, r.Actor, r.Service}, now)
	if !write {
		return
	}
	r.Refusal, r.Count, r.Roles = f.Reason(), count, roleNames(allRoles(), c.principal)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c), refusalPatience)
	defer cancel()
	if err := c.server.cfg.Reads.Record(ctx, r); err != nil {
		c.server.cfg.Log.ErrorContext(c, "read log", errAttr(err))
	}
}

// refusesAccess tells a refusal of access from other failures. What is not there
// for a caller may be there for another tenant: who asks for it is written down
// as well, and which id it was is not.
func refusesAccess(err error, f *fault.Fault) bool {
	return f.Code() == codes.PermissionDenied || f.Code() == codes.NotFound || errors.Is(err, errPurposeRequired) || errors.Is(err, errPurposeInvalid)
}

func errAttr(err error) slog.Attr { return slog.Any("error", err) }
