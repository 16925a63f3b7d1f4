package services_test

import "strings"

func plantedDomains() []planted {
	const (
		imports = "a domain package imports the pure standard library only"
		calls   = "a domain package has no clock and never panics"
		sums    = "commands and events of a domain are declared as sum types"
	)
	return []planted{
		{imports, map[string]string{
			"services/consent/decide.go":               "package consent\nimport (\n\"errors\"\n\"time\"\n)",
			"services/consent/decide_test.go":          "package consent\nimport \"os\"",
			"services/consent/internal/wire/wire.go":   "package wire\nimport \"os\"",
			"services/consent/consentd/consentd.go":    "package consentd\nimport \"os\"",
			"services/habeas/decide.go":                "package habeas\nimport \"os\"",
			"services/retention/schedule/schedule.go":  "package schedule\nimport \"slices\"",
			"services/retention/schedule/decide.go":    "package schedule",
			"services/retention/calendar/calendar.go":  "package calendar\nimport \"embed\"",
			"services/internal/es/decide.go":           "package es\nimport \"context\"",
			"services/audit/decide.go":                 "package audit\nimport \"context\"",
			"services/retention/schedule/load_test.go": "package schedule_test\nimport \"os\"",
		}, nil},
		{imports, map[string]string{
			"services/consent/types.go":              "package consent\nimport \"context\"",
			"services/consent/ids.go":                "package consent\nimport (\n\"strings\"\n\"math/rand/v2\"\n)",
			"services/retention/hold/decide.go":      "package hold",
			"services/retention/hold/evolve.go":      "package hold\nimport l \"log/slog\"",
			"services/fulfilment/request/decide.go":  "package request\nimport \"google.golang.org/grpc\"",
			"services/identity/subject/id/decide.go": "package id\nimport \"habeas.internal/services/internal/es\"",
		}, []string{
			"services/consent/ids.go:4", "services/consent/types.go:2", "services/fulfilment/request/decide.go:2",
			"services/identity/subject/id/decide.go:2", "services/retention/hold/evolve.go:2",
		}},
		{calls, map[string]string{
			"services/consent/decide.go":      "package consent\nimport \"time\"\nfunc due(at time.Time) time.Time { return at.Add(time.Hour) }",
			"services/consent/decide_test.go": "package consent\nimport \"time\"\nvar at = time.Now()",
			"services/consent/evolve.go":      "package consent\ntype clock struct{}\nfunc (clock) Now() int { return 0 }\nvar time clock\nvar at = time.Now()",
			"services/internal/es/es.go":      "package es\nimport \"time\"\nfunc f() { panic(time.Now()) }",
		}, nil},
		{calls, map[string]string{
			"services/consent/decide.go":        "package consent\nimport \"time\"\nfunc f() {\n_ = time.Now()\n_ = time.Since\n}",
			"services/consent/evolve.go":        "package consent\nimport clock \"time\"\nvar zone = clock.Local",
			"services/fulfilment/r/decide.go":   "package r\nfunc f() {\nif true {\npanic(1)\n}\n}",
			"services/fulfilment/r/calendar.go": "package r\nimport \"time\"\nfunc f() { time.LoadLocation(\"\") }",
		}, []string{
			"services/consent/decide.go:4", "services/consent/decide.go:5", "services/consent/evolve.go:3",
			"services/fulfilment/r/calendar.go:3", "services/fulfilment/r/decide.go:4",
		}},
		{sums, map[string]string{
			"services/consent/types.go":  "package consent\n// Event has happened.\n//\n//sumtype:decl\ntype Event interface{ event() }\ntype Command struct{}",
			"services/internal/es/es.go": "package es\ntype Event interface{ event() }",
		}, nil},
		{sums, map[string]string{
			"services/consent/types.go": "package consent\n\n// Event has happened.\ntype Event interface{ event() }\ntype (\n//sumtype:decl\nCommand interface{ command() }\n)",
			"services/identity/a.go":    "package identity\ntype Command interface{ command() }",
		}, []string{"services/consent/types.go:4", "services/identity/a.go:2"}},
	}
}

func plantedImports() []planted {
	const (
		services = "no service imports another service"
		nats     = "only the store and its server know NATS"
	)
	use := func(names ...string) string {
		text := "package p"
		for _, name := range names {
			text += "\nimport _ \"" + name + "\""
		}
		return text
	}
	const ours = "habeas.internal/services/"
	return []planted{
		{services, map[string]string{
			"services/consent/internal/rpc/rpc.go": use(ours+"consent", ours+"internal/es", "habeas.internal/proto/gen/habeas/identity/v1"),
			"services/habeas/up.go":                use(ours+"consent/consentd", ours+"identity/identityd"),
			"services/systemtest/a_test.go":        use(ours+"consent", ours+"identity"),
			"services/bench/check/check_test.go":   use(ours+"consent", ours+"systemtest"),
			"services/bench/write/write_test.go":   use(ours + "identity"),
			"services/internal/es/es.go":           use(ours + "internal/seal"),
		}, nil},
		{services, map[string]string{
			"services/consent/internal/rpc/rpc.go":      use(ours+"consent", ours+"identity"),
			"services/consent/internal/rpc/rpc_test.go": use(ours + "retention/hold"),
			"services/audit/seal.go":                    use(ours + "consent"),
			"services/gateway/door.go":                  use(ours + "fulfilment/fulfilmentd"),
			"services/internal/es/es.go":                use(ours + "consent"),
			"services/internal/rpc/rpc.go":              use(ours + "habeas"),
			"services/identity/a.go":                    use(ours + "systemtest"),
			"services/bench/b_test.go":                  use(ours+"consent", ours+"identity"),
			"proto/client/client.go":                    use(ours + "internal/es"),
		}, []string{
			"proto/client/client.go:2", "services/audit/seal.go:2", "services/bench/b_test.go:3",
			"services/consent/internal/rpc/rpc.go:3", "services/consent/internal/rpc/rpc_test.go:2",
			"services/gateway/door.go:2", "services/identity/a.go:2", "services/internal/es/es.go:2",
			"services/internal/rpc/rpc.go:2",
		}},
		{nats, map[string]string{
			"services/internal/es/jetstream/store.go":        use("github.com/nats-io/nats.go/jetstream"),
			"services/internal/es/jetstream/direct/get.go":   use("github.com/nats-io/nats.go"),
			"services/internal/natsd/natsd.go":               use("github.com/nats-io/nats-server/v2/server"),
			"services/internal/testserver/natsnode/main.go":  use("github.com/nats-io/nats-server/v2/server"),
			"services/internal/daemon/daemon_test.go":        use("github.com/nats-io/nats.go"),
			"services/bench/raw/raw.go":                      use("github.com/nats-io/nats.go"),
			"services/systemtest/story.go":                   use("github.com/nats-io/nats.go"),
			"services/consent/internal/view/view.go":         use("example.com/nats-io/other"),
			"services/internal/es/jetstream/permits/user.go": use("github.com/nats-io/jwt/v2"),
		}, nil},
		{nats, map[string]string{
			"services/internal/es/es.go":               use("github.com/nats-io/nats.go"),
			"services/internal/es/jetstreamish/a.go":   use("github.com/nats-io/nats.go/jetstream"),
			"services/consent/internal/view/view.go":   use("github.com/nats-io/nuid"),
			"services/identity/cmd/identityd/main.go":  use("os", "github.com/nats-io/nkeys"),
			"proto/client/watch.go":                    use("github.com/nats-io/nats.go"),
			"services/internal/seal/vault/internal.go": use("github.com/nats-io/nats.go"),
		}, []string{
			"proto/client/watch.go:2", "services/consent/internal/view/view.go:2", "services/identity/cmd/identityd/main.go:3",
			"services/internal/es/es.go:2", "services/internal/es/jetstreamish/a.go:2", "services/internal/seal/vault/internal.go:2",
		}},
	}
}

func plantedManners() []planted {
	const (
		comments = "every package says what it is for"
		docs     = "every service has a doc.go"
		names    = "a package is not named after its vagueness"
		lengths  = "a file is at most 400 lines long"
		inits    = "nothing runs before main"
		mutable  = "no package variable changes"
		tasks    = "an open task names its issue"
	)
	return []planted{
		{comments, map[string]string{
			"services/consent/doc.go":               "// Package consent decides.\npackage consent",
			"services/consent/decide.go":            "package consent",
			"services/consent/cmd/consentd/main.go": "// Command consentd runs.\npackage main",
			"services/systemtest/a_test.go":         "// Package systemtest tells stories.\npackage systemtest",
		}, nil},
		{comments, map[string]string{
			"services/consent/decide.go":            "package consent",
			"services/consent/internal/wire/w.go":   "// Package view reads.\npackage wire",
			"services/consent/cmd/consentd/main.go": "// Package main runs.\npackage main",
			"services/internal/es/es.go":            "// Package es stores.\n\npackage es",
			"proto/client/client.go":                "package client",
		}, []string{
			"proto/client", "services/consent", "services/consent/cmd/consentd",
			"services/consent/internal/wire", "services/internal/es",
		}},
		{docs, map[string]string{
			"services/consent/doc.go":    "package consent",
			"services/consent/decide.go": "package consent",
			"services/internal/es/es.go": "package es",
		}, nil},
		{docs, map[string]string{
			"services/consent/decide.go":         "package consent",
			"services/consent/internal/x/doc.go": "package x",
			"services/audit/seal.go":             "package audit",
		}, []string{"services/audit", "services/consent"}},
		{names, map[string]string{"services/internal/es/es.go": "package es"}, nil},
		{names, map[string]string{"services/internal/util/u.go": "package util"}, []string{"services/internal/util/u.go:1"}},
		{lengths, map[string]string{"services/internal/es/a.go": "package es\n" + strings.Repeat("//\n", 398)}, nil},
		{lengths, map[string]string{
			"services/internal/es/a_test.go": "package es\n" + strings.Repeat("//\n", 400),
		}, []string{"services/internal/es/a_test.go"}},
		{inits, map[string]string{"services/a/a.go": "package a\ntype t struct{}\nfunc (t) init() {}"}, nil},
		{inits, map[string]string{"services/a/a.go": "package a\nfunc init() {}"}, []string{"services/a/a.go:2"}},
		{mutable, map[string]string{
			"services/a/a.go": "package a\nimport (\n\"errors\"\n_ \"embed\"\n)\n// ErrX.\nvar ErrX = errors.New(\"x\")\n" +
				"//go:embed x.lua\nvar script string\nvar (\n//go:embed y\ny []byte\n)\nvar _ error = (*e)(nil)\nvar names = map[int]string{1: \"a\"}\nfunc f() { var n int; _ = n }",
		}, nil},
		{mutable, map[string]string{
			"services/a/a.go": "package a\nimport (\n\"sync\"\n\"sync/atomic\"\n)\nvar mu sync.Mutex\nvar once = sync.Once{}\n" +
				"var n = atomic.Int64{}\nvar seen = make(map[string]bool)\nvar (\na = 1\nb int\n)",
		}, []string{"services/a/a.go:12", "services/a/a.go:6", "services/a/a.go:7", "services/a/a.go:8", "services/a/a.go:9"}},
		{tasks, map[string]string{"services/a/a.go": "package a // TODO(#12): the rest\nvar x = \"TODO\""}, nil},
		{tasks, map[string]string{
			"services/a/a.go": "package a // TODO the rest\n/* FIXME */\nvar x = 1 // XXX(#3)",
		}, []string{"services/a/a.go:1", "services/a/a.go:2", "services/a/a.go:3"}},
	}
}

func plantedTests() []planted {
	const (
		skips = "a test is skipped for an allowed reason only"
		tags  = "a build tag hides no test from the verbs"
	)
	return []planted{
		{skips, map[string]string{
			"services/a/a_test.go": "package a\nimport \"testing\"\nfunc TestA(t *testing.T) {\n" +
				"if testing.Short() {\nt.Skip(\"short: a minute\")\n}\nt.Skip(\"the input is outside what the rule speaks of\")\n}",
			"services/a/a.go": "package a\nfunc f(r reader) { r.Skip(3) }",
		}, nil},
		{skips, map[string]string{
			"services/a/a_test.go": "package a\nimport \"testing\"\nfunc TestA(t *testing.T) {\n" +
				"t.Skip(\"short: a minute\")\nt.Skip()\nt.SkipNow()\nt.Skipf(\"no %s\", x)\nt.Skip(reason)\nif testing.Short() {\nt.Skip(\"slow\")\n}\n}",
			"services/internal/need/need.go": "package need\nimport \"testing\"\nfunc Redis(t testing.TB) {\nt.Skip(\"no redis\")\n}",
		}, []string{
			"services/a/a_test.go:10", "services/a/a_test.go:4", "services/a/a_test.go:5", "services/a/a_test.go:6",
			"services/a/a_test.go:7", "services/a/a_test.go:8", "services/internal/need/need.go:4",
		}},
		{tags, map[string]string{
			"services/a/long_test.go":  "//go:build long && !race\n\npackage a",
			"services/a/attr_other.go": "//go:build unix && !linux\n\npackage a",
		}, nil},
		{tags, map[string]string{
			"services/a/a_test.go":         "//go:build long && never\n\npackage a",
			"services/a/b_test.go":         "//go:build ignore\n\npackage a",
			"services/a/c_windows_test.go": "package a",
		}, []string{"services/a/a_test.go:1", "services/a/b_test.go:1", "services/a/c_windows_test.go:1"}},
	}
}
