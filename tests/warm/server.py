"""Forks the processes of `tests.warm`: one that runs what was asked for, and one that tells how it ended.

Nothing but the main thread and no open file of a warehouse may exist in this process: neither survives a fork.
"""

from __future__ import annotations

import atexit
import gc
import marshal
import os
import selectors
import signal
import socket
import struct
import sys
import threading
import time
import traceback
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import NoReturn

from tests.warm.imported import KINDS, import_all


@dataclass(frozen=True)
class Request:
    """What the client was started with; `streams` are descriptors of its standard streams."""

    arguments: list[str]
    folder: str
    environment: dict[bytes, bytes]
    streams: tuple[int, int, int]


def serve(listeners: dict[str, socket.socket], folder: str) -> Request | None:
    """Fork a server for each kind when it is first asked. Returns as `serve_kind` does."""
    while (kind := _asked(listeners)) is not None:
        import_all()
        gc.collect()
        gc.freeze()  # what never changes is not copied into each process by its first look for garbage
        if os.fork() == 0:
            KINDS[kind](folder)
            gc.freeze()
            return serve_kind(kind, listeners[kind])
        listeners.pop(kind).close()
    return None


def serve_kind(kind: str, listener: socket.socket) -> Request | None:
    """Wait for requests. Returns one in each process that is to run it, and None when the session is over."""
    while _asked({kind: listener}) is not None:
        connection, _ = listener.accept()
        if os.fork() == 0:
            return attend(connection)
        connection.close()
    return None


def _asked(listeners: dict[str, socket.socket]) -> str | None:
    """A kind that somebody asks for, as soon as somebody does; None when the session is over."""
    with selectors.DefaultSelector() as waiting:
        waiting.register(sys.stdin, selectors.EVENT_READ)
        for kind, listener in listeners.items():
            waiting.register(listener, selectors.EVENT_READ, kind)
        asked = [ready.data for ready, _ in waiting.select()]
    return None if None in asked else asked[0]


def attend(connection: socket.socket) -> Request:
    """Read a request, fork the process that runs it, in which this returns, and tell the client how it ended."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    head, streams, *_ = socket.recv_fds(connection, 4, 3)
    body = b""
    while len(body) < struct.unpack("!I", head)[0]:
        body += connection.recv(1 << 16)
    process = os.fork()
    if process == 0:
        connection.close()
        arguments, folder, environment = marshal.loads(body)
        return Request(arguments, folder, environment, tuple(streams))
    for stream in streams:
        os.close(stream)
    connection.sendall(struct.pack("!I", process))
    _, status = os.waitpid(process, 0)
    with suppress(BrokenPipeError):  # the client was killed
        connection.sendall(struct.pack("!I", status))
    os._exit(0)


def become(request: Request) -> None:
    """Make this process what the client stands for."""
    for number, stream in enumerate(request.streams):
        os.dup2(stream, number)
        os.close(stream)
    buffering = 1 if os.isatty(1) else -1
    sys.stdin = os.fdopen(0, "r", encoding="utf-8")
    sys.stdout = os.fdopen(1, "w", buffering, encoding="utf-8")
    sys.stderr = os.fdopen(2, "w", 1, encoding="utf-8", errors="backslashreplace")
    sys.__stdin__, sys.__stdout__, sys.__stderr__ = sys.stdin, sys.stdout, sys.stderr
    os.chdir(request.folder)
    os.environ.clear()
    os.environb.update(request.environment)
    time.tzset()


def run(arguments: list[str]) -> NoReturn:
    """Run the code after `-c` as an interpreter would, with what follows as its arguments, and end as one. The
    library's own end is left out: DuckDB would wait for threads that stayed behind in the server.
    """
    at = arguments.index("-c")  # options before it are the interpreter's, and too late
    code, sys.argv = arguments[at + 1], ["-c", *arguments[at + 2 :]]
    status = 1
    try:
        exec(compile(code, "<string>", "exec"), {"__name__": "__main__"})
        status = 0
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else 0 if ended.code is None else 1
        if isinstance(ended.code, str):
            sys.stderr.write(f"{ended.code}\n")
    except BaseException:
        traceback.print_exc()
    finally:
        threading._shutdown()
        atexit._run_exitfuncs()
        sys.stdout.flush()
        os._exit(status)


def main() -> None:
    folder, *listening = sys.argv[1:]
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # typed for the tests, which end us
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody asks how an attendant ended
    with ExitStack() as sockets:
        listeners = {
            kind: sockets.enter_context(socket.socket(fileno=int(number)))
            for kind, number in zip(KINDS, listening, strict=True)
        }
        request = serve(listeners, folder)
    if request is not None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        become(request)
        run(request.arguments)


if __name__ == "__main__":
    main()
