# Every target sets up what it needs, once, in .venv. Needs Python 3.11, gcc and libssl-dev; says so where one is missing.

PYTHON ?= $(shell command -v python3.11 || command -v python3 || echo python3)
UV ?= uv

BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
SETS := build demo test bench

# A file per thing done: a second `make test` finds them newer than their causes and installs nothing.
DONE := .venv/done
VENV := $(DONE)/venv
PROJECT := $(DONE)/project

.PHONY: help setup demo check test gate bench bench-storm fuzz fuzz-native sanitize aws-lc test-aws-lc lock clean
.DEFAULT_GOAL := help

help: ## show this
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

setup: $(PROJECT) $(DONE)/demo ## make .venv, build the native module, install what running needs

demo: setup ## start a node, connect real MQTT clients to it, show every answer (KEEP=1 keeps serving)
	$(BIN)/keyturn demo $(if $(KEEP),--keep)

check: $(PROJECT) $(DONE)/test ## formatting, lint, types
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .
	$(BIN)/mypy

test: check ## everything that CI runs (ARGS="-k name" narrows it)
	$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile $(ARGS)

gate: $(PROJECT) $(DONE)/bench ## native against reference; fails where native does not earn its place
	$(BIN)/python -m pytest -p benchmark --quiet bench/test_gate.py

bench: $(PROJECT) $(DONE)/bench ## every benchmark
	$(BIN)/python -m pytest -p benchmark --quiet bench
	$(BIN)/python -m bench.storm --scenarios plain,tls --rounds 3
	$(BIN)/python -m bench.listing
	$(BIN)/python -m bench.tls
	$(BIN)/python -m bench.coap_storm
	$(BIN)/python -m bench.enumeration

bench-storm: $(PROJECT) $(DONE)/bench ## the storm against floor and mosquitto, into bench/results/ (ARGS="--scenarios plain --rounds 3")
	$(BIN)/python -m bench.storm --results bench/results $(ARGS)

# libFuzzer's own options; SECONDS a target.
SECONDS ?= 60
fuzz: $(PROJECT) $(DONE)/test ## fuzz every parser for SECONDS each (60)
	@set -e; for target in tests/fuzz/fuzz_*.py; do \
	    echo "$$target"; $(BIN)/python "$$target" -max_total_time=$(SECONDS); done
	@$(MAKE) --no-print-directory fuzz-native

# Under the address and undefined-behaviour sanitizers. Not part of the tests: clang is needed for this alone.
CLANG ?= clang
FUZZ_NATIVE := $(patsubst tests/fuzz/%.c,.cache/fuzz/native/%,$(wildcard tests/fuzz/fuzz_*.c))
fuzz-native: $(FUZZ_NATIVE) ## fuzz the C parsers and the native front alone, with clang's libFuzzer
	@set -e; for target in $(FUZZ_NATIVE); do mkdir -p "$$target-corpus"; \
	    echo "$$target"; "$$target" -max_total_time=$(SECONDS) -artifact_prefix="$$target-" "$$target-corpus"; done

.cache/fuzz/native/%: tests/fuzz/%.c $(wildcard tests/fuzz/*.h native/*.c native/*.h)
	@command -v $(CLANG) >/dev/null || { echo "make fuzz-native needs clang and its sanitizers:" \
	    "apt-get install clang libclang-rt-14-dev (or CLANG=...)" >&2; exit 1; }
	@mkdir -p $(@D)
	$(CLANG) -std=c11 -Wall -Wextra -Werror -O1 -g -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all \
	    -Inative $< $(wildcard native/*.c) -lssl -lcrypto -o $@

# A second copy of the module, in .cache. gcc brings the sanitizers, which hold freed memory back: no test of the RSS.
FRONTS := tests/gate/test_compiled_front.py tests/gate/test_compiled_pending.py tests/gate/test_compiled_tls.py \
    tests/gate/test_front_*.py tests/listeners/test_native_*.py tests/node/test_sights.py
sanitize: setup $(DONE)/test ## the native fronts under the sanitizers, on thousands of random streams
	.ci/test-sanitized $(BIN)/python $(FRONTS) --hypothesis-profile long
	.ci/test-sanitized $(BIN)/python tests/conformance -k "native and not allocate_nothing and not leave_no_memory"

# Static libraries, from a pinned Cargo package; build.py links them from then on (back: rm -r .cache/aws-lc; touch build.py).
AWS_LC := .cache/aws-lc/lib/libssl.a
aws-lc: ## build AWS-LC's libssl and libcrypto, which are faster than the system's, and link them
	@test -e $(AWS_LC) || .ci/aws-lc .cache/aws-lc
	@$(MAKE) --no-print-directory setup

test-aws-lc: setup $(DONE)/test ## the tests of native/ on AWS-LC, where its package is to be had
	.ci/test-aws-lc $(BIN)/python

# The lists are made by uv 0.13.9 (`pip install uv==0.13.9`); wheel hashes of every platform are in them.
LOCK := $(UV) pip compile --quiet --upgrade --generate-hashes --no-header --no-annotate --python-version 3.11
lock: ## resolve requirements/*.txt anew
	printf '%s\n' 'setuptools>=77' 'cffi>=2.0' | $(LOCK) --output-file requirements/build.txt -
	$(LOCK) --output-file requirements/run.txt pyproject.toml
	$(foreach extra,demo test bench,$(LOCK) --extra $(extra) --output-file requirements/$(extra).txt pyproject.toml;)

clean: ## remove everything made here
	rm -rf .venv .cache build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .benchmarks
	find engine tests bench -name __pycache__ -prune -exec rm -rf {} +
	rm -f engine/gate/_native*.so

$(VENV): .ci/system-check
	@.ci/system-check $(PYTHON)
	$(PYTHON) -m venv .venv
	@mkdir -p $(DONE) && touch $@

$(SETS:%=$(DONE)/%): $(DONE)/%: requirements/%.txt $(VENV)
	$(PIP) install --quiet --require-hashes -r $<
	@touch $@

# --no-build-isolation: with the build requirements that are locked. --no-deps: the requirements are locked as well.
$(PROJECT): $(wildcard native/*.c native/*.h .cache/aws-lc/lib/*.a) build.py setup.py pyproject.toml $(DONE)/build
	$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	@touch $@
