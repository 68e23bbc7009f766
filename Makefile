# The commands that people type. The work is done by _ext/bootstrap.py (the
# environments), _ext/build.py (the site) and _ext/printed.py (PDF and EPUB).
SHELL := /bin/sh
BOOK  := .envs/book/bin/python
RUN   := PYTHONPATH=.:tests "$(BOOK)"
PORT  ?= 8000

.DEFAULT_GOAL := help
.PHONY: help book test serve notebooks site kernels check lock bench colab grid
.PHONY: pdf epub lighthouse screenshots why clean setup audit

help: ## list these commands
	@sed -n 's/^\([a-z]*\):[^#]*## \(.*\)/make \1	\2/p' Makefile | expand -t 18

book: setup ## build the site in _build/html (JOBS=1: pages one by one)
	@"$(BOOK)" -m _ext.unchanged || \
	"$(BOOK)" -m _ext.build book $(JOBS:%=--jobs %)

# Each file of tests is run as a whole; with -n 0 in ARGS one after the other.
test: book ## run the tests (ARGS="-k data": only some)
	@$(RUN) -m support.colab.stand_in --build
	@$(RUN) -m support.lighthouse.audit --install
	@$(call bootstrap,--audit)
	@"$(BOOK)" -m pytest -n logical --maxprocesses 4 --dist loadfile $(ARGS)

serve: setup ## show the site at 127.0.0.1, rebuilt as you change it (PORT=8000)
	@"$(BOOK)" -m _ext.serve --port $(PORT)

notebooks: setup ## execute the notebooks alone (FRAMEWORKS=mxnet: one's)
	@"$(BOOK)" -m _ext.build notebooks $(FRAMEWORKS) $(JOBS:%=--jobs %)

site: ## build the site from notebooks that were executed before
	@$(call bootstrap,--no-kernel)
	@"$(BOOK)" -m _ext.build site

pdf: ## set the book as a PDF in _build/pdf (FRAMEWORK=mxnet: its cells)
	@$(call bootstrap,--no-kernel)
	@"$(BOOK)" -m _ext.printed pdf $(FRAMEWORK)

epub: ## make the book an EPUB in _build/epub (FRAMEWORK=mxnet: its cells)
	@$(call bootstrap,--no-kernel)
	@"$(BOOK)" -m _ext.printed epub $(FRAMEWORK)

kernels: ## offer each framework's kernel to JupyterLab and VS Code
	@$(call bootstrap,--share)

why: ## say why a page is executed or reused (PAGE=a/page)
	@$(call bootstrap,--no-kernel)
	@"$(BOOK)" -m _ext.build why $(PAGE)

check: setup ## check that the committed notebooks are what the sources give
	@"$(BOOK)" -m _ext.build check

lock: ## renew the locks from pyproject.toml (UPGRADE=1: newest versions)
	@$(call bootstrap,--lock $(if $(UPGRADE),--upgrade))

audit: ## look for known vulnerabilities in what the locks name
	@$(call bootstrap,--audit)
	@.envs/audit/bin/python -m _ext.audit

bench: book ## measure builds and training, and how light the site is
	@"$(BOOK)" bench/rebuild.py
	@"$(BOOK)" bench/site.py

lighthouse: book ## let Lighthouse judge every page as a phone shows it
	@$(RUN) -m support.lighthouse.audit

screenshots: book ## take pictures of every page into _build/screenshots
	@$(RUN) -m support.screenshots

colab: setup ## run all notebooks in a stand-in of Colab's runtime
	@$(RUN) -m support.colab.stand_in

grid: setup ## run MXNet's cells in each Python here with each NumPy
	@$(RUN) -m support.colab.grid

clean: ## remove what was built (ALL=1: the environments too)
	@rm -rf _build $(if $(ALL),.envs)

setup:
	@$(call bootstrap,$(FRAMEWORKS))

# Runs _ext/bootstrap.py by PYTHON, if it is given, or by the first Python 3.11
# on the path. Each is asked first, since a name may stand for another version;
# its own answer spares the second start of a shim such as pyenv's.
define bootstrap
	for python in $(if $(PYTHON),"$(PYTHON)",python3.11 python3); do \
	  python=$$("$$python" -c 'import sys; \
	    print(sys.executable * (sys.version_info[:2] == (3, 11)))' \
	    2>/dev/null) && [ -n "$$python" ] && \
	    exec "$$python" -m _ext.bootstrap $(1); \
	done; \
	echo 'The book needs Python 3.11, and' \
	'$(if $(PYTHON),PYTHON=$(PYTHON) is none,none is on the path):' \
	'install it (Debian 12: apt install python3 python3-venv; elsewhere:' \
	'pyenv install 3.11 or uv python install 3.11), and give its path if' \
	'need be, as in make book PYTHON=/usr/bin/python3.11.' >&2; exit 1
endef
