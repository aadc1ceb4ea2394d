"""`callmart dashboard`: the pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from pipelines.cli.context import home_to_read

if TYPE_CHECKING:
    from dashboard.reader import Reader
    from pipelines.home import Home
    from pipelines.settings import Settings

_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_SHORTEST_TOKEN = 16


def dashboard(
    host: Annotated[
        str, typer.Option(help="Address to listen on. Another than this machine's needs --token.")
    ] = ("127.0.0.1"),
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")
    ] = 8501,
    token: Annotated[
        str,
        typer.Option(
            envvar="CALLMART_DASHBOARD_TOKEN",
            help="What readers must know; the environment variable keeps it out of the process list.",
        ),
    ] = "",
) -> None:
    """Serve the dashboard: service level, waits, handle time, and whether to trust them.

    Reads the published copy of the marts (`callmart publish`, `run` and `demo`
    make it) and shows each new one without a restart; on Postgres it reads the
    marts where they are. Only this machine can
    reach it, unless --host says otherwise; put a reverse proxy with TLS before
    it then, because a token that travels unencrypted can be read.

    Examples:
      callmart dashboard
      CALLMART_DASHBOARD_TOKEN=… callmart dashboard --host 0.0.0.0
    """
    from pipelines.errors import ConfigurationError
    from pipelines.settings import load_settings

    is_local = host in _LOOPBACK
    if not is_local and not token:
        raise ConfigurationError(
            f"--host {host} lets other machines read the dashboard, and there is no token.",
            "Give --token, or set CALLMART_DASHBOARD_TOKEN; or leave --host out to serve this machine only.",
        )
    if token and len(token) < _SHORTEST_TOKEN:
        raise ConfigurationError(
            f"The token has {len(token)} characters, and anybody could try them all.",
            f"Take one of at least {_SHORTEST_TOKEN}, such as the output of `openssl rand -hex 16`.",
        )
    home = home_to_read()
    settings = load_settings(home, need_api=False)
    _serve(_reader(home, settings), host, port, token)


def _reader(home: Home, settings: Settings) -> Reader:
    """The published copy of a DuckDB warehouse; another warehouse is read where it is."""
    from pipelines.errors import CallmartError, ConfigurationError
    from pipelines.warehouse.publish import published_copy

    if settings.destination not in ("duckdb", "postgres"):
        raise ConfigurationError(
            f"The dashboard does not read {settings.destination} yet.",
            'It reads [destination] name = "duckdb" or "postgres".',
        )
    try:
        from dashboard.reader import PublishedCopy, Warehouse
    except ModuleNotFoundError as error:
        raise CallmartError(
            f"The dashboard needs {error.name}, which is not installed.",
            "Install callmart with its extra: pip install 'callmart[dashboard]'.",
        ) from None
    if settings.destination == "postgres":
        return Warehouse(settings)
    copy = published_copy(home, settings)
    if not copy.exists():
        raise CallmartError(
            f"There is no published copy at {copy} yet.",
            "Make one with `callmart publish`; `callmart run` and `callmart demo` end with it.",
        )
    return PublishedCopy(copy)


def _serve(reader: Reader, host: str, port: int, token: str) -> None:
    """Serve until Ctrl-C or SIGTERM."""
    import socket

    import uvicorn

    from dashboard.app import LOOPBACK, create_app
    from pipelines.errors import ConfigurationError

    hosts = LOOPBACK if host in _LOOPBACK else ("*",)
    app = create_app(reader, token=token, hosts=hosts)
    config = uvicorn.Config(app, host=host, port=port, log_level="warning", access_log=False, lifespan="off")
    listening = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    with listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((host, port))
        except OSError as error:
            raise ConfigurationError(
                f"Port {port} of {host} cannot be used: {error.strerror}.", "Choose another with --port."
            ) from None
        taken = listening.getsockname()[1]
        shown = f"[{host}]" if ":" in host else host
        typer.echo(f"The dashboard is at http://{shown}:{taken}/ (Ctrl-C stops it).")
        uvicorn.Server(config).run(sockets=[listening])
