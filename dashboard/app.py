"""The server of the pages: a Starlette application, read-only.

Every page and every file of a panel takes the same query string, the view. Responses carry a Content-Security-Policy that
allows no other host, and pages have no inline scripts.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from anyio import to_thread
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dashboard import formatting
from dashboard.definitions import definitions
from dashboard.pages import PAGES, Page
from dashboard.panels import PANELS, Panel, as_csv, sql
from dashboard.reader import Reader, Row, Snapshot
from dashboard.vega import with_rows
from dashboard.view import COMPARISONS, DIRECTIONS, View, ViewError
from pipelines.errors import CallmartError, safe_message

logger = logging.getLogger(__name__)

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
COOKIE = "callmart_dashboard"
_HERE = Path(__file__).parent
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
}


def create_app(reader: Reader, token: str = "", hosts: tuple[str, ...] = LOOPBACK) -> Starlette:
    """The application. With a `token` each request needs it; `hosts` are the names it answers to (`*` for any)."""
    dashboard = _Dashboard(reader)
    routes = [
        *(Route(page.path, dashboard.page(page), name=page.name) for page in PAGES),
        Route("/panel/{name}.csv", dashboard.csv),
        Route("/panel/{name}", dashboard.table),
        Route("/definitions", dashboard.definitions),
        Route("/health", lambda request: PlainTextResponse("ok")),
        Mount("/static", StaticFiles(directory=_HERE / "static")),
    ]
    middleware = [
        Middleware(TrustedHostMiddleware, allowed_hosts=list(hosts), www_redirect=False),
        Middleware(_Headers),
        *([Middleware(_Token, token=token, page=dashboard.sign_in)] if token else []),
        Middleware(GZipMiddleware, minimum_size=2000),
    ]
    return Starlette(
        routes=routes,
        lifespan=_limit_threads(reader.pages_at_once),
        middleware=middleware,
        exception_handlers={
            ViewError: dashboard.bad_view,
            CallmartError: dashboard.no_marts,
            404: dashboard.not_found,
            Exception: dashboard.failed,
        },
    )


def _limit_threads(threads: int) -> Callable[[Starlette], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def limited(app: Starlette) -> AsyncIterator[None]:
        to_thread.current_default_thread_limiter().total_tokens = threads
        yield

    return limited


class _Dashboard:
    """The routes. They are plain functions, which Starlette runs in threads."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._templates = Environment(
            loader=PackageLoader("dashboard"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
        )
        self._templates.filters["label"] = formatting.label
        self._templates.filters["kind"] = formatting.kind_of
        self._templates.globals |= {
            "number": formatting.number,
            "written": formatting.written,
            "numeric": formatting.NUMERIC,
            "pages": PAGES,
            "version": version("callmart"),
            "static": _static_urls(),
        }

    def page(self, page: Page) -> Callable[[Request], Response]:
        def respond(request: Request) -> Response:
            with self._reader.snapshot() as snapshot:
                shown = _Shown(snapshot, request, page)
                rows = {name: PANELS[name].rows(snapshot, shown.view) for name in page.panels}
            return self._render(page.template, request, **shown.context, rows=rows, panels=PANELS, draw=_draw)

        return respond

    def table(self, request: Request) -> Response:
        panel = _panel(request)
        if panel is None:
            return self.not_found(request, KeyError())
        with self._reader.snapshot() as snapshot:
            shown = _Shown(snapshot, request, _page_of(panel))
            rows = panel.rows(snapshot, shown.view)
        return self._render("table.html", request, **shown.context, panel=panel, rows=rows)

    def csv(self, request: Request) -> Response:
        panel = _panel(request)
        if panel is None:
            return self.not_found(request, KeyError())
        with self._reader.snapshot() as snapshot:
            shown = _Shown(snapshot, request, _page_of(panel))
            rows = panel.rows(snapshot, shown.view)
        name = f"{panel.name}_{shown.view.from_date}_{shown.view.to_date}.csv"
        return Response(
            as_csv(rows),
            media_type="text/csv",
            headers={"content-disposition": f'attachment; filename="{name}"'},
        )

    def definitions(self, request: Request) -> Response:
        return self._render("definitions.html", request, text=Markup(definitions()))

    def sign_in(self, request: Request, failed: bool) -> Response:
        return self._render("sign_in.html", request, status=401, failed=failed)

    def bad_view(self, request: Request, error: Exception) -> Response:
        return self._message(request, 400, "This address cannot be shown", str(error), "")

    def no_marts(self, request: Request, error: Exception) -> Response:
        mend = error.mend if isinstance(error, CallmartError) else ""
        return self._message(request, 503, "There is nothing to show yet", str(error), mend)

    def not_found(self, request: Request, error: Exception) -> Response:
        return self._message(request, 404, "There is no such page", request.url.path, "")

    def failed(self, request: Request, error: Exception) -> Response:
        logger.error("a page failed: %s", safe_message(error))
        return self._message(
            request, 500, "This page failed", safe_message(error), "The server's log says more."
        )

    def _message(self, request: Request, status: int, title: str, problem: str, mend: str) -> Response:
        return self._render("message.html", request, status=status, title=title, problem=problem, mend=mend)

    def _render(self, template: str, request: Request, status: int = 200, **context: Any) -> Response:
        return HTMLResponse(self._templates.get_template(template).render(request=request, **context), status)


class _Shown:
    """What every page shows around its panels: the view, the choices of its filters, and how fresh the data are."""

    def __init__(self, snapshot: Snapshot, request: Request, page: Page) -> None:
        extent = snapshot.rows(sql("extent"), {})[0]
        first, last = extent["first_date"], extent["last_date"]
        if last is None:
            raise CallmartError(
                "The marts hold no calls that entered a queue.", "Load calls first: `callmart run`."
            )
        self.view = View.read(request.query_params, first, last, page.days)
        publication = snapshot.rows(sql("publication"), {})[0]
        zones = snapshot.rows(sql("choice_queues"), {})
        self.context: dict[str, Any] = {
            "page": page,
            "view": self.view,
            "query": self.view.query(),
            "extent": extent,
            "publication": publication,
            "zones": sorted({row["reporting_timezone"] for row in zones}),
            "selection": snapshot.rows(sql("selection"), self.view.parameters)[0],
            "choices": {
                "queues": zones,
                "languages": _choices(snapshot, "choice_languages"),
                "call_types": _choices(snapshot, "choice_call_types"),
                "directions": DIRECTIONS,
                "comparisons": COMPARISONS,
            },
            "shortcuts": _shortcuts(self.view, first, last),
        }


def _choices(snapshot: Snapshot, name: str) -> list[str]:
    return [row["choice"] for row in snapshot.rows(sql(name), {})]


def _shortcuts(view: View, first: date, last: date) -> list[tuple[str, str, bool]]:
    """Common ranges of dates: label, query string, and whether it is selected."""
    day = date.resolution
    monday = last - last.weekday() * day
    ranges = [
        ("Latest day", last, last),
        ("Day before", last - day, last - day),
        ("Last whole week", monday - 7 * day, monday - day),
        ("Last 14 days", max(first, last - 13 * day), last),
    ]
    return [
        (words, view.query(**{"from": start, "to": end}), (start, end) == (view.from_date, view.to_date))
        for words, start, end in ranges
    ]


def _draw(panel: Panel, rows: list[Row], query: str) -> list[tuple[str, str, bool]]:
    """The drawings of a panel: caption, specification as JSON that is safe in HTML, and whether it is wide."""
    return [
        (drawing.caption, _json(with_rows(drawing.draw(rows, query), rows)), drawing.is_wide)
        for drawing in panel.drawings
    ]


def _json(value: Any) -> Markup:
    return Markup(json.dumps(value, separators=(",", ":")).replace("<", "\\u003c"))


def _panel(request: Request) -> Panel | None:
    return PANELS.get(request.path_params["name"])


def _page_of(panel: Panel) -> Page:
    return next(page for page in PAGES if panel.name in (*page.panels, *page.linked))


def _static_urls() -> dict[str, str]:
    """The address of each static file. It contains a hash of the content, so browsers may cache it for ever."""
    files = (file for file in (_HERE / "static").iterdir() if file.is_file())
    return {
        file.name: f"/static/{file.name}?{hashlib.sha256(file.read_bytes()).hexdigest()[:12]}"
        for file in files
    }


class _Headers:
    """Adds the security headers, and how long a response may be cached."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(_HEADERS)
                is_static = scope["path"].startswith("/static/") and message["status"] == 200
                headers["cache-control"] = "max-age=31536000, immutable" if is_static else "no-store"
            await send(message)

        await self._app(scope, receive, send_with_headers)


class _Token:
    """Admits requests with the token: as a bearer, or in the cookie that the sign-in page sets."""

    def __init__(self, app: ASGIApp, token: str, page: Callable[[Request, bool], Response]) -> None:
        self._app = app
        self._token = token
        self._page = page

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith(("/static/", "/health")):
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        if request.method == "POST":
            response = await self._sign_in(request)
            await response(scope, receive, send)
        elif self._is_known(request):
            await self._app(scope, receive, send)
        else:
            await self._page(request, False)(scope, receive, send)

    async def _sign_in(self, request: Request) -> Response:
        form = parse_qs((await request.body()).decode("utf-8", "replace"))
        if not self._matches(form.get("token", [""])[0]):
            return self._page(request, True)
        query = f"?{request.url.query}" if request.url.query else ""
        response = RedirectResponse(request.url.path + query, status_code=303)
        secure = request.url.scheme == "https"
        response.set_cookie(COOKIE, self._token, httponly=True, samesite="strict", secure=secure)
        return response

    def _is_known(self, request: Request) -> bool:
        scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
        return self._matches(bearer if scheme.lower() == "bearer" else request.cookies.get(COOKIE, ""))

    def _matches(self, given: str) -> bool:
        return hmac.compare_digest(given.encode(), self._token.encode())
