# Two commands are enough: `make demo` to see it run, `make test` to check it.
SHELL := /bin/bash
PYTHON ?= $(shell for name in python3.11 python3.12 python3.13 python3; do "$$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo "$$name"; break; }; done)
VENV := .venv
PY := $(VENV)/bin/python
PIP := $(PY) -m pip --disable-pip-version-check --no-input install --require-hashes --no-deps --only-binary :all:
PROTOS := $(shell find proto -name '*.proto' 2>/dev/null | sort)
NO_FETCH := The packages could not be fetched or did not match the lock: see the lines above, check that pip reaches its package index, and run this again.

.DEFAULT_GOAL := help
.PHONY: help setup setup-dev demo demo-check demo-clean test model sim chaos powercut check-long drills bench lint proto lock

help: ## this list
	@grep -hE '^[a-z-]+:.*?## ' $(MAKEFILE_LIST) | sort | awk 'BEGIN {FS = ":.*?## "}; {printf "  %-12s %s\n", $$1, $$2}'

setup: $(VENV)/.run ## environment for running a node, from the hash-pinned lock
setup-dev: $(VENV)/.dev ## environment for tests and lint, from the hash-pinned lock

# An environment that still runs is kept; a broken or half-made one is made anew.
$(VENV)/.made:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed and was not found: install it (on Debian: apt install python3 python3-venv) or name it, as in: make PYTHON=/path/to/python3.11 setup" >&2; exit 1; }
	@"$(PYTHON)" -c 'import venv, ensurepip' 2>/dev/null || { echo "$(PYTHON) cannot make virtual environments: install its venv package (on Debian: apt install python3-venv) and run this again." >&2; exit 1; }
	@$(PY) -m pip --version >/dev/null 2>&1 || { echo "Making the environment $(VENV) with $(PYTHON) ..."; rm -rf $(VENV) && "$(PYTHON)" -m venv $(VENV); }
	@touch $@

$(VENV)/.run: locks/run.txt $(VENV)/.made
	@echo "Installing what a node needs ($$(grep -c == $<) pinned packages) ..."
	@$(PIP) -r $< || { echo "$(NO_FETCH)" >&2; exit 1; }
	@touch $@

$(VENV)/.dev: locks/dev.txt $(VENV)/.run
	@command -v git >/dev/null || { echo "git is needed for the tests and was not found: install it (on Debian: apt install git)." >&2; exit 1; }
	@echo "Installing what tests and lint need ($$(grep -c == $<) pinned packages) ..."
	@$(PIP) -r $< || { echo "$(NO_FETCH)" >&2; exit 1; }
	@touch $@

demo: setup ## seven centres of Đồng Nai on this machine; Ctrl-C stops them (options: LINK=nats ARGS="--all-dashboards")
	@exec $(PY) -m node demo up $(if $(LINK),--link $(LINK)) $(ARGS)

demo-check: setup ## the same federation without a person: load, kills, proof, latencies; exit 0 only if all holds
	@GRPC_VERBOSITY=NONE exec $(PY) -m node demo check $(ARGS)

demo-clean: setup ## forget the demo's data, keys and accounts
	@exec $(PY) -m node demo clean $(ARGS)

test: setup-dev ## all tests, on two processors (options: JOBS=4 ARGS="tests/federation -x")
	@exec $(PY) -m pytest -n $(or $(JOBS),2) --dist loadfile $(ARGS)

model: setup-dev ## every state of the protocol's models visited, every wrong variant killed (options: ARGS=--quick)
	@exec $(PY) -m tests.model $(ARGS)

sim: setup-dev ## days of everything going wrong on virtual time, from a seed: nothing lost or doubled (options: SEEDS=1-20 ARGS=...)
	@exec $(PY) -m tests.simulation --seeds $(or $(SEEDS),1-20) $(ARGS)

chaos: setup-dev ## real nodes killed and cut off while citizens report: nothing lost or doubled (options: CYCLES=40 SEED=1)
	@GRPC_VERBOSITY=NONE exec $(PY) -m tests.chaos --cycles $(or $(CYCLES),40) $(if $(SEED),--seed $(SEED))

powercut: setup-dev ## the power fails at many moments: what was promised is there (options: CYCLES=200 SEED=1 SYNC=NORMAL)
	@exec $(PY) -m tests.powercut --cycles $(or $(CYCLES),200) $(if $(SEED),--seed $(SEED)) $(if $(SYNC),--sync $(SYNC))

check-long: setup-dev ## the three rigs in short, one after the other: virtual days, power cuts, kills (some minutes)
	@$(MAKE) --no-print-directory sim SEEDS=1-2 ARGS="--days=0.5 --least-coverage=70"
	@$(MAKE) --no-print-directory powercut CYCLES=20 SEED=1
	@$(MAKE) --no-print-directory chaos CYCLES=4 SEED=3

drills: setup-dev ## rehearsals on real processes: restore, clone, roll-back, full disk, wrong clock, a flood (some minutes)
	@exec $(PY) -m pytest -m drill tests $(ARGS)

bench: setup-dev ## how fast, how heavy: records, a report over three tiers, idle nodes, screens, each beside its limit (ARGS=--quick)
	@GRPC_VERBOSITY=NONE exec $(PY) -m bench $(ARGS)

lint: setup-dev ## style, types and import contracts
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -m mypy pki federation node modules ui
	@$(VENV)/bin/lint-imports

proto: setup-dev ## generate the message classes from proto/
	PATH="$(CURDIR)/$(VENV)/bin:$$PATH" $(PY) -m grpc_tools.protoc -Iproto --python_out=. --mypy_out=. --grpc_python_out=. --mypy_grpc_out=. $(PROTOS)

lock: ## pin the dependencies again (needs uv)
	uv pip compile -q pyproject.toml --all-extras --generate-hashes --no-emit-index-url --no-header --no-annotate --python-version 3.11 -o locks/run.txt
	uv pip compile -q pyproject.toml --all-extras --group dev --generate-hashes --no-emit-index-url --no-header --no-annotate --python-version 3.11 -o locks/dev.txt
