"""Serve a published copy: `python -m dashboard COPY --host … --port …`. `callmart dashboard` runs this in its place.

The token is in the environment (`CALLMART_DASHBOARD_TOKEN`), because other users can see a command's arguments.
"""

from __future__ import annotations

import argparse
import os
import socket
import sys
from pathlib import Path

import uvicorn

from dashboard.app import LOOPBACK, create_app
from dashboard.reader import PublishedCopy, Reader

_ADDRESS_IN_USE = 2


def serve(reader: Reader, host: str, port: int, token: str) -> None:
    """Serve until Ctrl-C or SIGTERM. Raises `OSError` when the port cannot be used."""
    is_local = host in ("127.0.0.1", "localhost", "::1")
    app = create_app(reader, token=token, hosts=LOOPBACK if is_local else ("*",))
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((host, port))
        except OSError as error:
            raise OSError(f"Port {port} of {host} cannot be used: {error.strerror}.") from None
        shown = f"[{host}]" if ":" in host else host
        sys.stdout.write(
            f"The dashboard is at http://{shown}:{listening.getsockname()[1]}/ (Ctrl-C stops it).\n"
        )
        sys.stdout.flush()
        config = uvicorn.Config(app, log_level="warning", access_log=False)
        uvicorn.Server(config).run(sockets=[listening])


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m dashboard")
    parser.add_argument("copy", type=Path)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8501)
    given = parser.parse_args()
    try:
        serve(
            PublishedCopy(given.copy), given.host, given.port, os.environ.get("CALLMART_DASHBOARD_TOKEN", "")
        )
    except OSError as error:
        sys.stderr.write(f"error: {error}\nChoose another with --port.\n")
        return _ADDRESS_IN_USE
    return 0


if __name__ == "__main__":
    sys.exit(main())
