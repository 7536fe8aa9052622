# beamside: what can be done with a clone. `make` alone lists the targets.
# BEAMSIDE_DEMO_PREFIX names another prefix; BEAMSIDE_TEST_DATA the folder of real scans; ARGS go to pytest or the demo.
SHELL := /bin/bash
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help
.PHONY: help setup demo tour test check lint pictures bench soak clean test-rootless

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' Makefile

setup: ## install what is missing into the prefix
	@bash scripts/bootstrap.sh

demo: setup ## bring up the whole facility, take the tour, serve until Ctrl-C
	@bash scripts/in-prefix.sh beamside demo $(ARGS)

tour: setup ## take the tour and take everything down again
	@bash scripts/in-prefix.sh beamside demo tour $(ARGS)

test: setup ## pass every test, the tour included
	@bash scripts/test.sh all $(ARGS)

check: setup ## the inner loop: everything but the browser
	@bash scripts/test.sh fast $(ARGS)

lint: setup ## ruff, mypy and shellcheck alone
	@bash scripts/test.sh lint

test-rootless: ## as root: every test as a new ordinary user, who is removed afterwards
	@bash scripts/test-rootless.sh $(ARGS)

pictures: setup ## take the pictures of README and docs anew, by the tour
	@bash scripts/pictures.sh

bench: setup ## the benchmarks
	@bash scripts/bench.sh

soak: setup ## the tour ten times over, or ROUNDS times
	@bash scripts/soak.sh

clean: ## take the demonstration down and remove the prefix
	@bash scripts/clean.sh
