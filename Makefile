# Everything that is done to this repository more than once. `make` alone says what there is.

SHELL       := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

# Every folder with a go.mod is a module: the library, and what is kept out of its dependencies. Those without Go
# files (tools) have nothing to build or test. The Vault server for tests stands apart: it needs over a thousand
# packages, which each command would compile or analyse anew; the targets that have vault-server in their names see to it.
VAULT_SERVER = internal/testenv/vaultserver
MODULES = $(shell find . -name go.mod -not -path './.*/*' -not -path './$(VAULT_SERVER)/*' | sort | while read -r mod; do \
	folder=$$(dirname "$$mod"); [ -z "$$(find "$$folder" -name '*.go' | head -n 1)" ] || echo "$$folder"; done)
STATICCHECK := $(CURDIR)/bin/staticcheck
BENCHSTAT := $(CURDIR)/bin/benchstat

# The tests in a browser stand apart, too: whoever tests the library need not have one.
BROWSER_TESTS = ./statuspage/e2e
TESTED = $(filter-out $(BROWSER_TESTS),$(MODULES))

# What can be set: make test TESTFLAGS='-run Pool -v', make fuzz FUZZTIME=5m, make microbench BENCH=Acquire
TESTFLAGS ?=
FUZZTIME  ?= 10s
BENCH     ?= .
SOAK      ?= .
DEMOFLAGS ?=
BENCHFLAGS ?=

# each_module runs $(1) in the folder of every module, each_tested in that of every one but the tests in a browser. Both
# stop at the first failure.
each_module = $(call each,$(MODULES),$(1))
each_tested = $(call each,$(TESTED),$(1))
each = for module in $(1); do ( cd "$$module" && $(2) ) || exit 1; done

.PHONY: help
help: ## Say what can be made
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: setup
setup: ## Install what is missing besides Go (PostgreSQL, MariaDB, a C compiler); quick when nothing is
	@scripts/setup.sh

.PHONY: demo
demo: setup ## Watch credentials rotate under load on a private PostgreSQL
	cd examples && go run ./quickstart $(DEMOFLAGS)

.PHONY: demo-vault
demo-vault: setup vault-server ## The same on leases of a few seconds of a real Vault, private, too
	cd examples && go run ./vault $(DEMOFLAGS)

.PHONY: vault-server
vault-server: ## Build the Vault server for tests, unless vault is installed; six minutes once
	@go run ./internal/testenv/cmd/buildvault

.PHONY: test
test: setup vault-server ## Run all tests of all modules under the race detector
	@$(call each_tested,echo "== go test -race ./... in $$module" && go test -race -timeout 15m $(TESTFLAGS) ./...)

.PHONY: test-short
test-short: setup vault-server ## Run the quick tests, without the race detector
	@$(call each_tested,go test -short $(TESTFLAGS) ./...)

.PHONY: e2e
e2e: setup-browser ## Look at the status page in a real browser; installs Chromium
	cd $(BROWSER_TESTS) && go test -count=1 -timeout 15m $(TESTFLAGS) ./...

.PHONY: e2e-short
e2e-short: setup-browser
	cd $(BROWSER_TESTS) && go test -count=1 -timeout 10m -short $(TESTFLAGS) ./...

.PHONY: screenshots
screenshots: setup-browser ## Take the pictures of the status page in docs/
	cd $(BROWSER_TESTS) && go test -count=1 -run Screenshots . -args -screenshots $(CURDIR)/docs/images

.PHONY: setup-browser
setup-browser:
	@scripts/setup.sh browser

.PHONY: soak
soak: setup vault-server ## Run the long forms of the tests (REKEY_FULL=1); an hour or so
	REKEY_FULL=1 go test -race -count=1 -timeout 3h -v -run '$(SOAK)' $(TESTFLAGS) ./...

# Each command stops by itself, at its -limit at the latest; together they fit 20 minutes on two processors.
.PHONY: bench
bench: setup vault-server ## Compare the pools with what one would use otherwise; pages in bin/bench; 20 minutes
	@mkdir -p bin/bench
	$(call bench,rotation) -rounds 3 -for 1600ms -limit 750s $(BENCHFLAGS)
	$(call bench,latency) -limit 120s
	$(call bench,scale) -limit 120s
	@$(MAKE) --no-print-directory bench-go

bench = cd benchmarks && go run ./$(1) -json ../bin/bench/$(1).json -html ../bin/bench/$(1).html

# Rounds of all Go benchmarks that compare pools, and what benchstat says of them.
BENCHCOUNT ?= 6
BENCHTIME  ?= 200ms
.PHONY: bench-go
bench-go: setup $(BENCHSTAT) ## Compare the hot path and the adapters with plain ones: BENCHCOUNT rounds, then benchstat
	cd benchmarks && ../scripts/benchstat.sh $(BENCHSTAT) ../bin/bench $(BENCHCOUNT) $(BENCHTIME) '$(BENCH)'

.PHONY: bench-readme
bench-readme: ## Put the figures of make bench into the README
	cd benchmarks && go run ./readme -from ../bin/bench

.PHONY: microbench
microbench: setup vault-server ## Run the benchmarks of single functions
	@$(call each_tested,go test -run '^$$' -bench '$(BENCH)' -benchmem $(TESTFLAGS) ./...)

.PHONY: fuzz
fuzz: ## Run each fuzz target for FUZZTIME (10s)
	@$(call each_module,$(CURDIR)/scripts/fuzz.sh $(FUZZTIME))

.PHONY: lint
lint: gofmt vet staticcheck ## Check formatting, go vet and staticcheck

.PHONY: gofmt
gofmt:
	@echo "== gofmt"; unformatted=$$(gofmt -l .); \
	[ -z "$$unformatted" ] || { echo "run gofmt -w on:" $$unformatted; exit 1; }

.PHONY: vet
vet:
	@$(call each_module,echo "== go vet ./... in $$module" && go vet ./...)

.PHONY: staticcheck
staticcheck: $(STATICCHECK)
	@$(call each_module,echo "== staticcheck ./... in $$module" && $(STATICCHECK) ./...)

# The flags are those of the build in internal/testenv/vault_build.go, so that nothing is compiled a second time.
.PHONY: lint-vault-server
lint-vault-server: export CGO_ENABLED := 0
lint-vault-server: export GOFLAGS := -trimpath
lint-vault-server: $(STATICCHECK)
	@echo "== go vet ./... and staticcheck ./... in $(VAULT_SERVER)"
	@cd $(VAULT_SERVER) && go vet ./... && $(STATICCHECK) ./...

$(BENCHSTAT): tools/go.mod tools/go.sum
	cd tools && go build -o $@ golang.org/x/perf/cmd/benchstat

$(STATICCHECK): tools/go.mod tools/go.sum
	cd tools && go build -o $@ honnef.co/go/tools/cmd/staticcheck

.PHONY: build
build: ## Compile every package of every module
	@$(call each_module,echo "== go build ./... in $$module" && go build -o /dev/null ./...)

.PHONY: ci
ci: ## Do what the continuous integration does
	.ci/run

.PHONY: clean
clean: ## Remove what was made here
	rm -rf bin
	find . -name '*.test' -o -name '*.prof' | xargs -r rm -f
