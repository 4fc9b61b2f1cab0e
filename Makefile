# Each target makes the environment that it needs: `make demo` from a fresh clone, nothing installed before.
PYTHON ?= python3
DEMO_ENV := .venv-demo
TEST_ENV := .venv
DEMO := $(DEMO_ENV)/bin/latentsearch
TEST := $(TEST_ENV)/bin
SOURCES := pyproject.toml README.md $(shell find indexer latentsearch data_manifests -type f ! -name '*.pyc')

.PHONY: help demo tour test test-slow lint format clean

help:
	@echo "make demo       install for searching only, index 2,000 drawn faces, query them, write demo/sheet.png"
	@echo "make tour       run the notebook docs/tour.ipynb anew, on 300 drawn faces"
	@echo "make test       install everything and run linter, types and tests"
	@echo "make test-slow  the tests that train to a score"
	@echo "make lint       linter and types alone"
	@echo "make format     format the code"
	@echo "make clean      remove the environments and what the demo drew"
	@echo "PYTHON=python3.12 make …  picks the interpreter"

# The demo installs the package as a user gets it; the tests install it in place.
$(DEMO_ENV)/.installed: $(SOURCES)
	$(PYTHON) -m venv $(DEMO_ENV)
	$(DEMO_ENV)/bin/python -m pip install --quiet '.[cpu]'
	touch $@

$(TEST_ENV)/.installed: pyproject.toml
	$(PYTHON) -m venv $(TEST_ENV)
	$(TEST)/python -m pip install --quiet --editable '.[cpu,train,dev]'
	touch $@

demo: export LATENTSEARCH_INDEX := demo/index
demo: $(DEMO_ENV)/.installed
	rm -rf demo
	$(DEMO) sample --count 2000 --seed 1 -o demo/faces
	$(DEMO) sample --count 1 --seed 2 -o demo/query
	$(DEMO) index demo/faces
	COLUMNS=$${COLUMNS:-100} $(DEMO) query demo/query/*.* -k 20 --table --sheet demo/sheet.png
	@echo "The same as a picture: demo/sheet.png"

tour: $(DEMO_ENV)/.installed
	$(DEMO_ENV)/bin/python -m pip install --quiet nbformat nbclient ipykernel matplotlib
	$(DEMO_ENV)/bin/python docs/make_tour.py

test: lint
	$(TEST)/python -m pytest

test-slow: $(TEST_ENV)/.installed
	$(TEST)/python -m pytest -m slow --timeout 7200

lint: $(TEST_ENV)/.installed
	$(TEST)/ruff check .
	$(TEST)/ruff format --check .
	$(TEST)/mypy

format: $(TEST_ENV)/.installed
	$(TEST)/ruff check --fix .
	$(TEST)/ruff format .

clean:
	rm -rf $(DEMO_ENV) $(TEST_ENV) demo
