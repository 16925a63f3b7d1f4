package carry

import (
	"errors"

	"habeas.internal/services/fulfilment/internal/wire"
)

// NewHandlers makes the handlers of all aggregates on a log.
func NewHandlers(l wire.Log) (Handlers, error) {
	var h Handlers
	var errs [6]error
	h.Requests, errs[0] = l.RequestHandler()
	h.Dockets, errs[1] = l.DocketHandler()
	h.Notices, errs[2] = l.NoticeHandler()
	h.Systems, errs[3] = l.SystemHandler()
	h.Catalogues, errs[4] = l.CatalogueHandler()
	h.Controllers, errs[5] = l.ControllersHandler()
	return h, errors.Join(errs[:]...)
}
