"""Results of later papers that other committed files hold, as tables."""

from __future__ import annotations

import numpy as np

from memnets.records import data, recorded
from memnets.records.tables import results

# The variants of Greff et al. by the paper's letters; "vanilla" is its name
# for the LSTM with peepholes.
VARIANTS = {
    "vanilla": "peephole_lstm",
    "NIG, no input gate": "lstm_nig",
    "NFG, no forget gate": "lstm_nfg",
    "NOG, no output gate": "lstm_nog",
    "NIAF, no input squashing": "lstm_niaf",
    "NOAF, no output squashing": "lstm_noaf",
    "CIFG, coupled gates": "lstm_cifg",
    "NP, no peepholes": "lstm_np",
    "FGR, gates see gates": "lstm_fgr",
}
TASKS = "recall", "countdown", "reber", "embedded-reber"
RHYTHMS = {"peepholes": "rhythm_peephole_inside", "none": "rhythm_lstm_inside"}
RHYTHM_TASKS = {
    "measure-spike-delays": "measure spike delays (MSD)",
    "generate-timed-spikes": "generate timed spikes (GTS)",
    "periodic-function": "periodic function, cosine (PFG)",
}


def variants() -> list[list[str]]:
    """Return a line for each variant: networks that master each task.

    The number after it is the median of the episodes until then.
    """
    frame = results(data.folder() / "results" / "cells.csv")
    lines = []
    for name, cell in VARIANTS.items():
        line = [name]
        for task in TASKS:
            own = frame[(frame["cell"] == cell) & (frame["task"] == task)]
            solved = own["mastered"].astype(bool)
            after = own["mastered_after"][solved].median()
            line.append(f"{solved.sum()} of {len(own)}; {after:,.0f}")
        lines.append(line)
    return lines


def rhythms() -> list[list[str]]:
    """Return a line for each timing task: networks right on long streams."""
    found = {
        kind: recorded(name).settings["shares"]
        for kind, name in RHYTHMS.items()
    }
    lines = []
    for task, title in RHYTHM_TASKS.items():
        line = [title]
        for shares in found.values():
            own = np.array(shares[task])
            line.append(f"{np.sum(own == 1)} of {len(own)}")
        lines.append(line)
    return lines
