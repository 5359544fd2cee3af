# Two commands are enough: `make demo` to see it run, `make test` to check it.
SHELL := /bin/bash
PYTHON ?= python3.11
VENV := .venv
PY := $(VENV)/bin/python
PROTOS := $(shell find proto -name '*.proto' 2>/dev/null | sort)

.DEFAULT_GOAL := help
.PHONY: help setup setup-dev demo demo-check demo-clean test lint proto lock

help: ## this list
	@grep -hE '^[a-z-]+:.*?## ' $(MAKEFILE_LIST) | sort | awk 'BEGIN {FS = ":.*?## "}; {printf "  %-12s %s\n", $$1, $$2}'

setup: $(VENV)/.run ## environment for running a node, from the hash-pinned lock
setup-dev: $(VENV)/.dev ## environment for tests and lint, from the hash-pinned lock

proto: setup-dev ## generate the message classes from proto/
	$(PY) -m grpc_tools.protoc -Iproto --python_out=. --mypy_out=. --grpc_python_out=. --mypy_grpc_out=. $(PROTOS)

lock: ## pin the dependencies again (needs uv)
	uv pip compile -q pyproject.toml --all-extras --generate-hashes --no-emit-index-url --no-header --no-annotate --python-version 3.11 -o locks/run.txt
	uv pip compile -q pyproject.toml --all-extras --group dev --generate-hashes --no-emit-index-url --no-header --no-annotate --python-version 3.11 -o locks/dev.txt
