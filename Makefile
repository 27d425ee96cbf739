# Everything a newcomer needs. `make demo` and `make test` each install what is missing.
SHELL := /bin/bash
VENV := .venv
BIN := $(VENV)/bin

.PHONY: help deb wheel docs picture setup setup-test demo demo-down test test-long lint bench reference man protos lock clean

help: ## List what there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*##/\t/' | expand -t 14

setup: $(VENV)/ready ## Install Debian packages and the virtual environment; the program is .venv/bin/boxship

setup-test: $(VENV)/ready-test ## The same, with what the tests need

$(VENV)/ready: requirements.lock pyproject.toml scripts/setup.sh
	@scripts/setup.sh $(VENV)

$(VENV)/ready-test: requirements-dev.lock $(VENV)/ready scripts/setup.sh
	@scripts/setup.sh $(VENV) test

demo: setup ## Start a daemon of its own and an application of three tiers, examples/three-tier
	@scripts/demo.sh up

demo-down: ## Take away all that `make demo` made
	@scripts/demo.sh down

test: setup-test ## Lint, types, import contracts and all tests but the long ones
	@scripts/check.sh

test-long: setup-test ## The tests that take long: random kills, damaged archives, 500 containers
	@BOXSHIP_KILLS=200 $(BIN)/pytest -q tests/kill/test_kill.py
	@BOXSHIP_FUZZ=3000 $(BIN)/pytest -q tests/unit/engine/images/test_fuzz.py tests/root/images/test_fuzz_layers.py
	@$(BIN)/pytest -q -m slow

lint: setup-test ## Lint, types and import contracts only
	@scripts/check.sh lint

bench: setup-test ## Time a daemon of its own; DOCKERD=SOCKET times another beside it
	@scripts/bench.sh

reference: setup ## Write docs/settings.md, docs/registry.md and docs/cli.md from their tables
	@$(BIN)/python -c 'from boxship.app.reference import markdown; print(markdown(), end="")' > docs/settings.md
	@$(BIN)/python -c 'from boxship.app.registry.reference import markdown; print(markdown(), end="")' > docs/registry.md
	@$(BIN)/python -m boxship.front.cli.pages --reference > docs/cli.md

man: setup ## Write the man pages into build/man, from the command tables
	@$(BIN)/python -m boxship.front.cli.pages build/man

docs: setup-test ## Build the documentation in build/docs; a warning is an error
	@scripts/docs.sh build/docs

deb: setup ## Build a Debian package in dist/
	@packaging/deb.sh dist

wheel: setup ## Build a wheel in dist/, for pip
	@$(BIN)/python -m pip wheel -q --no-deps --no-build-isolation -w dist .
	@ls dist/boxship-*.whl

picture: setup-test ## Record docs/picture.svg anew, from a real session
	@$(BIN)/python scripts/picture.py docs/picture.svg

protos: setup-test ## Generate the code for BuildKit's messages anew
	@scripts/protos.sh

lock: setup-test ## Choose dependencies anew within the ranges of pyproject.toml
	@scripts/lock.sh

clean: ## Remove the virtual environment and caches
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
