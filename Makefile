# `make` prints this menu. Every target does its own set-up.
SHELL := /bin/bash
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready

.PHONY: help setup demo test check lint types contracts generate constraints e2e cluster cluster-down bench images clean

help: ## Print this menu
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  \033[1m%-13s\033[0m %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(READY) ## Make a virtual environment with everything in it (uses uv when it is there)

$(READY): pyproject.toml tools/constraints.txt
	@if command -v uv >/dev/null; then \
	  uv venv --quiet --allow-existing --python $(PYTHON) $(VENV) && \
	  VIRTUAL_ENV=$(abspath $(VENV)) uv pip install --quiet --constraint tools/constraints.txt --editable '.[dev]'; \
	else \
	  $(PYTHON) -m venv $(VENV) && \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint tools/constraints.txt --editable '.[dev]'; \
	fi
	@touch $@

demo: setup ## Run examples/quickstart.py on an embedded cluster
	@$(BIN)/ferryman dev run examples/quickstart.py

test: setup ## Run every test that needs nothing but this machine (about 4 minutes on two cores)
	@$(BIN)/pytest -n 2 --dist loadgroup

check: setup lint types contracts generate-check test ## What CI runs: lint, types, contracts, generated files, tests

lint: setup
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .

types: setup
	@$(BIN)/mypy

contracts: setup
	@$(BIN)/lint-imports

.PHONY: helm
helm: ## Compile the helm that tests and renders the chart (needs Go; 2 to 8 minutes, once per machine)
	@tools/helm.sh

generate: setup ## Write every generated file anew: CRD, reference pages; with helm, what comes from the chart
	@$(BIN)/python tools/generate.py

.PHONY: generate-check
generate-check: setup
	@$(BIN)/python tools/generate.py --check

constraints: setup ## Move tools/constraints.txt to the newest versions that fit (needs uv)
	@tools/constraints.sh

NODES ?= real
CLUSTER := PYTHONPATH=tests $(BIN)/python -m cluster

bench: setup ## Measure against the budgets of the design on a real Kubernetes, as root (QUICK=1: in 5 minutes)
	@PYTHONPATH=tests $(BIN)/python -m benchmarks $(if $(filter 1,$(QUICK)),--quick)

cluster: setup ## Bring up a real Kubernetes on this machine, as root (NODES=real,fake adds a node without containers)
	@$(CLUSTER) up --nodes $(NODES)

.PHONY: programs
programs: setup ## Compile what the real Kubernetes consists of, kubectl and helm among it (needs Go; once per version)
	@$(CLUSTER) programs

cluster-down: setup ## Take the real Kubernetes down, and leave nothing of it behind
	@$(CLUSTER) down

e2e: setup ## Run the end-to-end suite on a real Kubernetes, as root, or where FERRYMAN_TEST_KUBECONFIG leads
	@$(BIN)/python tools/e2e.py

images: setup ## Write the images of the operator and the runner as docker archives, as root
	@$(CLUSTER) images

clean: ## Remove what setup and tests made
	@rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
