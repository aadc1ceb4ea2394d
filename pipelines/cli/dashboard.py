"""`callmart dashboard`: the pages."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from pipelines.cli.context import home_to_read

if TYPE_CHECKING:
    from pipelines.home import Home
    from pipelines.settings import Settings

TOKEN_VARIABLE = "CALLMART_DASHBOARD_TOKEN"
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_SHORTEST_TOKEN = 16


def dashboard(
    host: Annotated[
        str, typer.Option(help="Address to listen on. Any but this machine's own needs --token.")
    ] = ("127.0.0.1"),
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port to listen on; 0 chooses a free one.")
    ] = 8501,
    token: Annotated[
        str,
        typer.Option(
            envvar=TOKEN_VARIABLE,
            help="Token that readers must enter; the environment variable keeps it out of the process list.",
        ),
    ] = "",
) -> None:
    """Serve the dashboard: service level, waits, handle time and data quality.

    Reads the published copy of the marts (from `callmart publish`, `run` or `demo`)
    and shows each new one without a restart; on Postgres it reads the marts where
    they are. Only this machine can reach it, unless you set --host. Then put a
    reverse proxy with TLS in front of it: a token sent unencrypted can be read.

    Examples:
      callmart dashboard
      CALLMART_DASHBOARD_TOKEN=… callmart dashboard --host 0.0.0.0
    """
    from pipelines.errors import ConfigurationError
    from pipelines.settings import load_settings

    is_local = host in _LOOPBACK
    if not is_local and not token:
        raise ConfigurationError(
            f"--host {host} lets other machines read the dashboard, but there is no token.",
            "Give --token, or set CALLMART_DASHBOARD_TOKEN; or leave --host out to serve this machine only.",
        )
    if token and len(token) < _SHORTEST_TOKEN:
        raise ConfigurationError(
            f"A token of {len(token)} characters can be guessed.",
            f"Use at least {_SHORTEST_TOKEN} characters, such as the output of `openssl rand -hex 16`.",
        )
    home = home_to_read()
    settings = load_settings(home, need_api=False)
    _require_extra()
    if settings.destination == "duckdb":
        _serve_copy(home, settings, host, port, token)
    _serve_warehouse(settings, host, port, token)


def _require_extra() -> None:
    from importlib.util import find_spec

    from pipelines.errors import CallmartError

    missing = [name for name in ("jinja2", "markdown_it", "starlette", "uvicorn") if not find_spec(name)]
    if missing:
        raise CallmartError(
            f"The dashboard needs {', '.join(missing)}, which is not installed.",
            "Install callmart with its extra: pip install 'callmart[dashboard]'.",
        )


def _serve_copy(home: Home, settings: Settings, host: str, port: int, token: str) -> NoReturn:
    """Replace this process, in which dlt takes 60 MB, with the server of the published copy."""
    from pipelines.errors import CallmartError
    from pipelines.warehouse.publish import published_copy

    copy = published_copy(home, settings)
    if not copy.exists():
        raise CallmartError(
            f"There is no published copy at {copy} yet.",
            "Create one with `callmart publish`; `callmart run` and `callmart demo` do so at their end.",
        )
    os.environ[TOKEN_VARIABLE] = token
    options = ["--host", host, "--port", str(port)]
    os.execv(sys.executable, [sys.executable, "-P", "-m", "dashboard", str(copy), *options])


def _serve_warehouse(settings: Settings, host: str, port: int, token: str) -> None:
    """Serve the marts of a database server in place."""
    from dashboard.__main__ import serve
    from dashboard.reader import Warehouse
    from pipelines.errors import ConfigurationError

    if settings.destination != "postgres":
        raise ConfigurationError(
            f"The dashboard does not read {settings.destination} yet.",
            'It reads [destination] name = "duckdb" or "postgres".',
        )
    try:
        serve(Warehouse(settings), host, port, token)
    except OSError as error:
        raise ConfigurationError(str(error), "Choose another with --port.") from None
