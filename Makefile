# One word for each thing that is done with this project. `make help` lists them.
#
# Each target brings the set-up it needs with it (setup/setup.sh, a few seconds when all is there).
# JOBS=N sets how many compilers run at the same time.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
JOBS ?= $(shell nproc 2>/dev/null || echo 2)
PREFIX ?= $(HOME)/.local
CLIP ?= /usr/share/doc/opencv-doc/examples/data/Megamind.avi
GOAL ?= funny 6 s highlight reel, title "MEGAMIND"
OUT ?= out

CACHE := $(if $(filter /%,$(XDG_CACHE_HOME)),$(XDG_CACHE_HOME),$(HOME)/.cache)/animation-studio
# Tests that compare with Python packages find them here; setup/environment.py makes it.
export STUDIO_TEST_PYTHON ?= $(CACHE)/python/tests/bin/python
CTEST = ctest --test-dir build/$(1) --output-on-failure --parallel 2 --timeout 600 --no-tests=error

.PHONY: help demo setup build test conformance faults bench eval golden format check asan tsan fuzz install clean

help:
	@sed -n 's/^## //p' Makefile

## make demo     set up, build, and edit a real clip: out/out.mp4 and its reports
demo: setup build models
	@mkdir -p $(OUT)
	@echo "demo: editing $(CLIP) for the goal: $(GOAL)"
	@status=0; build/release/bin/studio auto-edit "$(CLIP)" --goal '$(GOAL)' -o "$(OUT)/out.mp4" \
	  --json "$(OUT)/run.json" || status=$$?; \
	if [ $$status -ne 0 ] && [ $$status -ne 4 ]; then exit $$status; fi; \
	echo; echo "demo: the film is    $(abspath $(OUT))/out.mp4"; \
	for report in $(OUT)/*.html $(OUT)/*/*.html; do \
	  [ ! -f "$$report" ] || echo "demo: its report is  $(CURDIR)/$$report"; done; \
	echo "demo: as data in     $(abspath $(OUT))/run.json"; \
	[ $$status -eq 0 ] || echo "demo: the measured quality stayed under the threshold; the report says why"

## make test     set up, build, and run every test but the minute-long faults
test: setup-tests build models
	@$(call CTEST,release) -LE '^faults$$'

## make faults   the minute-long faults: two clients that want different heavy models, loads of slow clients, ...
faults: setup-tests build models
	@$(call CTEST,release) -L '^faults$$'

## make conformance  the official OpenAI clients (Python, npm) against the server; part of make test
conformance: setup-tests build models
	@tests/conformance/run.py

## make bench    benchmarks beside their peers, one table
bench: setup-bench build models
	@STUDIO_BENCH_PYTHON="$(CACHE)/python/bench/bin/python" bench/run.py

## make eval     the goal suite: which wishes hold on the rendered files
eval: setup build
	@bench/eval

## make golden   write the CLI transcripts of tests/cli anew; look at the diff afterwards
golden: setup build models
	@tests/cli/golden --write

## make format   format the C++ files; make check tells only
format: setup-checks
	@tests/architecture/format.sh --fix
check: setup-checks
	@python3 tests/architecture/check.py && tests/architecture/format.sh

## make asan     every test but the language model's under address and undefined-behaviour sanitizers
asan: export LSAN_OPTIONS = suppressions=$(CURDIR)/tests/sanitizers/leaks.txt:print_suppressions=0
asan: export UBSAN_OPTIONS = print_stacktrace=1
asan: setup-tests
	@cmake --preset asan >/dev/null
	@cmake --build --preset asan -j $(JOBS)
	@$(call CTEST,asan) -LE '^(llm_model|architecture|deploy|faults)$$'

## make tsan     the tests of the threaded parts under the thread sanitizer
TSAN_TESTS := media net store models llm analysis render gateway
# What has no threads of its own is left to the other sanitizers.
TSAN_PURE := Camera|Coherence|Composition|Loudness|Report|Shots|Sound|Effects|Framing|Placing|Text|Subtitles|Sounds|Ducking
tsan: export TSAN_OPTIONS = suppressions=$(CURDIR)/tests/sanitizers/races.txt:ignore_noninstrumented_modules=1:history_size=4
tsan: setup-tests
	@cmake --preset tsan >/dev/null
	@cmake --build build/tsan -j $(JOBS) --target $(addprefix test_,$(TSAN_TESTS))
	@$(call CTEST,tsan) -L '^($(subst $() ,|,$(TSAN_TESTS)))$$' -E '^($(TSAN_PURE))\.'

## make fuzz     the readers of plans, timelines, OTIO and GGUF under libFuzzer, FUZZ_SECONDS each
FUZZ_SECONDS ?= 20
fuzz: setup-checks
	@JOBS=$(JOBS) fuzz/run.sh $(FUZZ_SECONDS)

## make install  program, library, man page and completion under PREFIX (~/.local)
install: build
	@cmake --install build/release --prefix "$(PREFIX)"

## make clean    remove build/ and out/; the cache of engines and models stays
clean:
	@rm -rf build out

.PHONY: setup-tests setup-bench setup-checks
setup:
	@setup/setup.sh
setup-tests:
	@setup/setup.sh --tests
setup-bench:
	@setup/setup.sh --tests --bench
setup-checks:
	@setup/setup.sh --checks --no-models

# The build needs what the set-up installs, so prerequisites are made in the order they stand.
.NOTPARALLEL:

build:
	@echo "build: the release program, $(JOBS) compilers (some minutes the first time)"
	@cmake --preset release >/dev/null
	@cmake --build --preset release -j $(JOBS)

# Models that the studio converts itself, from what the set-up has fetched; a second when they are there.
.PHONY: models
models:
	@build/release/bin/studio models pull --quiet all-minilm-l6-v2 >/dev/null
