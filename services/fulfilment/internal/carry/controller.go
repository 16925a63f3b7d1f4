package carry

import (
	"context"
	"fmt"

	"habeas.internal/services/fulfilment/controllers"
	"habeas.internal/services/fulfilment/internal/terms"
	"habeas.internal/services/fulfilment/request"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/personal"
)

// ControllersOf is a tenant's list of the controllers whose processor it is.
func ControllersOf(tenant string) es.Aggregate {
	return es.Aggregate{Context: Context, Tenant: tenant, Type: controllers.AggregateType, ID: controllers.ID}
}

// failNoController: the controller that was named has ended.
const failNoController = Failure("CONTROLLER_NOT_FOUND")

// controller is the request's controller, as it is registered now.
func (j *journey) controller(ctx context.Context) (controllers.Controller, error) {
	all, _, err := j.cfg.Controllers.Load(ctx, ControllersOf(j.agg.Tenant), es.Leader)
	if err != nil {
		return controllers.Controller{}, fmt.Errorf("load controllers: %w", err)
	}
	c, there := all.Find(j.s.Instruction.Controller)
	if !there {
		return c, failNoController
	}
	return c, nil
}

// ask begins the controller's clock. It is asked in the same breath, by the next
// step.
func (j *journey) ask(ctx context.Context) error {
	if _, err := j.controller(ctx); err != nil {
		return err
	}
	now := j.cfg.Now()
	due, reminders, err := terms.Schedule(j.s.Terms, now)
	if err != nil {
		return failZone
	}
	return j.note(ctx, request.StepAsk, request.AskController{
		Controller: j.s.Instruction.Controller, DueAt: due, Reminders: reminders, At: now,
	})
}

// remind tells the controller that it is waited for: at first, again, and that it is
// late.
func (j *journey) remind(ctx context.Context) error {
	c, err := j.controller(ctx)
	if err != nil {
		return err
	}
	template, _ := j.s.ToController()
	return j.owe(ctx, template, personal.Clear(c.Contact))
}
