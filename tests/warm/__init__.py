"""Processes that begin with everything imported: an interpreter takes two to four seconds to get that far.

`server` has imported what a command needs and forks a process for each that is asked for; `client` asks for
one and stands for it: its standard streams, folder, environment, signals and exit code are the process's. To
whoever starts the client, it is `python -c code arguments`. What a real start does is seen by the tests of
the replayed payload, and of what the demo says to try next.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from pipelines.marts import build as transform
from pipelines.marts import docs as model_docs
from tests.shared import FOLDER_VARIABLE
from tests.warm.imported import KINDS

_CALLMART = "import sys; sys.argv[0] = 'callmart'; from pipelines.cli.app import main; main()"
_SILENT = ("-W", "ignore:resource_tracker:UserWarning")  # of what a killed process could not clean up
_CLIENT = Path(__file__).with_name("client.py")
_REPOSITORY = Path(__file__).parents[2]


@contextmanager
def servers(folder: str) -> Iterator[None]:
    """Servers for this process and those it starts, at home in `folder`. They import when one is first asked."""
    with ExitStack() as sockets:
        listening = []
        for kind in KINDS:
            listener = sockets.enter_context(socket.socket(socket.AF_UNIX))
            listener.bind(str(_socket(folder, kind)))
            listener.listen()
            listening.append(listener.fileno())
        process = subprocess.Popen(
            [sys.executable, *_SILENT, "-m", "tests.warm.server", folder, *map(str, listening)],
            cwd=_REPOSITORY,
            stdin=subprocess.PIPE,  # closed by the system however we end, which ends the servers
            pass_fds=listening,
        )
    try:
        yield
    finally:
        process.communicate()


def callmart_command() -> tuple[str, ...]:
    """The words that stand for `callmart`, to be followed by arguments."""
    return (*python("callmart"), "-c", _CALLMART)


def python(kind: str) -> tuple[str, ...]:
    """The interpreter's words, to be followed by `-c`, code and arguments. `kind` is one of `KINDS`."""
    return _words(kind, os.environ[FOLDER_VARIABLE])


def route_to_servers(folder: str) -> None:
    """From now on this process takes the dbt of `callmart transform` and `make docs` from its server, at home in
    `folder`.
    """
    for module in (transform, model_docs):
        module._DBT = (*_words("dbt", folder), *module._DBT[1:])


def _words(kind: str, folder: str) -> tuple[str, ...]:
    # isolated and without site-packages: it needs nothing, and starts in a hundredth of a second
    return (sys.executable, "-I", "-S", str(_CLIENT), str(_socket(folder, kind)))


def _socket(folder: str, kind: str) -> Path:
    return Path(folder) / f"{kind}.socket"
