"""The named steps of a run, and a way to die at one of them.

"Killed at any moment" can only be tested at moments that can be named. A run says which step it has
reached; with `CALLMART_KILL_AT=merge` in the environment it is killed there, as by `kill -9`, with
`merge:3` the third time it gets there. Without the variable a step costs a look at the environment.
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
    """Say that `step` is about to happen (once more); does not return when this is where to die."""
    wanted = os.environ.get(KILL_VARIABLE)
    if not wanted:
        return
    name, _, times = wanted.partition(":")
    _reached[step] += 1
    if name == step and _reached[step] == int(times or 1):
        os.kill(os.getpid(), signal.SIGKILL)
