# claimd: the verbs that people type. Everything needs Go and make, nothing else.

GO      ?= go
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
PREFIX  ?= /usr/local
LDFLAGS := -s -w -X main.version=$(VERSION)
BUILD   := CGO_ENABLED=0 $(GO) build -trimpath -buildvcs=false -ldflags '$(LDFLAGS)'

GOLANGCI_LINT := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0

.PHONY: build run test vet lint bench install clean

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

bench: ## the benchmarks, without the tests
	$(GO) test -run '^$$' -bench . -benchmem ./...

install: build ## into $(DESTDIR)$(PREFIX)/bin and $(DESTDIR)/etc/claimd; a configuration that is there stays
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)/etc/claimd
	install -m 0755 bin/claimd bin/claimctl $(DESTDIR)$(PREFIX)/bin/
	test -e $(DESTDIR)/etc/claimd/claimd.toml || install -m 0640 etc/claimd/claimd.toml $(DESTDIR)/etc/claimd/claimd.toml

clean: ## what make built
	rm -rf bin
