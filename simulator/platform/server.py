"""The HTTP server around the API: `Platform` in a thread of this process, `serve` until interrupted."""

from __future__ import annotations

import asyncio
import signal
import socket
import threading
import time
from collections.abc import Callable
from queue import SimpleQueue

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from pipelines.errors import ConfigurationError
from simulator.calls import CallSource
from simulator.platform.api import Api, Faults
from simulator.platform.clock import Clock
from simulator.platform.credentials import Credentials
from simulator.platform.limits import RateLimit
from simulator.platform.stats import Stats

REQUESTS_PER_SECOND = 10.0
"""The vendor's limit for one customer."""


class _Breakable(H11Protocol):
    """Passes the connection in each request's state, so that faults can break it, which ASGI does not support."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.app_state = {**self.app_state, "transport": transport}


class _Server(uvicorn.Server):
    """Stops at once when told to; uvicorn checks ten times a second."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._told = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    def stop(self) -> None:
        """Stop it, from any thread."""
        self.should_exit = True
        if self._loop and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._told.set)

    async def main_loop(self) -> None:
        self._loop = asyncio.get_running_loop()  # first, because `stop` checks the loop last
        if not self.should_exit:
            await self._told.wait()


class Platform:
    """The calls API over `source`, served while the `with` block is open.

    `clock` decides the state of the calls; move it to let time pass. `source` is only used by the server's thread.
    `requests_per_second` is in real time and for all clients, 0 for no limit; `retry_after` decides whether a 429 has
    that header. `faults` adds faults (`simulator.faults`). Every response is delayed by `latency_seconds`. Port 0
    chooses a free one.
    """

    def __init__(
        self,
        source: CallSource,
        *,
        clock: Clock,
        credentials: Credentials,
        requests_per_second: float = REQUESTS_PER_SECOND,
        retry_after: bool = True,
        faults: Faults | None = None,
        latency_seconds: float = 0.0,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        self.clock = clock
        self.credentials = credentials
        self.stats = Stats()
        self._host = host
        self._port = port
        self._api = Api(
            source,
            clock,
            credentials,
            RateLimit(requests_per_second),
            self.stats,
            retry_after=retry_after,
            faults=faults,
            latency_seconds=latency_seconds,
        )
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def base_url(self) -> str:
        """`http://host:port`, without the API's prefix; the port is known once the block is open."""
        return f"http://{self._host}:{self._port}"

    def __enter__(self) -> Platform:
        bound = _bound(self._host, self._port)
        self._port = bound.getsockname()[1]
        config = uvicorn.Config(
            self._api,
            http=_Breakable,
            lifespan="off",
            ws="none",
            # The date comes from the platform's clock; responses are not logged.
            date_header=False,
            server_header=False,
            access_log=False,
            log_config=None,
            log_level="warning",
            timeout_graceful_shutdown=1,
        )
        self._server = _Server(config)
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [bound]}, name="platform", daemon=True
        )
        self._thread.start()
        while not self._server.started and self._thread.is_alive():
            time.sleep(0.005)
        if not self._server.started:
            raise RuntimeError("The platform's server ended before it answered; its log says why.")
        return self

    def __exit__(self, *_: object) -> None:
        if self._server and self._thread:
            self._server.stop()
            self._thread.join()


def serve(
    source: CallSource,
    *,
    clock: Clock,
    credentials: Credentials,
    host: str = "127.0.0.1",
    port: int = 0,
    requests_per_second: float = REQUESTS_PER_SECOND,
    faults: Faults | None = None,
    on_ready: Callable[[Platform], None] = lambda platform: None,
) -> None:
    """Serve until SIGINT or SIGTERM, then stop in order. `on_ready` is called once requests are answered.

    For the main thread of a command: it installs signal handlers and restores the former ones.
    Raises `ConfigurationError` when it cannot listen at `host` and `port`.
    """
    # A SimpleQueue can be used in a signal handler; an Event can deadlock there.
    interrupted: SimpleQueue[int] = SimpleQueue()
    former = {
        number: signal.signal(number, lambda number, _: interrupted.put(number))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        with Platform(
            source,
            clock=clock,
            credentials=credentials,
            requests_per_second=requests_per_second,
            faults=faults,
            host=host,
            port=port,
        ) as platform:
            on_ready(platform)
            interrupted.get()
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


def _bound(host: str, port: int) -> socket.socket:
    """A socket at `host` and `port`, bound before the server starts so that a free port is known."""
    # With proto TCP, because asyncio disables Nagle's algorithm only then; otherwise responses wait 40 ms.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen()
    except (OSError, OverflowError) as refused:
        listener.close()
        raise ConfigurationError(
            f"The platform cannot listen at {host}:{port}: {refused}.",
            mend="Choose another port, or 0 for a free one, and an IPv4 address of this machine.",
        ) from refused
    return listener
