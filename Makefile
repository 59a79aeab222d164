# claimd: the verbs that people type. Everything needs Go and make, nothing else.

GO      ?= go
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
PREFIX  ?= /usr/local
LDFLAGS := -s -w -X main.version=$(VERSION)
BUILD   := CGO_ENABLED=0 $(GO) build -trimpath -buildvcs=false -ldflags '$(LDFLAGS)'

GOLANGCI_LINT := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0

.PHONY: build run test vet lint bench microbench soak strangers fuzz mutate install clean

build: ## bin/claimd, bin/claimctl and bin/fakeentra
	@$(BUILD) -o bin/ ./cmd/...

run: build ## a tenant, claimd and a sample API on loopback, until Ctrl-C
	@bin/fakeentra demo --claimd bin/claimd --claimctl bin/claimctl

test: vet ## everything, with the race detector
	$(GO) test -race -timeout 10m ./...

vet:
	@unformatted=$$(gofmt -l cmd daemon mapping); \
	if [ -n "$$unformatted" ]; then echo "not formatted: $$unformatted"; echo "hint: gofmt -w cmd daemon mapping"; exit 1; fi
	$(GO) vet ./...

lint: ## the linters of .golangci.yaml; builds the program once
	@mkdir -p bin/tools
	@test -x bin/tools/golangci-lint || GOBIN=$(CURDIR)/bin/tools $(GO) install $(GOLANGCI_LINT)
	bin/tools/golangci-lint run

bench: ## what a request costs beside a bare net/http handler, held against the recorded ratios; RECORD=1 records them
	$(GO) test -count 1 -timeout 20m -v -run TestWhatARequestCosts ./daemon/bench -long $(if $(RECORD),-record)

microbench: ## the benchmarks of the packages, without the tests
	$(GO) test -run '^$$' -bench . -benchmem ./...

SOAK ?= 30m

soak: ## claimd under load while files, keys and provider change and fail; SOAK=5m for less than 30 minutes and 10,000 saves
	SOAK=$(SOAK) $(GO) test -count 1 -timeout 0 -v -run 'TestEverySave|TestWhateverBreaks' ./daemon/soak

strangers: ## claimd under a million worthless tokens, unknown keys and slow connections, SOAK each; for a machine that is idle else
	SOAK=$(SOAK) $(GO) test -count 1 -timeout 0 -v -run 'Garbage|UnknownKey|SlowConnections|AMillion' ./daemon/soak

FUZZTIME ?= 30s

fuzz: ## every fuzz target for FUZZTIME each; TARGETS=FuzzMap for some of them
	@GO=$(GO) FUZZTIME=$(FUZZTIME) .ci/fuzz

MUTATE ?= mapping daemon/token daemon/access

mutate: ## breaks the code in one place after another: a test must fail for each, or .ci/mutants.txt say why none can
	$(GO) run ./.ci/mutate -known .ci/mutants.txt $(MUTATE)

install: build ## into $(DESTDIR)$(PREFIX)/bin and $(DESTDIR)/etc/claimd; a configuration that is there stays
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)/etc/claimd
	install -m 0755 bin/claimd bin/claimctl $(DESTDIR)$(PREFIX)/bin/
	test -e $(DESTDIR)/etc/claimd/claimd.toml || install -m 0640 etc/claimd/claimd.toml $(DESTDIR)/etc/claimd/claimd.toml

clean: ## what make built
	rm -rf bin
