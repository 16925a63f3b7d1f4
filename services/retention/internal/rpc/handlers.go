package rpc

import (
	"fmt"

	"habeas.internal/services/internal/es"
	"habeas.internal/services/retention/account"
	"habeas.internal/services/retention/conversation"
	"habeas.internal/services/retention/internal/wire"
	"habeas.internal/services/retention/messageplan"
	"habeas.internal/services/retention/person"
	"habeas.internal/services/retention/schedule"

	"google.golang.org/protobuf/proto"
)

// Context is the context that retention owns.
const Context = "retention"

// Schedules runs the commands of schedules.
type Schedules = es.Handler[schedule.Schedule, schedule.Command, schedule.Event]

// Persons runs the commands of persons.
type Persons = es.Handler[person.Person, person.Command, person.Event]

// Accounts runs the commands of accounts.
type Accounts = es.Handler[account.Account, account.Command, account.Event]

// Plans runs the commands of message plans.
type Plans = es.Handler[messageplan.Plan, messageplan.Command, messageplan.Event]

// Conversations runs the commands of conversations.
type Conversations = es.Handler[conversation.Conversation, conversation.Command, conversation.Event]

// NewSchedules makes the handler of schedules on a log. h holds what differs
// between installations: store, verifier, digester, tracer, randomness.
func NewSchedules(h Schedules) (Schedules, error) {
	codec, err := wire.Schedule()
	if err != nil {
		return h, err
	}
	h.Registry, h.Encode = codec.Registry(), codec.Encode(nil)
	h.Decide, h.Evolve = schedule.Decide, schedule.Evolve
	h.Refuse = func(reason string) error { return schedule.Refusal(reason) }
	return h, nil
}

// NewPersons makes the handler of persons on a log, as NewSchedules does.
func NewPersons(h Persons) (Persons, error) {
	codec, err := wire.Person()
	if err != nil {
		return h, err
	}
	h.Registry, h.Encode = codec.Registry(), codec.Encode(nil)
	h.Decide, h.Evolve = person.Decide, person.Evolve
	h.Refuse = func(reason string) error { return person.Refusal(reason) }
	return h, nil
}

// NewPlans makes the handler of message plans on a log, as NewSchedules does.
func NewPlans(h Plans) (Plans, error) {
	codec, err := wire.MessagePlan()
	if err != nil {
		return h, err
	}
	h.Registry, h.Encode = codec.Registry(), codec.Encode(nil)
	h.Decide, h.Evolve = messageplan.Decide, messageplan.Evolve
	return h, nil
}

// NewConversations makes the handler of conversations on a log, as NewSchedules
// does.
func NewConversations(h Conversations) (Conversations, error) {
	codec, err := wire.Conversation()
	if err != nil {
		return h, err
	}
	h.Registry, h.Encode = codec.Registry(), codec.Encode(nil)
	h.Decide, h.Evolve = conversation.Decide, conversation.Evolve
	h.Refuse = func(reason string) error { return conversation.Refusal(reason) }
	return h, nil
}

// PlanOf is the aggregate of a message plan.
func PlanOf(tenant, plan string) es.Aggregate {
	return es.Aggregate{
		Context: Context, Tenant: tenant, Type: messageplan.AggregateType, ID: es.DeriveID(tenant, messageplan.AggregateType, plan),
	}
}

// ConversationOf is the aggregate of a conversation.
func ConversationOf(tenant, ref string) es.Aggregate {
	return es.Aggregate{Context: Context, Tenant: tenant, Type: conversation.AggregateType, ID: ref}
}

// ScheduleOf is the aggregate of a policy's schedule.
func ScheduleOf(tenant, policy string) es.Aggregate {
	return es.Aggregate{
		Context: Context, Tenant: tenant, Type: schedule.AggregateType,
		ID: es.DeriveID(tenant, schedule.AggregateType, policy),
	}
}

// PersonOf is the aggregate of a person.
func PersonOf(tenant, subject string) es.Aggregate {
	return es.Aggregate{Context: Context, Tenant: tenant, Type: person.AggregateType, ID: subject}
}

// bodyOf is a request as the command's body: it tells a repeat from a reuse.
func bodyOf(request proto.Message) ([]byte, error) {
	body, err := proto.MarshalOptions{Deterministic: true}.Marshal(request)
	if err != nil {
		return nil, fmt.Errorf("encode command body: %w", err)
	}
	return body, nil
}

// NewAccounts makes the handler of accounts on a log, as NewSchedules does.
func NewAccounts(h Accounts) (Accounts, error) {
	codec, err := wire.Account()
	if err != nil {
		return h, err
	}
	h.Registry, h.Encode = codec.Registry(), codec.Encode(nil)
	h.Decide, h.Evolve = account.Decide, account.Evolve
	h.Refuse = func(reason string) error { return account.Refusal(reason) }
	return h, nil
}

// AccountOf is the aggregate of an account.
func AccountOf(tenant, name string) es.Aggregate {
	return es.Aggregate{Context: Context, Tenant: tenant, Type: account.AggregateType, ID: es.DeriveID(tenant, account.AggregateType, name)}
}
