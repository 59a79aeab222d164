# claimd: the verbs that people type. Everything needs Go and make, nothing else.

GO      ?= go
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
PREFIX  ?= /usr/local
LDFLAGS := -s -w -X main.version=$(VERSION)
BUILD   := CGO_ENABLED=0 $(GO) build -trimpath -buildvcs=false -ldflags '$(LDFLAGS)'

GOLANGCI_LINT := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0

# The packages: dist/*.deb and dist/*.rpm, the same bytes for the same commit.
NFPM_MODULE       := github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.43.0
NFPM              ?= bin/tools/nfpm
ARCHES            ?= amd64 arm64
SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct 2>/dev/null)
PACKAGE_VERSION   ?= $(shell packaging/version.sh '$(VERSION)' '$(SOURCE_DATE_EPOCH)')

.PHONY: build run test node-modules vet lint bench microbench soak strangers store fuzz mutate install clean deb rpm packages reproducible lintian test-system test-gateways-slow

build: ## bin/claimd, bin/claimctl and bin/fakeentra
	@$(BUILD) -o bin/ ./cmd/...

run: build ## a tenant, claimd and a sample API on loopback, until Ctrl-C
	@bin/fakeentra demo --claimd bin/claimd --claimctl bin/claimctl

test: vet ## everything, with the race detector
	$(GO) test -race -timeout 10m ./...

vet:
	@unformatted=$$(gofmt -l cmd daemon etc mapping packaging); \
	if [ -n "$$unformatted" ]; then echo "not formatted: $$unformatted"; echo "hint: gofmt -w cmd daemon etc mapping packaging"; exit 1; fi
	$(GO) vet ./...

# What tests drive that is written for Node.js: @azure/msal-node, at the versions of its lock file.
NODE_MODULES := $(patsubst %/package-lock.json,%/node_modules/.package-lock.json,$(wildcard daemon/*/testdata/package-lock.json))

node-modules: $(NODE_MODULES) ## the npm packages that some tests drive; without them these tests are skipped, with CI set they fail

%/node_modules/.package-lock.json: %/package-lock.json
	npm ci --prefix $* --ignore-scripts --no-audit --no-fund
	@touch $@

test-system: ## as root, on Debian: the packages installed under a systemd of its own; the first run fetches a Debian
	@$(MAKE) --no-print-directory deb ARCHES=$$($(GO) env GOARCH)
	CLAIMD_SYSTEM='$(CURDIR)/dist' $(GO) test -count=1 -v -timeout 15m ./packaging/systemtest

CADDY_MODULE := github.com/caddyserver/caddy/v2/cmd/caddy@v2.11.9

test-gateways-slow: bin/tools/caddy ## the gateways' tests with the newest Caddy, built once in some three minutes
	CLAIMD_TEST_CADDY='$(CURDIR)/bin/tools/caddy' $(GO) test -count 1 -v -run 'TestGatewaysAskClaimd/caddy' ./daemon/gatewaytest

bin/tools/caddy:
	@mkdir -p bin/tools
	GOBIN=$(CURDIR)/bin/tools GOFLAGS= $(GO) install $(CADDY_MODULE)

lint: ## the linters of .golangci.yaml; builds the program once
	@mkdir -p bin/tools
	@test -x bin/tools/golangci-lint || GOBIN=$(CURDIR)/bin/tools $(GO) install $(GOLANGCI_LINT)
	bin/tools/golangci-lint run

bench: ## what a request costs beside a bare net/http handler, held against the recorded ratios; RECORD=1 records them
	$(GO) test -count 1 -timeout 20m -v -run 'TestWhatARequestCosts|TestWhatTheDirectoryCosts' ./daemon/bench -long $(if $(RECORD),-record)

microbench: ## the benchmarks of the packages, without the tests
	$(GO) test -run '^$$' -bench . -benchmem ./...

SOAK ?= 30m

soak: ## claimd under load while files, keys and provider change and fail; SOAK=5m for less than 30 minutes and 10,000 saves
	SOAK=$(SOAK) $(GO) test -count 1 -timeout 0 -v -run 'TestEverySave|TestWhateverBreaks' ./daemon/soak

strangers: ## claimd under a million worthless tokens, unknown keys and slow connections, SOAK each; for a machine that is idle else
	SOAK=$(SOAK) $(GO) test -count 1 -timeout 0 -v -run 'Garbage|UnknownKey|SlowConnections|AMillion' ./daemon/soak

store: ## the directory of users: each store killed 500 times, and filled with a million users; some ten minutes
	$(GO) test -count 1 -timeout 60m -v -run 'TestAKilledDaemon|WhenItIsKilled|Million' ./daemon/directory -long

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

deb: ## dist/*.deb for $(ARCHES): claimd, and claimd-fakeentra

rpm: ## dist/*.rpm, likewise

packages: deb rpm

deb rpm: $(ARCHES:%=dist/build/%) $(NFPM)
	@for arch in $(ARCHES); do for package in claimd claimd-fakeentra; do \
	  VERSION='$(VERSION)' PACKAGE_VERSION='$(PACKAGE_VERSION)' SOURCE_DATE_EPOCH='$(SOURCE_DATE_EPOCH)' NFPM='$(NFPM)' \
	  packaging/build.sh $$package $@ $$arch || exit 1; \
	done; done

.PHONY: $(ARCHES:%=dist/build/%)
$(ARCHES:%=dist/build/%): # the programs that go into the packages
	@GOOS=linux GOARCH=$(@F) $(BUILD) -o $@/ ./cmd/...

bin/tools/nfpm: # built once, by the Go that is here
	@mkdir -p bin/tools
	GOBIN=$(CURDIR)/bin/tools GOFLAGS= $(GO) install $(NFPM_MODULE)

reproducible: $(NFPM) ## builds all packages twice, in two folders with two caches, and compares them byte by byte
	@NFPM='$(NFPM)' ARCHES='$(ARCHES)' VERSION='$(VERSION)' SOURCE_DATE_EPOCH='$(SOURCE_DATE_EPOCH)' \
	packaging/reproducible.sh

lintian: deb ## what Debian's checker says of the debs; what it may say is in packaging/deb/*.lintian-overrides
	lintian --fail-on error,warning --tag-display-limit 0 dist/*_$(PACKAGE_VERSION)-1_*.deb

clean: ## what make built
	rm -rf bin dist
