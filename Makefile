# The commands people type. Each makes ready what it needs (tools/setup says what it installs and why).
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
JOBS ?= 2
WHAT ?= line
ENCODERS ?= lite2-minilm
PYTHON := .deps/venv/bin/python
export CTEST_PARALLEL_LEVEL ?= $(JOBS)

.PHONY: help setup build package demo test check slow bench prove fuzz asan tsan clean

help: ## this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: ## install what building, testing and the default encoders need
	@tools/setup build test models

build: ## build the program: build/release/pictor
	@tools/setup build
	@tools/build release

package: ## a tarball and a .deb that run on a bare Debian 12, in build/dist (ENCODERS=none leaves the weights out)
	@tools/setup build $(if $(filter none,$(ENCODERS)),,models)
	@tools/build package pictor
	@tools/package "$(ENCODERS)"

demo: ## index real photos and search them, from nothing
	@tools/setup build models
	@tools/build release pictor
	@tools/demo

test: ## every fast test
	@tools/setup build test models
	@tools/build release
	@ctest --preset release -LE 'slow|families'
	@tools/check_layers.py

check: ## format, layers, docs, static analysis
	@tools/setup build test check models
	@tools/check

slow: ## sanitizers, long crash tests, fuzzers for a while each
	@tools/setup build test check models bench golden
	@tools/slow

asan tsan: ## the tests under a sanitizer
	@tools/setup build test check models
	@tools/build $@
	@ctest --preset $@ -LE 'slow|families'

bench: ## the benchmarks, beside their peers, results in bench/results
	@tools/setup build bench models
	@tools/build bench
	@$(PYTHON) bench/macro/search.py
	@$(PYTHON) bench/macro/ingest.py
	@$(PYTHON) bench/macro/ann.py

prove: ## measure the claims of one area afresh: make prove WHAT=line
	@tools/setup build test bench check models $(if $(filter encoders,$(WHAT)),golden) $(if $(filter server,$(WHAT)),server bare)
	@tools/build bench
	@$(if $(filter server,$(WHAT)),$(MAKE) --no-print-directory package)
	@$(PYTHON) bench/prove/prove.py $(WHAT)

fuzz: ## run the fuzzers for SECONDS each (default 60)
	@tools/setup build check
	@tools/build fuzz fuzzers
	@tools/run_fuzzers $(or $(SECONDS_EACH),60)

clean: ## remove what was built (not .deps, not your data)
	@rm -rf build
