# The project's verbs. Tools are pinned under tools/ and built into .bin once.
SHELL := /bin/bash
PKGS := ./proto/... ./services/...
FUZZTIME ?= 30s
DATA ?= .habeas

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help run gen fmt lint test test-long conformance chaos fuzz bench verify check

help: ## list these verbs
	@sed -nE 's/^([a-z-]+):.*## /\1\t/p' $(MAKEFILE_LIST) | while IFS=$$'\t' read -r v s; do printf '%-12s %s\n' "$$v" "$$s"; done

run: ## run everything in one process, with a demo; Ctrl-C stops it
	@mkdir -p $(DATA)
	go build -o $(DATA)/habeas ./services/habeas && exec $(DATA)/habeas up --data $(DATA)

gen: ## write proto/gen from the protos
	tools/gen

fmt: ## format Go and protos
	tools/run golangci-lint fmt $(PKGS:/...=)
	tools/run buf format -w proto

lint: ## lint Go and protos, and hold the import rules
	tools/lint-all $(PKGS)

test: ## run every test that takes seconds; installs the servers they talk to
	tools/setup redis-server postgres mariadbd
	go test -p 3 -timeout 8m $(PKGS)

test-long: ## run the tests that take minutes too (build tag long)
	tools/setup redis-server postgres mariadbd
	go test -count=1 -timeout 2h -tags long $(PKGS)

conformance: ## show which of the published promises are kept, and which not yet
	tools/setup redis-server
	@out=$$(mktemp); HABEAS_CONFORMANCE_OUT=$$out go test -count=1 -timeout 15m ./services/conformance \
		-run '^(TestPromises|TestEveryPromiseHasARow)$$'; code=$$?; cat $$out; rm -f $$out; exit $$code

chaos: ## run the seeded campaigns that kill, pause and corrupt (TestChaos..., build tag long)
	go test -tags long -list '^TestChaos' ./services/... | grep '^TestChaos'
	go test -count=1 -timeout 2h -tags long -v -run '^TestChaos' ./services/...

fuzz: ## run each fuzz target for FUZZTIME (30s)
	tools/fuzz $(FUZZTIME) $(PKGS)

bench: ## measure against the machine's limits and the peers, and write services/bench/RESULTS.md
	tools/setup redis-server postgres
	tools/run openfga version
	go run ./services/bench

verify: ## everything in check but the tests
	tools/gen --check
	tools/lint-all $(PKGS)
	tools/breaking
	tools/modules
	tools/clean-tree

check: test verify ## what a commit must pass; exactly what CI runs
