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
from contextlib import suppress
from dataclasses import dataclass
from typing import NoReturn

from tests.warm import route_to_servers
from tests.warm.imported import import_all, read_what_is_kept
from tests.warm.project import hand_out_project, say_no_details


@dataclass(frozen=True)
class Request:
    """What the client was started with; `streams` are descriptors of its standard streams."""

    arguments: list[str]
    folder: str
    environment: dict[bytes, bytes]
    streams: tuple[int, int, int]


def serve(listener: socket.socket, kind: str, folder: str) -> Request | None:
    """Wait for requests. Returns one in each process that is to run it, and None when the session is over."""
    waiting = selectors.DefaultSelector()
    waiting.register(listener, selectors.EVENT_READ)
    waiting.register(sys.stdin, selectors.EVENT_READ)
    has_imported = False
    while True:
        if any(ready.fileobj is sys.stdin for ready, _ in waiting.select()):
            return None
        connection, _ = listener.accept()
        if not has_imported:
            import_all(kind)
            if kind == "callmart":
                route_to_servers(folder)
                read_what_is_kept()
            elif kind == "dbt":
                hand_out_project()
                say_no_details()
            gc.collect()
            gc.freeze()  # what never changes is not copied into each process by its first look for garbage
            has_imported = True
        if os.fork() == 0:
            waiting.close()
            listener.close()
            return attend(connection)
        connection.close()


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
    sys.argv = ["-c", *request.arguments[2:]]


def run(code: str) -> NoReturn:
    """Run the code as an interpreter would, and end as one. The library's own end is left out: DuckDB would wait
    for threads that stayed behind in the server.
    """
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
    kind, folder, listening = sys.argv[1:]
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # typed for the tests, which end us
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody asks how an attendant ended
    with socket.socket(fileno=int(listening)) as listener:
        request = serve(listener, kind, folder)
    if request is not None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        become(request)
        run(request.arguments[1])


if __name__ == "__main__":
    main()
