# `make help` lists what there is. Each target sets itself up; set-up runs again only when a lock file changes.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
SOURCES := tools tests benchmarks
FUZZ_LIMIT ?= -max_total_time=600

.DEFAULT_GOAL := help
.PHONY: help setup demo demo-vllm test test-generated test-faults test-vllm vllm-environment check fuzz fuzz-guided format bench clean

help: ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-17s %s\n", $$1, $$2}'

setup: $(READY) ## create the environment in .venv

$(READY): requirements.lock requirements-torch.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Interlock needs Python 3.11 or later; run: make PYTHON=python3.12 ..."; exit 1; }
	@echo "Setting up .venv (once; a few minutes) ..."
	@rm -f $(READY)
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --no-deps -r requirements-torch.lock || { cat docs/torch.txt; exit 1; }
	@$(BIN)/python -m pip install --quiet --no-deps --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $(READY)

demo: $(READY) ## the whole story on the embedded engine: promote, serve, roll back
	@$(BIN)/interlock demo

demo-vllm: $(READY) vllm-environment ## the same story on the real vLLM (CPU build)
	@$(BIN)/interlock demo --engine vllm

test: $(READY) ## every test that needs no engine beyond the embedded one
	@$(BIN)/python -m pytest -m "not vllm and not faults and not generated" -n 2 --dist loadgroup

test-generated: $(READY) ## over ten thousand generated cases: hostile bytes, odd documents, changes upon changes
	@$(BIN)/python -m pytest -m generated -n 2 --dist loadgroup

test-faults: $(READY) ## kill, cut, fill, corrupt and lie: what is served stays served (docs/faults.md)
	@$(BIN)/python -m pytest tests/faults -m faults -n 2 --dist loadgroup

vllm-environment: ## build .venv-vllm, the real vLLM on a CPU (does nothing when it is up to date)
	@$(PYTHON) tools/build_vllm_environment.py

test-vllm: $(READY) vllm-environment ## contract suite, demo and hazard regressions on the real vLLM (CPU build)
	@$(BIN)/python -m pytest -m vllm

check: $(READY) ## format, lint, types, import contracts, generated files, and the living example
	@$(BIN)/ruff format --check $(SOURCES)
	@$(BIN)/ruff check $(SOURCES)
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/interlock check

fuzz: $(READY) ## twenty times as many cases as in `make test-generated`, others each time
	@HYPOTHESIS_PROFILE=long $(BIN)/python -m pytest tests/fuzz -n 2 --dist loadgroup

fuzz-guided: $(READY) ## let coverage guide hostile bytes into the document and header readers, FUZZ_LIMIT each
	@$(BIN)/python -m pip install --quiet --no-deps --require-hashes -r requirements-fuzz.lock
	@for target in document header; do \
	  mkdir -p .cache/fuzz/$$target && PYTHONPATH=tests $(BIN)/python -m fuzz.guided $$target $(FUZZ_LIMIT) \
	    -artifact_prefix=.cache/fuzz/ .cache/fuzz/$$target tests/fuzz/guided/corpus/$$target || exit 1; done

format: $(READY) ## rewrite the sources in the project's format
	@$(BIN)/ruff check --fix $(SOURCES)
	@$(BIN)/ruff format $(SOURCES)

bench: $(READY) ## measure what docs/benchmarks.md reports
	@$(BIN)/python -m benchmarks

clean: ## remove the environments and caches
	rm -rf .venv .venv-vllm .cache .mypy_cache .ruff_cache .pytest_cache
