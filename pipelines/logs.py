"""callmart's own log, `<root>/var/logs/callmart.log`: what a terminal or a scheduler did not keep."""

from __future__ import annotations

import logging
import time
from logging.handlers import RotatingFileHandler
from typing import Any

from pipelines.failures import trace
from pipelines.home import Home

_MAX_BYTES = 5_000_000
_KEPT = 3
_PACKAGE = logging.getLogger("pipelines")


class _Form(logging.Formatter):
    """As Python's own, but of exceptions only what holds no data."""

    def formatException(self, ei: Any) -> str:
        return trace(ei[1])


def log_to(home: Home, *, verbose: bool) -> None:
    """Send the package's log to the home's file, from INFO up; with `verbose` to stderr too."""
    form = _Form("%(asctime)sZ %(levelname)s %(name)s: %(message)s", "%Y-%m-%dT%H:%M:%S")
    form.converter = time.gmtime
    handlers: list[logging.Handler] = [
        RotatingFileHandler(home.log_dir / "callmart.log", maxBytes=_MAX_BYTES, backupCount=_KEPT)
    ]
    if verbose:
        handlers.append(logging.StreamHandler())
    for handler in handlers:
        handler.setFormatter(form)
    _PACKAGE.handlers = handlers
    _PACKAGE.setLevel(logging.INFO)
    _PACKAGE.propagate = False
