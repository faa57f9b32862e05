# Two commands for newcomers: `make demo` and `make test`. Each brings what it needs and says so.
.DELETE_ON_ERROR:
.PHONY: demo test check fmt bench doc setup python

CARGO ?= cargo
VENV := target/python

## demo: build, then show the main job before your eyes
demo: setup
	@echo "Building Evergrant (a few minutes the first time) …"
	@$(CARGO) build --locked --quiet --package evergrant-cli
	@target/debug/evergrant demo $(ARGS)

## test: everything the project checks, on a fresh machine
test: setup check python
	@echo "Running the tests on SQLite and on a private PostgreSQL …"
	@scripts/with-postgres env EVERGRANT_TEST_PYTHON=$(CURDIR)/$(VENV)/bin/python $(CARGO) test --locked --workspace --all-features
	@# The build that is installed has fewer features; what it says of the missing ones:
	@scripts/with-postgres $(CARGO) test --locked --package evergrant-cli --test it traces::

## check: format, lints, documentation, dependencies; run it before each commit
check:
	@echo "Checking format, lints, documentation and dependencies …"
	@$(CARGO) fmt --all --check
	@$(CARGO) clippy --locked --workspace --all-targets --all-features --quiet -- -D warnings
	@$(CARGO) clippy --locked --package evergrant-cli --all-targets --quiet -- -D warnings
	@RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --workspace --all-features --no-deps --document-private-items --quiet
	@if command -v cargo-deny >/dev/null; then $(CARGO) deny --offline check bans licenses sources; \
	 else echo "cargo-deny is not installed; the architecture test still refuses the banned crates"; fi

## fmt: format everything
fmt:
	@$(CARGO) fmt --all

## bench: the figures of docs/performance.md
bench: setup
	@$(CARGO) bench --locked --package evergrant-benches $(ARGS)
	@scripts/bench-report > docs/performance.md

## doc: the library's documentation
doc:
	@$(CARGO) doc --workspace --all-features --no-deps --open

# The C compiler that aws-lc and SQLite are built with, and the system's root certificates.
setup:
	@scripts/setup

# Unmodified Microsoft SDKs and a second implementation of Fernet, to test against.
python: $(VENV)/.ready
$(VENV)/.ready: tests/python/requirements.txt scripts/python-env
	@scripts/python-env $(VENV) $<
