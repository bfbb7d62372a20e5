# make setup, make run, make test: all from a clean clone, all safe to repeat. Of Python 3.11, where it
# is there; make PYTHON=python3.13 test takes another, in an environment of its own.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VERSION := $(or $(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])'),none)
CONSTRAINTS := constraints/$(VERSION).txt
VENV := $(if $(filter 3.11,$(VERSION)),.venv,.venv-$(VERSION))
BIN := $(VENV)/bin
# Changes when what should be installed does; nothing is reinstalled while it stands.
STAMP := $(VENV)/.installed
PIP := python -m pip install --quiet --disable-pip-version-check

.PHONY: setup run test lint browser smoke audit fuzz clean

setup: $(STAMP)

$(STAMP): pyproject.toml $(CONSTRAINTS)
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/$(PIP) 'pip==26.3'
	$(BIN)/$(PIP) -c $(CONSTRAINTS) --group dev --editable '.[all]'
	@touch $@

constraints/%.txt:
	@echo 'Python 3.11, 3.12 or 3.13 is needed: make PYTHON=/path/to/python3.11  ($(PYTHON): $(VERSION))' >&2; exit 1

run: setup
	$(BIN)/python -m sweep run

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(if $(filter 3.11,$(VERSION)),$(BIN)/pyright,@echo 'types are checked against the libraries of Python 3.11 alone')

# The browser that the tests of the page drive: the one that is there (that of $CHROMIUM, or on
# PATH), else Debian's for root, else Playwright's own. Where none can be had: one sentence, no tests.
FIND_BROWSER := $(BIN)/python -m sweep.report.print.browser
INSTALL_BROWSER := apt-get install -y -qq --no-install-recommends chromium fonts-liberation

browser: setup
	@$(FIND_BROWSER) >/dev/null 2>&1 || test -n "$$CHROMIUM" \
	|| { echo 'no Chromium found: installing one'; \
	     test "$$(id -u)" = 0 && command -v apt-get >/dev/null && apt-get update -qq \
	     && DEBIAN_FRONTEND=noninteractive $(INSTALL_BROWSER) >/dev/null; } \
	|| $(BIN)/python -m playwright install chromium || true
	@$(FIND_BROWSER)

# Two processes, since one keeps half of two cores busy; see tests/README.md.
test: lint browser
	$(BIN)/python -m pytest -n 2 --dist worksteal --durations=25 --durations-min=5

# The wheel as its user has it: built, installed where nothing else is, begun in an empty folder; there
# a sweep of one point.
SMOKE := build/smoke-$(VERSION)
SMALL := name="smoke" grid.alpha=[0.25] grid.resolution=[128] grid.extra=[] \
	latency.processes=1 latency.rounds=3 \
	accuracy.train_images=256 accuracy.test_images=100 accuracy.epochs=1 accuracy.seeds=1

smoke: $(CONSTRAINTS)
	rm -rf $(SMOKE)/wheel $(SMOKE)/empty && mkdir -p $(SMOKE)/empty
	test -x $(SMOKE)/bin/python || $(PYTHON) -m venv $(SMOKE)
	$(SMOKE)/bin/$(PIP) build 'setuptools>=75'
	$(SMOKE)/bin/python -m build --no-isolation --outdir $(SMOKE)/wheel . >/dev/null
	$(SMOKE)/bin/$(PIP) -c $(CONSTRAINTS) --force-reinstall --no-deps $(SMOKE)/wheel/*.whl
	$(SMOKE)/bin/$(PIP) -c $(CONSTRAINTS) $(SMOKE)/wheel/*.whl
	cd $(SMOKE)/empty && ../bin/sweep init && ../bin/sweep run $(SMALL:%=--set '%') && ../bin/sweep check results/smoke

# Packages with known holes; fails, too, where that can't be told, as offline.
audit: setup
	$(BIN)/python -m pip_audit --strict --requirement $(CONSTRAINTS) --no-deps --disable-pip

# Ten thousand cases of every kind of input, with two engines: hours.
fuzz: setup
	$(BIN)/python -m tests.fuzz all --cases 10000

clean:
	rm -rf .venv .venv-3.* build *.egg-info
