# Everything happens in .venv beside this file; no root, nothing outside of this folder.

# Given, .venv is made with it, anew if it is of another; else with python3, or what uv takes.
PYTHON ?=
BIN = .venv/bin
ARGS ?=
PORT ?= 1234

.PHONY: help run test test-all check figures bench docs clean another-python

help:
	@echo 'make run       start the line logger on port $(PORT) and show the lines that arrive'
	@echo 'make test      run the quick tests    (ARGS="-k framing" for some of them)'
	@echo 'make test-all  run every test: wheels, fresh installs, browsers, kills and floods too'
	@echo 'make check     lint, format and types'
	@echo 'make figures   print what is left of what a reader trips over: tests/test_figures.py'
	@echo 'make bench     compare with a C sink, rsyslog and syslog-ng  (ARGS="--quick")'
	@echo 'make docs      write the generated pages of docs/ again'
	@echo 'make clean     remove what these made'
	@echo 'PYTHON=… behind any of these: the Python to do it with'

run: .venv/run.ready
	@sh .make/run.sh '$(PORT)' $(ARGS)

# Compiled files are kept, even where the environment says not to: each worker and each daemon of the
# tests would compile everything anew.
test test-all: export PYTHONDONTWRITEBYTECODE =

# Each daemon of the long tests, and of those beside them, is a process that has begun by itself.
test-all: export LOGSRV_COLD = 1

# Four workers for two cores: many tests wait for a process or a timer. One that is done takes tests of
# another.
test: .venv/dev.ready
	@echo 'make test: running the quick tests'
	@$(BIN)/python -m pytest -m 'not long' -n 4 --dist worksteal $(ARGS)
	@echo 'make test: all passed. Next: make check, or make run and then telnet localhost 1234'

# What a plain pytest runs.
test-all: .venv/dev.ready
	@echo 'make test-all: running every test'
	@$(BIN)/python -m pytest $(ARGS)
	@echo 'make test-all: all passed'

check: .venv/dev.ready
	@echo 'make check: ruff check, ruff format, mypy'
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@echo 'make check: all clean'

figures: .venv/dev.ready
	@$(BIN)/python -m pytest -q -s tests/test_figures.py tests/test_rooms.py $(ARGS)

bench: .venv/run.ready
	@$(BIN)/python -m bench $(ARGS)

docs: .venv/run.ready
	@$(BIN)/python docs/generate.py

# Asked for another Python than that of .venv, the two below are made again.
ANOTHER = $(if $(PYTHON),$(shell sh .make/another.sh '$(PYTHON)'))

.venv/run.ready: setup.cfg pyproject.toml .make/venv.sh $(ANOTHER)
	@sh .make/venv.sh '$(PYTHON)' '.' && touch $@

.venv/dev.ready: setup.cfg pyproject.toml .make/venv.sh $(ANOTHER)
	@sh .make/venv.sh '$(PYTHON)' '.[dev]' && touch $@ .venv/run.ready

clean:
	rm -rf .venv build dist logsrv.egg-info bench/out .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
	rm -f twisted/plugins/dropin.cache
