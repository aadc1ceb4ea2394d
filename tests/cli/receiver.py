"""A local HTTP server that records requests, for alerts."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Receiver:
    """The received requests, in order: paths of GET requests, and texts of messages. `status` is the response."""

    url: str = ""
    paths: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    status: int = 200
    delay_seconds: float = 0.0


@contextmanager
def receiving() -> Iterator[Receiver]:
    received = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            received.paths.append(self.path)
            self._answer()

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            assert list(body) == ["text"]
            received.texts.append(body["text"])
            self._answer()

        def _answer(self) -> None:
            time.sleep(received.delay_seconds)
            self.send_response(received.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        received.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield received
        server.shutdown()
        thread.join()
