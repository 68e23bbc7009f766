# The commands that people type. bookbuild/environments.py sets up the environments,
# and the rest of bookbuild makes the site, the PDF, and the EPUB.
SHELL  := /bin/sh
BOOK   := .envs/book/bin/python
TEST   := .envs/test/bin/python
RUN    := PYTHONPATH=.:tests "$(TEST)"
PORT   ?= 8000
strict := $(if $(filter-out 0,$(STRICT)),--strict)

.DEFAULT_GOAL := help
.PHONY: help book test test-all nbval serve notebooks site kernels check lock
.PHONY: bench colab colab-list grid pdf epub downloads lighthouse screenshots why clean audit
.PHONY: setup test-setup

help: ## list these commands
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/make \1	\2/p' Makefile | expand -t 18
	@echo
	@echo 'STRICT=1 makes a command fail rather than use committed outputs.'
	@echo 'PYTHON=python3.12 creates the environments with that Python.'

book: setup ## build the site in _build/html (JOBS=1: one page at a time)
	@"$(BOOK)" -m bookbuild book $(strict) $(JOBS:%=--jobs %)

# If ARGS names files or folders in tests/, they replace the folders of the quick
# tests. The name of a test after --deselect does not count.
words = $(subst --deselect ,--deselect=,$(ARGS))
chosen = $(if $(filter tests/%,$(words)),,$(1)) $(words)
pytest = "$(TEST)" -m pytest -n logical --maxprocesses 4 --dist loadfile

test: book test-setup ## run the quick tests (ARGS="-k data", ARGS=tests/site)
	@$(pytest) $(call chosen,tests/unit tests/build tests/book)

test-all: book test-setup ## run all tests, which need Chromium, LaTeX, and more
	@$(RUN) -m support.machine
	@$(pytest) $(call chosen,tests)

nbval: setup test-setup ## rerun a notebook, compare outputs (NOTEBOOK=notebooks/mxnet/....ipynb)
	@$(RUN) -m support.nbval $(NOTEBOOK)

serve: setup ## serve the site at 127.0.0.1, and rebuild it as you edit (PORT=8000)
	@exec "$(BOOK)" -m bookbuild.serve --port $(PORT)

notebooks: setup ## execute the notebooks, and nothing else (FRAMEWORKS=mxnet)
	@"$(BOOK)" -m bookbuild notebooks $(FRAMEWORKS) $(JOBS:%=--jobs %) $(strict)

site: ## build the site from notebooks that are already executed
	@$(call bootstrap,--no-kernel)
	@"$(BOOK)" -m bookbuild site $(strict)

pdf: ## make a PDF in _build/pdf (FRAMEWORK=mxnet: with MXNet's code)
	@$(call bootstrap,--no-kernel)
	@"$(BOOK)" -m bookbuild pdf $(FRAMEWORK) $(strict)

epub: ## make an EPUB in _build/epub (FRAMEWORK as for the PDF)
	@$(call bootstrap,--no-kernel)
	@"$(BOOK)" -m bookbuild epub $(FRAMEWORK) $(strict)

downloads: ## make all PDFs, EPUBs, and archives, and a site that offers them
	@$(call bootstrap,--no-kernel)
	@"$(BOOK)" -m bookbuild downloads $(strict)

kernels: setup ## register the frameworks' kernels with JupyterLab and VS Code
	@for kernel in .envs/share/jupyter/kernels/*; do \
	  .envs/book/bin/jupyter-kernelspec install --user "$$kernel" || exit; \
	done
	@echo 'Restart JupyterLab and VS Code to see the kernels.'

why: ## explain why a page is executed or reused (PAGE=a/page)
	@$(call bootstrap,--no-kernel)
	@"$(BOOK)" -m bookbuild why $(PAGE)

check: setup ## check that the committed notebooks match the sources
	@"$(BOOK)" -m bookbuild check

lock: ## update the locks from pyproject.toml (UPGRADE=1: newest versions)
	@$(call bootstrap,--lock $(if $(UPGRADE),--upgrade))

# The package index, which pip-audit asks, does not know versions such as 2.13.0+cpu.
audit: ## look for known vulnerabilities in the locked packages
	@$(call bootstrap,--no-kernel)
	@status=0; for lock in requirements.txt */requirements.txt kernels/*.txt; do \
	  echo "$$lock:"; \
	  sed 's/^\([a-z0-9-]*==[0-9.]*\)+[a-z0-9]*/\1/' "$$lock" >.envs/audited.txt; \
	  .envs/uv/bin/uv tool run --python "$(BOOK)" pip-audit --strict \
	    --require-hashes --disable-pip --requirement .envs/audited.txt || status=1; \
	done; exit $$status

bench: book test-setup ## measure builds, training, and the site (docs/benchmarks.md)
	@$(RUN) -m bench.builds
	@$(RUN) -m bench.training
	@$(RUN) -m bench.site
	@$(RUN) -m bench.report

lighthouse: book test-setup ## run Lighthouse on every page, as on a phone
	@$(RUN) -m support.lighthouse.audit

screenshots: book test-setup ## take screenshots of every page
	@$(RUN) -m support.screenshots

colab: setup test-setup ## run all notebooks in a stand-in for Colab's runtime
	@$(RUN) -m support.colab.stand_in

colab-list: test-setup ## renew the list of Colab's packages that the stand-in is made from
	@$(RUN) -m support.colab.renew

grid: setup test-setup ## run MXNet's cells in each Python with each NumPy
	@$(RUN) -m support.colab.grid

clean: ## delete what was built (ALL=1: and the environments)
	@rm -rf _build $(if $(ALL),.envs)

setup:
	@$(call bootstrap,$(FRAMEWORKS))

test-setup:
	@$(call bootstrap,--test)

# Runs bookbuild/environments.py with PYTHON if it is set. Otherwise it uses the Python
# of the existing environments, or the first suitable one on the path. It asks each
# Python for its version, because the name may be wrong, and for its real path, to
# avoid slow shims such as pyenv's. If none is suitable, uv installs one.
define bootstrap
	for python in $(if $(PYTHON),"$(PYTHON)",$(BOOK) \
	    python3.11 python3.12 python3.13 python3); do \
	  found=$$("$$python" -c 'import os, sys; \
	    good = (3, 11) <= sys.version_info[:2] <= (3, 13); \
	    print(os.path.realpath(sys.executable) * good)' \
	    2>/dev/null) && [ -n "$$found" ] && \
	    exec "$$found" -m bookbuild.environments $(1) $(strict); \
	done; \
	if [ -z "$(PYTHON)" ] && command -v uv >/dev/null; then \
	  echo 'Python 3.11, 3.12, or 3.13 is not on the path. Asking uv for one.'; \
	  found=$$(uv python find 3.11 2>/dev/null || { uv python install 3.11 >&2 && \
	    uv python find 3.11; }) && \
	    exec "$$found" -m bookbuild.environments $(1) $(strict); \
	fi; \
	echo 'The book needs Python 3.11, 3.12, or 3.13, and' \
	'$(if $(PYTHON),PYTHON=$(PYTHON) is none of them.,none is on the path.)' \
	'Install one (Debian and Ubuntu: apt install python3 python3-venv;' \
	'elsewhere: pyenv install 3.11 or uv python install 3.11), and name it if' \
	'necessary, as in make book PYTHON=/usr/bin/python3.12.' >&2; exit 1
endef
