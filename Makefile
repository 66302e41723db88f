# The two commands are `make demo` and `make test`; `make help` lists the rest.
.DEFAULT_GOAL := help
.PHONY: help setup demo serve check test coverage simulate docs lock format bench chaos screenshots package image clean
PY := .venv/bin/python
MEASURED := bundles control logs objects signals wire
export PYTHONDONTWRITEBYTECODE :=

help: ## Say what each target does
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 16

setup: ## Make .venv from the lock file
	@scripts/setup.sh

demo: setup ## Run the main job from nothing: serve, build a pipeline, run it twice (KEEP=1 keeps the server)
	@$(PY) scripts/demo.py

serve: setup ## Start a server on this machine
	@.venv/bin/headrace serve

check: setup ## Formatting, lint, types (of the tests too) and import rules
	@.venv/bin/ruff format --check --quiet .
	@.venv/bin/ruff check --quiet .
	@.venv/bin/mypy
	@.venv/bin/lint-imports --config importlinter.ini > .import-rules.log || (cat .import-rules.log; rm -f .import-rules.log; exit 1)
	@rm -f .import-rules.log

test: check ## Every check and every test
	@scripts/setup_tests.sh
	@scripts/run_tests.sh

coverage: setup ## Branches that tests take, of the core and of the rooms around it; fails below a floor
	@.venv/bin/coverage run -m pytest -q tests/core
	@.venv/bin/coverage report
	@.venv/bin/coverage run --rcfile=coverage-rooms.ini -m pytest -q $(MEASURED:%=tests/%)
	@.venv/bin/coverage report --rcfile=coverage-rooms.ini

simulate: setup ## Drive schedules through years of clocks and crashes (SEED=n, ROUNDS=n, STORIES=n, SWEEPS=n)
	@$(PY) -m proof.simulation $(if $(SEED),--seed $(SEED)) $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(ZONE),--zone $(ZONE)) $(if $(STORIES),--stories $(STORIES)) $(if $(SWEEPS),--sweeps $(SWEEPS))

format: setup ## Format the code and mend what lint can mend
	@.venv/bin/ruff check --quiet --fix .
	@.venv/bin/ruff format --quiet .

docs: setup ## Write the reference pages of docs/ from the code
	@$(PY) scripts/document.py

lock: ## Write requirements.lock anew from pyproject.toml
	@.venv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --all-extras --group dev pyproject.toml -o requirements.lock

bench: setup ## Run the benchmarks and print their tables
	@$(PY) -m proof.benchmarks

chaos: setup ## Kill a server 200 times under load and prove that nothing was lost (KILLS=, SEED=)
	@$(PY) -m proof.chaos $(if $(KILLS),--kills $(KILLS)) $(if $(SEED),--seed $(SEED))

screenshots: setup ## Take the pictures of the console that README and guides show (ONLY=name, WIDTH=390, 1280 or 1920)
	@scripts/setup_tests.sh
	@$(PY) -m proof.screenshots $(if $(ONLY),--only $(ONLY)) $(if $(WIDTH),--width $(WIDTH))

package: setup ## Build wheel and sdist, and run the demonstration from the wheel
	@scripts/package.sh

image: setup ## Build the image localhost/headrace from the Containerfile (TAG=, BASE=, CONTAINER_ENGINE=)
	@scripts/image.sh

clean: ## Remove what the targets made
	@rm -rf .venv .browser node_modules dist .demo .screenshots .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage .coverage-rooms
