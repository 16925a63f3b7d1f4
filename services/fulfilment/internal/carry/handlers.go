package carry

import (
	"errors"

	"habeas.internal/services/fulfilment/internal/wire"
)

// NewHandlers makes the handlers of all aggregates on a log.
func NewHandlers(l wire.Log) (Handlers, error) {
	var h Handlers
	var errs [5]error
	h.Requests, errs[0] = l.RequestHandler()
	h.Dockets, errs[1] = l.DocketHandler()
	h.Notices, errs[2] = l.NoticeHandler()
	h.Systems, errs[3] = l.SystemHandler()
	h.Catalogues, errs[4] = l.CatalogueHandler()
	return h, errors.Join(errs[:]...)
}
