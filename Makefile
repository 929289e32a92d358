# Everything happens in .venv beside this file; no root, nothing outside of this folder.

# Given, .venv is made with it, anew if it is of another; else with python3, or what uv takes.
PYTHON ?=
# CI has a second one: `make test-rest VENV=build/venv`.
VENV = .venv
BIN = $(VENV)/bin
ARGS ?=
# What runs the tests: CI has .ci/rerun.py, which runs once more what failed.
PYTEST = $(BIN)/python -m pytest
PORT ?= 1234

.PHONY: help locks run test test-slow test-rest test-all flaky check check-page figures fuzz mutants audit bench speed docs manuals pictures site deb wheels release golden container clean another-python

help:
	@echo 'make run       start the line logger on port $(PORT) and show the lines that arrive'
	@echo 'make test      run the quick tests    (ARGS="-k framing" for some of them)'
	@echo 'make test-slow run those that are left out there, but for the long ones: a minute or two of CPU more'
	@echo 'make test-rest run the slow and the long ones, as CI does: wheels, fresh installs, browsers, kills and floods'
	@echo 'make test-all  run every test, those of each night too, with daemons that have begun by themselves'
	@echo 'make flaky     run some tests fifty times, stopped at random  (ARGS="tests/a.py::test_b" or ARGS=@LOG)'
	@echo 'make check     lint, format, types; the workflows of CI; the house rules'
	@echo 'make check-page check the JavaScript of the page: types and lint; a part of make check'
	@echo 'make figures   print what is left of what a reader trips over: tests/test_figures.py'
	@echo 'make fuzz      feed the parsers with what nobody sends  (SECONDS=60 TARGET="syslog relp")'
	@echo 'make mutants   break what is new since the last release, and say what no test finds  (SECONDS=600 SINCE=REV)'
	@echo 'make audit     ask PyPI for known holes in what we depend on'
	@echo 'make bench     compare with a C sink, rsyslog and syslog-ng  (ARGS="--quick")'
	@echo 'make speed     the kit beside asyncio; instructions of eleven workloads beside the last release  (SINCE=REV)'
	@echo 'make docs      write the generated pages and the pictures of states of docs/ again'
	@echo 'make manuals   write manual pages and completions of shells into build/'
	@echo 'make pictures  take the pictures of the live page for docs/ again'
	@echo 'make site      build docs/ as a static site in build/site, each link followed'
	@echo 'make deb       build dist/logsrv_*.deb for the Debian that this is'
	@echo 'make wheels    build logsrv-kit and logsrv of the last commit into dist/'
	@echo 'make locks     write packaging/locks again: versions and sums of what package and image install'
	@echo '               (ONLY=cryptography raises that library, and no other)'
	@echo 'make release   build and try what is published, into dist/     (REHEARSAL=1 before it is due, BASE=debian,'
	@echo '               SKIP="image debian-12 debian-13")'
	@echo 'make golden    write the files by which later versions are tested, of the version that is due'
	@echo 'make container build the image logsrv with podman, buildah or docker'
	@echo 'make clean     remove what these made'
	@echo 'PYTHON=… behind any of these: the Python to do it with'

run: $(VENV)/run.ready
	@sh .make/run.sh '$(PORT)' $(ARGS)

# Compiled files are kept, even where the environment says not to: each worker and each daemon of the
# tests would compile everything anew.
test test-slow test-rest test-all check: export PYTHONDONTWRITEBYTECODE =

# Each daemon is a process that has begun by itself: an import that is forgotten fails there.
test-all: export COLD_DAEMONS = 1

# Six workers for two cores: many tests wait for a process or a timer.
SIDE_BY_SIDE = --forks 6

test: $(VENV)/dev.ready
	@echo 'make test: running the quick tests'
	@$(PYTEST) -m 'not slow and not long' $(SIDE_BY_SIDE) $(ARGS)
	@echo 'make test: all passed. Next: make check, or make run and then telnet 127.0.0.1 1234'

test-slow: $(VENV)/dev.ready
	@echo 'make test-slow: running the slow tests'
	@$(PYTEST) -m 'slow and not long' $(SIDE_BY_SIDE) $(ARGS)
	@echo 'make test-slow: all passed'

# The house rules, of which make check runs the slow tests, and make test the others.
RULES = $(addprefix tests/,$(addsuffix .py,$(addprefix test_,expressions figures rooms setup_cfg suite) fuzz/test_targets))

# What CI runs beside make test and make check. Only files with such tests are collected; a worker gets all tests
# of a file. With seven workers for two cores a quarter of the CPU was idle.
REST = (slow or long) and not nightly
test-rest: $(VENV)/dev.ready
	@echo 'make test-rest: running the slow and the long tests, but for those of each night'
	@$(PYTEST) -m '$(REST)' --forks 10 --files-together $(ARGS) \
		$$(grep -rlE --include='test_*.py' 'mark\.(slow|long)' tests | grep -vxF $(addprefix -e ,$(RULES)))
	@echo 'make test-rest: all passed'

# What a plain pytest runs.
test-all: $(VENV)/dev.ready
	@echo 'make test-all: running every test'
	@$(PYTEST) $(ARGS)
	@echo 'make test-all: all passed'

# Tests, or @FILE with the lines "flaky: TEST" that CI printed; ARGS="--times 200 …" for another number.
flaky: $(VENV)/dev.ready
	@$(BIN)/python .ci/flaky.py $(ARGS)

check: $(VENV)/dev.ready
	@echo 'make check: ruff check, ruff format, mypy, zizmor, the page, the house rules'
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@for each in release manuals wheels; do (cd packaging/$$each && ../../$(BIN)/mypy --config-file ../../setup.cfg --cache-dir ../../.mypy_cache .) || exit; done
	@$(BIN)/check-jsonschema --quiet --builtin-schema vendor.github-workflows .github/workflows/*.yml
	@$(BIN)/zizmor --offline --quiet --strict-collection .github
	@sh .make/page.sh
	@$(if $(RULES),$(BIN)/python -m pytest -q -m slow --forks 2 $(RULES))
	@echo 'make check: all clean'

# Needs node and npm, but not .venv.
check-page:
	@sh .make/page.sh
	@echo 'make check-page: clean'

figures: $(VENV)/dev.ready
	@$(BIN)/python -m pytest -q -s tests/test_figures.py tests/test_rooms.py $(ARGS)

# SECONDS for all of them; TARGET: some, parted by spaces. ARGS: of tests/fuzz/fuzz.py.
SECONDS ?= 60
TARGET ?=
fuzz: $(VENV)/fuzz.ready
	@$(BIN)/python tests/fuzz/fuzz.py --seconds $(SECONDS) $(ARGS) $(TARGET)

# ARGS: of tests/mutants: `--random 500`, or files.
SINCE ?=
mutants: SECONDS = 600
mutants: $(VENV)/dev.ready
	@$(BIN)/python tests/mutants --seconds $(SECONDS) $(if $(SINCE),--since '$(SINCE)') $(ARGS)

# What is known of holes in what we depend on: asks PyPI, and fails where that does not answer.
audit:
	@sh .make/audit.sh '$(PYTHON)'

bench: $(VENV)/run.ready
	@$(BIN)/python -m bench $(ARGS)

# Half an hour with valgrind, less with perf. The first is of a machine that may be busy: its bars are only shown.
speed: $(VENV)/run.ready
	-@$(BIN)/python -m bench.requests
	@$(BIN)/python -m bench.instructions $(if $(SINCE),--since '$(SINCE)') $(ARGS)

docs: $(VENV)/run.ready
	@$(BIN)/python docs/generate.py

pictures: $(VENV)/dev.ready
	@LOGSRV_PICTURES=docs/pictures $(BIN)/python -m pytest -q -m long $(ARGS) \
	    tests/linelog/http/page/test_looks.py -k 'a_picture or themes'

site:
	@PYTHON='$(PYTHON)' sh site/build.sh

# A checkout is enough, without .venv; with debhelper and python3-venv.
deb:
	@sh packaging/deb.sh

# With any Python 3.11, as tools of its own are installed into build/release.
release:
	@$(or $(PYTHON),python3) packaging/release/release.py $(if $(REHEARSAL),--rehearsal) $(if $(SKIP),--skip '$(SKIP)') \
	    $(if $(BASE),--base '$(BASE)') $(if $(LINKS),--links '$(LINKS)') $(ARGS)

# The two by which later versions are tested: CONTRIBUTING.md.
golden: .venv/dev.ready
	@sh packaging/release/golden.sh $(BIN)

wheels:
	@$(or $(PYTHON),python3) packaging/release/release.py --wheels dist

locks: $(VENV)/dev.ready
	@$(BIN)/python packaging/locks.py $(ONLY)

container:
	@$(or $(PYTHON),python3) packaging/container.py $(ARGS)

# Asked for another Python than that of .venv, the two below are made again.
ANOTHER = $(if $(PYTHON),$(shell sh .make/another.sh '$(PYTHON)' '$(VENV)'))

manuals: $(VENV)/dev.ready
	@$(BIN)/python packaging/manuals/generate.py build

$(VENV)/run.ready: setup.cfg pyproject.toml .make/venv.sh $(ANOTHER)
	@sh .make/venv.sh '$(VENV)' '$(PYTHON)' '.[columns]'
	@$(BIN)/python packaging/lighten.py $(VENV)
	@touch $@

$(VENV)/dev.ready: setup.cfg pyproject.toml .make/venv.sh $(ANOTHER)
	@sh .make/venv.sh '$(VENV)' '$(PYTHON)' '.[dev]' && touch $@ $(VENV)/run.ready

# Atheris has wheels for Linux on x86_64 only; without it Hypothesis fuzzes.
$(VENV)/fuzz.ready: $(VENV)/dev.ready
	@sh .make/venv.sh '$(VENV)' '$(PYTHON)' '.[dev,fuzz]' || echo 'make fuzz: atheris cannot be installed here'
	@touch $@

clean:
	rm -rf .venv node_modules build dist logsrv.egg-info bench/out .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
	rm -f twisted/plugins/dropin.cache
