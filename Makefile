# How does a network remember?  Start with: make figures
#
# make figures            remake every figure of the catalogue into figures/
# make figures RETRAIN=1  the same, after training every recorded run again
# make test               lint, then test everything
# make lab                open the notebooks in Jupyter
# make notebooks          run the notebooks and keep what they show
# make badges             write the repository's address into them
# make site               build the web pages into build/site
# make links              ask whether the links to other sites are alive
# make results            repeat the experiments over 32 seeds
# make cells              the same with every cell (half an hour)
# make particles          train networks on coupled oscillators (10 minutes)
# make series             forecast measured series, read digits (5 minutes)
# make words              train networks to predict the next word (10 minutes)
# make applications       train the small applications (5 minutes)
# make reproduce          repeat the classic experiments (hours; it may be stopped)
# make benchmark          speed against the lecture's own loop
#
# Everything is installed into .venv, made with the Python of your choice:
# make figures PYTHON=python3.12

PYTHON ?= python3
python := .venv/bin/python
install := $(python) -m pip install --quiet --disable-pip-version-check
experiments := recall-lecture recall-mastered \
	countdown-lecture countdown-mastered
cells := recall-cells countdown-cells reber-cells embedded-reber-cells

.PHONY: help figures test lab notebooks results cells particles words series \
	applications site links badges reproduce benchmark clean
help:
	@sed -n '/^#/!q; s/^# \{0,1\}//p' Makefile

figures: .venv/installed
ifeq ($(RETRAIN),1)
	$(python) -m memnets record
endif
	$(python) -m memnets figures --out figures

test: .venv/installed-test
	$(python) -m ruff check
	$(python) -m ruff format --check
	$(python) -m pytest --numprocesses 2 --dist loadfile \
		--no-loadscope-reorder

lab: .venv/installed-lab
	$(python) -m jupyter lab notebooks

notebooks: .venv/installed-test
	$(python) notebooks/builder.py build

badges: .venv/installed-test
	$(python) notebooks/builder.py badges

site: .venv/installed-docs
	$(python) website/build.py

links: .venv/installed-docs
	$(python) website/build.py --links

results: .venv/installed
	$(python) -m memnets experiments $(experiments) --seeds 32 \
		--out data/results/lecture.csv

cells: .venv/installed
	$(python) -m memnets experiments $(cells) --seeds 32 \
		--out data/results/cells.csv

particles: .venv/installed
	$(python) -m memnets experiments hidden-particle --seeds 5 \
		--out data/results/particle.csv

words: .venv/installed
	$(python) -m memnets experiments next-word-memorized --seeds 10 \
		--out data/results/words.csv

series: .venv/installed-series
	$(python) -m memnets series --out data/results

applications: .venv/installed
	$(python) -m memnets.experiments.applications \
		--out data/results/applications.csv

reproduce: .venv/installed
	$(python) -m memnets reproduce --out data/results/reproduction.csv \
		--page docs/reproduction.md

benchmark: .venv/installed-test
	$(python) benchmarks/speed.py

clean:
	rm -rf .venv .venv-colab build dist *.egg-info

# The last thing an install does is to write this file, so a .venv without it
# is a broken one and is made afresh. The file holds the folder it was made
# for: a .venv that was moved, or whose Python is gone, is no good either.
whole := $(shell $(python) -c pass 2>/dev/null && cat .venv/installed)
ifneq "$(whole)" "$(CURDIR)"
.PHONY: .venv/installed
fresh := yes
endif

.venv/installed: pyproject.toml
ifdef fresh
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { \
		echo "memnets needs Python 3.10 or newer; '$(PYTHON)' is" \
			"$$($(PYTHON) --version 2>&1 | tail -n 1). Name another one:" \
			"make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 1; }
	@echo "Installing into .venv; TensorFlow is large, so this takes minutes."
	@$(PYTHON) -m venv --clear .venv
else
	@rm $@
endif
	@$(install) --editable .
	@printf '%s\n' "$(CURDIR)" > $@

.venv/installed-%: .venv/installed
	@echo "Installing what '$*' needs."
	@$(install) --editable '.[$*]'
	@touch $@
