"""Responses that arrive late, in part, or not at all."""

from __future__ import annotations

import asyncio
import socket
import struct
from random import Random

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from simulator.faults.bounds import Bounds

NO_ANSWER = 0
"""The status recorded for a response whose connection was reset."""


def slow(answer: Response, rng: Random, bounds: Bounds) -> Response:
    """The response, delayed."""
    return _Slow(answer, rng.uniform(0.1, 1.0) * bounds.slow_seconds)


def reset(answer: Response, rng: Random, bounds: Bounds) -> Response:
    """A connection reset, equally often before the first byte and within the response."""
    return _Reset(answer, rng.randrange(len(answer.body)) if rng.random() < 0.5 else None)


def cut_body(answer: Response, rng: Random, bounds: Bounds) -> Response:
    """The response's headers and a part of its body, then the connection is closed."""
    return _Cut(answer, rng.randrange(len(answer.body)))


def cut_json(answer: Response, rng: Random, bounds: Bounds) -> Response:
    """A consistent response whose body is only the beginning of the page."""
    headers = {name: value for name, value in answer.headers.items() if name != "content-length"}
    return Response(answer.body[: rng.randrange(1, len(answer.body))], answer.status_code, headers)


class _Slow(Response):
    """`answer`, delayed. It was computed before, at the instant of its `Date`."""

    def __init__(self, answer: Response, seconds: float) -> None:
        super().__init__(status_code=answer.status_code)
        self._answer = answer
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.sleep(self._seconds)
        await self._answer(scope, receive, send)


class _Cut(Response):
    """The headers of `answer` and its first `length` bytes; then the connection ends."""

    def __init__(self, answer: Response, length: int) -> None:
        super().__init__(status_code=answer.status_code)
        self._answer = answer
        self._length = length

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await _send_part(self._answer, self._length, send)
        _transport(scope).close()
        await _disconnected(receive)


class _Reset(Response):
    """A reset connection, after `length` bytes of `answer`; `None` is before its headers."""

    def __init__(self, answer: Response, length: int | None) -> None:
        super().__init__(status_code=NO_ANSWER)
        self._answer = answer
        self._length = length

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._length is not None:
            await _send_part(self._answer, self._length, send)
        transport = _transport(scope)
        # Without lingering the kernel says RST and forgets what is unsent; with it, an orderly FIN.
        no_lingering = struct.pack("ii", 1, 0)
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, no_lingering)
        transport.abort()
        await _disconnected(receive)


async def _send_part(answer: Response, length: int, send: Send) -> None:
    await send({"type": "http.response.start", "status": answer.status_code, "headers": answer.raw_headers})
    await send({"type": "http.response.body", "body": bytes(answer.body[:length]), "more_body": True})


def _transport(scope: Scope) -> asyncio.Transport:
    return scope["state"]["transport"]


async def _disconnected(receive: Receive) -> None:
    """Wait until the server has noticed, or it would log an incomplete response."""
    while (await receive())["type"] != "http.disconnect":
        pass
