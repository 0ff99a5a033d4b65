.DEFAULT_GOAL := help
.PHONY: help demo build test lint

lint := golangci-lint run ./...

help: ## Say what can be made
	@sed -n 's/^\([a-z]*\):.*## /\1: /p' Makefile

demo: ## See the product work, with everything it needs (ARGS=...)
	@.ci/postgres
	go build -o bin/ ./worker ./starter
	go run -C internal/demo . $(ARGS)

build: ## Build worker and starter into bin/
	go build -o bin/ ./worker ./starter

test: lint ## Check and test everything
	go test ./...
	go test -C internal/demo -timeout 30m ./...

lint: ## Check everything without running it
	go vet ./...
	go tool workflowcheck ./...
	go tool -modfile=.ci/tools/go.mod $(lint)
	cd internal/demo && go vet ./...
	cd internal/demo && go tool -modfile=../../.ci/tools/go.mod $(lint)
