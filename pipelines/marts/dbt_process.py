"""dbt as `transform` runs it, in a process of its own: its events as JSON, one a line, and its exit code.

dbt's own loggers are off: each of them writes out every event before it looks whether anybody wants it, nine
of ten in vain, which takes a quarter of a build. It ends with whoever started it, who holds its stdin.
"""

from __future__ import annotations

import gc
import os
import sys
import threading
from typing import Any

_WITHOUT_LOGGERS = ("--quiet", "--log-level", "none", "--log-level-file", "none")
_FOR_NOBODY = "debug"


def main() -> None:
    """Run dbt with this process's arguments; exits with 0, or with 1 when anything failed."""
    look_for_garbage_seldom()
    threading.Thread(target=_end_with_parent, daemon=True).start()
    from dbt.cli.main import dbtRunner

    outcome = dbtRunner(callbacks=[_tell]).invoke([*_WITHOUT_LOGGERS, *sys.argv[1:]])
    if outcome.exception is not None:
        sys.stdout.write(f"{outcome.exception}\n")
    sys.exit(not outcome.success)


def look_for_garbage_seldom() -> None:
    """What dbt makes it keeps to the end: looking for garbage among it, as often as usual, is a tenth of its time."""
    gc.set_threshold(100_000, 50, 50)


def _tell(event: Any) -> None:
    """Write an event as dbt's own logger would, without the values of environment variables that it calls secret."""
    from dbt_common.events.functions import env_scrubber, msg_to_json

    if event.info.level != _FOR_NOBODY:
        sys.stdout.write(f"{env_scrubber(msg_to_json(event))}\n")
        sys.stdout.flush()


def _end_with_parent() -> None:
    """The parent's end of our stdin is closed by the system however it ends, and that is all the reading ever
    returns. A raw read: a thread that waits inside sys.stdin makes the interpreter abort at its own end.
    """
    os.read(0, 1)
    os._exit(1)
