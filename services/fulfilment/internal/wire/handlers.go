package wire

import (
	"io"

	"habeas.internal/services/fulfilment/catalogue"
	"habeas.internal/services/fulfilment/docket"
	"habeas.internal/services/fulfilment/notice"
	"habeas.internal/services/fulfilment/request"
	"habeas.internal/services/fulfilment/system"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/eventpb"

	"go.opentelemetry.io/otel/trace"
)

// Log is what all handlers run on.
type Log struct {
	Store    es.Store
	Verifier es.Verifier
	Digester es.Digester
	Tracer   trace.Tracer
	Random   io.Reader
	Sealer   eventpb.Sealer
}

// handler makes the handler of one kind of aggregate.
func handler[S, C, E any](
	l Log, codec eventpb.Codec[E], decide func(S, C) ([]E, error), evolve func(S, E) S, refuse func(string) error,
) es.Handler[S, C, E] {
	return es.Handler[S, C, E]{
		Store: l.Store, Verifier: l.Verifier, Digester: l.Digester, Tracer: l.Tracer, Random: l.Random,
		Registry: codec.Registry(), Encode: codec.Encode(l.Sealer), Decide: decide, Evolve: evolve, Refuse: refuse,
	}
}

func refuse(reason string) error { return request.Refusal(reason) }

// RequestHandler runs the commands of requests.
func (l Log) RequestHandler() (es.Handler[request.Request, request.Command, request.Event], error) {
	codec, err := Requests()
	return handler(l, codec, request.Decide, request.Evolve, refuse), err
}

// DocketHandler runs the commands of dockets.
func (l Log) DocketHandler() (es.Handler[docket.Docket, docket.Command, docket.Event], error) {
	codec, err := Dockets()
	return handler(l, codec, docket.Decide, docket.Evolve, refuse), err
}

// NoticeHandler runs the commands of notices.
func (l Log) NoticeHandler() (es.Handler[notice.Notice, notice.Command, notice.Event], error) {
	codec, err := Notices()
	return handler(l, codec, notice.Decide, notice.Evolve, refuse), err
}

// SystemHandler runs the commands of systems.
func (l Log) SystemHandler() (es.Handler[system.System, system.Command, system.Event], error) {
	codec, err := Systems()
	return handler(l, codec, system.Decide, system.Evolve, refuse), err
}

// CatalogueHandler runs the commands of catalogues.
func (l Log) CatalogueHandler() (es.Handler[catalogue.Catalogue, catalogue.Command, catalogue.Event], error) {
	codec, err := Catalogues()
	return handler(l, codec, catalogue.Decide, catalogue.Evolve, refuse), err
}
