# Each target sets up all that it needs: `make demo` on a machine with nothing but python3 and make will do.

VENV := .venv
PYTHON := $(VENV)/bin/python
INSTALLED := $(VENV)/.installed
QUICK_START := examples/quick-start.toml

.DEFAULT_GOAL := help
.PHONY: help demo run test bench bench-relay check setup clean

help:
	@echo "make demo    places real calls between softphones through the service and checks them"
	@echo "make run     starts the service with $(QUICK_START) and says what to dial"
	@echo "make test    runs every test"
	@echo "make bench   measures calls per second and the rest, and stores the figures in bench/results/"
	@echo "make bench-relay  has the relay race with rtpengine, rtp.io and the system itself (root; some 17 minutes)"
	@echo "make check   runs the linter and the type checker"
	@echo "make clean   removes what these made"

demo: $(INSTALLED)
	@$(PYTHON) -m b2bua.demo

run: $(INSTALLED)
	@$(PYTHON) -m b2bua.demo.dial $(QUICK_START)
	@exec $(VENV)/bin/b2bua run $(QUICK_START)

# Tests with real processes come first, in two rows: those with SIPp, and those with phones. Then the others, one to a
# core. Both parts run even if the first one fails. What fails is tried once more, alone (see tests/second_try.py).
test: $(INSTALLED) sipp rtpengine chromium
	@failed=0; \
	$(PYTHON) -m tests.second_try -m "sipp or phones" -n 2 --dist loadgroup || failed=1; \
	$(PYTHON) -m tests.second_try -m "not sipp and not phones" -n 2 --dist loadgroup || failed=1; \
	exit $$failed

bench: $(INSTALLED) sipp
	@$(PYTHON) -m bench

# Packets and delay of the relay beside others. QUICK=--quick takes some two minutes and leaves the pages as they are.
bench-relay: $(INSTALLED) rtpengine
	@$(PYTHON) -m bench.race $(QUICK)

check: $(INSTALLED)
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy --explicit-package-bases b2bua sip_stack rtp_relay tests bench

setup: $(INSTALLED)

clean:
	rm -rf $(VENV) .bench-venv .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info

# Made anew only when pyproject.toml is newer. The sources are used where they stand (an editable installation).
$(INSTALLED): pyproject.toml
	@$(call need,python3 -c 'import ensurepip$(comma) venv',python3 python3-venv)
	@python3 -c 'import sys; sys.exit(sys.version_info < (3, 11) and "python3 is older than 3.11; 3.11 is needed")'
	@$(PYTHON) -c '' 2>/dev/null || python3 -m venv --clear $(VENV)
	@echo "Installing into $(VENV) ..."
	@$(PYTHON) -m pip install --quiet --disable-pip-version-check --editable '.[phone,dev]'
	@touch $@

.PHONY: sipp
sipp:
	@$(call need,command -v sipp,sip-tester)

# For the tests of the console: a browser, and what reads the pcap files that it downloads.
.PHONY: chromium
chromium:
	@$(call need,command -v chromium && command -v tshark,chromium tshark)

# What needs it is left out where it cannot be had, and says so. Debian's package may start a service of its own, on
# the loopback; ours starts the daemon by hand.
.PHONY: rtpengine
rtpengine:
	@( $(call need,command -v rtpengine,rtpengine-daemon) ) || true

# $(call need,COMMAND,PACKAGES): if COMMAND fails, installs the Debian packages, or says that they are wanted.
comma := ,
define need
{ $(1); } >/dev/null 2>&1 || { \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		echo "Installing $(2) ..."; \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $(2) >/dev/null; \
	else \
		echo "Missing: $(2). On Debian or Ubuntu: sudo apt-get install $(2)" >&2; exit 1; \
	fi; }
endef
