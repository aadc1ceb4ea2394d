"""Log files in the home: callmart's own, `var/logs/callmart.log`, and those of other processes. All rotate."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any

from pipelines.errors import safe_traceback
from pipelines.home import Home

_MAX_BYTES = 5_000_000
_KEPT = 3
_PACKAGE = logging.getLogger("pipelines")


class _Form(logging.Formatter):
    """Formats exceptions without messages that can contain data."""

    def formatException(self, ei: Any) -> str:
        return safe_traceback(ei[1])


def log_to(home: Home, *, verbose: bool) -> None:
    """Write the package's log to the home's file, from INFO up; with `verbose`, to stderr too."""
    form = _Form("%(asctime)sZ %(levelname)s %(name)s: %(message)s", "%Y-%m-%dT%H:%M:%S")
    form.converter = time.gmtime
    handlers: list[logging.Handler] = [_file(home.log_dir / "callmart.log")]
    if verbose:
        handlers.append(logging.StreamHandler())
    for handler in handlers:
        handler.setFormatter(form)
    _PACKAGE.handlers = handlers
    _PACKAGE.setLevel(logging.INFO)
    _PACKAGE.propagate = False


@contextmanager
def lines_to(log: Path) -> Iterator[Callable[[str], None]]:
    """Yield a function that appends a line to `log`, for the output of another process."""
    handler = _file(log)
    try:
        yield lambda line: handler.emit(logging.makeLogRecord({"msg": line.rstrip("\n")}))
    finally:
        handler.close()


def _file(log: Path) -> RotatingFileHandler:
    return RotatingFileHandler(log, maxBytes=_MAX_BYTES, backupCount=_KEPT)
