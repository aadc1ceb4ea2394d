"""Named steps of a run at which a test can kill it.

Tests of "killed at any moment" need moments with names. With `CALLMART_KILL_AT=load` in the environment a run
is killed at that step, as by `kill -9`; with `load:3` when it reaches the step for the third time. Without the
variable a step costs one lookup in the environment.
"""

from __future__ import annotations

import os
import signal
from collections import Counter
from typing import Literal

KILL_VARIABLE = "CALLMART_KILL_AT"

Step = Literal[
    "plan", "fetch", "explode", "normalise", "load", "verify", "dbt", "publish",
    "forget", "rotate",
]  # fmt: skip

_reached: Counter[str] = Counter()


def reached(step: Step) -> None:
    """Announce that `step` is about to happen. Does not return if the run is to be killed here."""
    wanted = os.environ.get(KILL_VARIABLE)
    if not wanted:
        return
    name, _, times = wanted.partition(":")
    _reached[step] += 1
    if name == step and _reached[step] == int(times or 1):
        os.kill(os.getpid(), signal.SIGKILL)
