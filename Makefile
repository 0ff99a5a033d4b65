.DEFAULT_GOAL := help
.PHONY: help demo build test model bench lint record-histories

lint := golangci-lint run ./...

help: ## Say what can be made
	@sed -n 's/^\([a-z-]*\):.*## /\1: /p' Makefile

demo: ## See the product work, with everything it needs (ARGS=...)
	@.ci/postgres
	go run -C internal/demo . $(ARGS)

build: ## Build worker and starter into bin/
	go build -o bin/ ./worker ./starter

test: ## Check and test everything, and name all that failed at the end
	@.ci/test

model: ## Live through many random sequences that no run has seen yet (SEQUENCES=20000)
	@.ci/postgres
	go test ./internal/model -count=1 -timeout=0 -run=TestModel -model.sequences=$(or $(SEQUENCES),20000) -model.seed=$$(date +%s)

bench: ## Measure mass syncs, in about ten minutes (ARGS="-records 100000 mapped")
	@.ci/postgres
	go run -C internal/demo ./bench $(ARGS)

record-histories: ## Record workflow histories of the code as it is, when a release is cut
	RECORD_HISTORIES=$(CURDIR)/workflows/testdata/history go test -C internal/demo -run TestRecordHistories -count=1 ./e2e

lint: ## Check everything without running it
	go vet ./...
	go tool workflowcheck ./...
	go tool -modfile=.ci/tools/go.mod $(lint)
	cd internal/demo && go vet ./...
	cd internal/demo && go tool -modfile=../../.ci/tools/go.mod $(lint)
	cd .ci/deploy && go vet ./...
