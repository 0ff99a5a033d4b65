.DEFAULT_GOAL := help
.PHONY: help demo build test model fuzz bench lint pictures record-histories record-release

lint := golangci-lint run ./...

# What a build says of itself. The Dockerfile takes the same two as arguments.
VERSION ?= $(or $(shell git describe --tags --always --dirty 2>/dev/null),dev)
COMMIT ?= $(or $(shell git rev-parse HEAD 2>/dev/null),unknown)
stamp := -s -X advocatesync/internal/buildinfo.version=$(VERSION) -X advocatesync/internal/buildinfo.commit=$(COMMIT)

help: ## Say what can be made
	@sed -n 's/^\([a-z-]*\):.*## /\1: /p' Makefile

demo: ## See the product work, with everything it needs (ARGS=...)
	@.ci/postgres
	go run -C internal/demo . $(ARGS)

build: ## Build worker and starter into bin/, with the list of what is in them
	go build -trimpath -buildvcs=false -ldflags="$(stamp)" -o bin/ ./worker ./starter
	go run ./internal/sbom bin/worker bin/starter > bin/sbom.cdx.json

test: ## Check and test everything, and name all that failed at the end
	@.ci/test

model: ## Live through many random sequences that no run has seen yet (SEQUENCES=20000 LABS=4)
	@.ci/postgres
	go test ./internal/model -count=1 -timeout=0 -parallel=$(or $(LABS),4) -run=TestModel -model.sequences=$(or $(SEQUENCES),20000) -model.seed=$$(date +%s)

fuzz: ## Feed every border what nobody would send, each for a while (FUZZTIME=10m)
	@.ci/postgres
	@.ci/fuzz $(or $(FUZZTIME),10m)

bench: ## Measure mass syncs, in about ten minutes (ARGS="-records 100000 mapped")
	@.ci/postgres
	go run -C internal/demo ./bench $(ARGS)

record-histories: ## Record workflow histories of the code as it is, when a release is cut
	RECORD_HISTORIES=$(CURDIR)/workflows/testdata/history/$$(date +%F) go test -C internal/demo -run 'TestRecord.*Histories' -timeout 30m -count=1 ./e2e

record-release: ## Record the release that sites upgrade from, when the next one is cut (RELEASE=v1.1.0)
	RECORD_RELEASE=$(RELEASE) go test -C internal/demo -run TestUpgrade -timeout 30m -count=1 ./e2e

pictures: ## Take the pictures of docs/console.md anew
	@.ci/postgres
	PICTURES=$(CURDIR)/docs go test -C internal/demo -count=1 -run TestPictures ./browser

lint: ## Check everything without running it
	go vet ./...
	go tool workflowcheck ./...
	go tool -modfile=.ci/tools/go.mod $(lint)
	cd internal/demo && go vet ./...
	cd internal/demo && go tool -modfile=../../.ci/tools/go.mod $(lint)
	cd .ci/deploy && go vet ./...
	cd .ci/supply && go vet ./...
