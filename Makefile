# make setup, make run, make test: all from a clean clone, all safe to repeat.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
# Changes when what should be installed does; nothing is reinstalled while it stands.
STAMP := $(VENV)/.installed

.PHONY: setup run test lint browser audit fuzz clean

setup: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11) and "Python 3.11 is needed (make PYTHON=/path/to/python3.11)")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check 'pip==26.3'
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt --group dev --editable '.[all]'
	@touch $@

run: setup
	$(BIN)/python -m sweep run

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright

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

# Packages with known holes; fails, too, where that can't be told, as offline.
audit: setup
	$(BIN)/python -m pip_audit --strict --requirement constraints.txt --no-deps --disable-pip

# Ten thousand cases of every kind of input, with two engines: hours.
fuzz: setup
	$(BIN)/python -m tests.fuzz all --cases 10000

clean:
	rm -rf $(VENV) build *.egg-info
