# SPDX-License-Identifier: Apache-2.0
# demo and test are all that a newcomer needs: each creates the environment that it runs in.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
JOBS ?= 2
DEMO := build/demo
BITSTREAM := build/cellnet-small
IMAGES := quant_models/headrace_models/zoo/images

.PHONY: demo bitstream check-bitstreams test test-all families coverage lint docs format clean

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade pip

# The demo needs no torch.
$(VENV)/.demo: pyproject.toml | $(BIN)/python
	$(BIN)/pip install --quiet --editable '.[sim]'
	touch $@

# Makes bitstreams; no torch either.
$(VENV)/.synth: pyproject.toml | $(BIN)/python
	$(BIN)/pip install --quiet --editable '.[sim,synth]'
	touch $@

# torch first and by its exact version: anything newer or looser pulls in gigabytes of CUDA.
$(VENV)/.dev: pyproject.toml host/pyproject.toml | $(BIN)/python
	$(BIN)/pip install --quiet torch==2.13.0
	$(BIN)/pip install --quiet --editable '.[dev]'
	touch $@ $(VENV)/.demo

demo: $(VENV)/.demo
	$(BIN)/headrace compile cellnet --board pynq-z2 -o $(DEMO)
	$(BIN)/headrace detect $(IMAGES) $(DEMO) --device cpu -o $(DEMO)-cpu
	$(BIN)/headrace detect $(IMAGES) $(DEMO) --device sim --check -o $(DEMO)-sim
	@echo "annotated pictures: $(DEMO)-sim/*.png"

# A detector's bitstream for a ULX3S, by open tools alone: half an hour on two cores.
bitstream: $(VENV)/.synth
	$(BIN)/headrace compile cellnet-small --board ulx3s-85f --fps 30 -o $(BITSTREAM)
	$(BIN)/headrace build $(BITSTREAM)

# Whether those in bitstreams/ come out the same, byte for byte.
check-bitstreams: $(VENV)/.synth
	$(BIN)/python bitstreams/rebuild.py

test: $(VENV)/.dev
	$(BIN)/pytest -n $(JOBS)

# Measures the table of docs/families.md anew; the tests fail where the page is out of date, so their status does not count.
families: $(VENV)/.dev
	-$(BIN)/pytest -n $(JOBS) --deep tests/families
	$(BIN)/python tests/families_table.py

# More parameters, deeper proofs, more mutants and examples: an hour or so the first time, as models and proofs are cached.
test-all: $(VENV)/.dev
	$(BIN)/pytest -n $(JOBS) --deep

# What the benches reach of the RTL: build/coverage/report.md
coverage: $(VENV)/.dev
	$(BIN)/python sim/coverage_rtl.py -n $(JOBS)

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy src/headrace host/headrace_host quant_models/headrace_models sim/headrace_sim tests benchmarks bitstreams/rebuild.py
	$(BIN)/vermin --quiet --no-tips --violations -t=3.10- host/headrace_host sim/headrace_sim/board sim/headrace_sim/__main__.py
	$(BIN)/python sim/lint_rtl.py

docs: $(BIN)/python
	$(BIN)/pip install --quiet --editable '.[docs]'
	$(BIN)/mkdocs build

format: $(VENV)/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf build detections
