"""`callmart demo` and `callmart platform`: callmart on a simulated contact centre."""

from __future__ import annotations

import shlex
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipelines.cli.context import instant_option, options
from pipelines.demo import DAYS, END, SEED

if TYPE_CHECKING:
    from simulator.calls import CallSource
    from simulator.faults import Storm
    from simulator.platform import Clock, Platform

platform = typer.Typer(no_args_is_help=True, rich_markup_mode="rich")


class Destination(StrEnum):
    """The warehouses that the demo can load into."""

    DUCKDB = "duckdb"
    POSTGRES = "postgres"


_MOST_DAYS_AHEAD = 14
_FAULTY_REQUESTS = 10_000  # after that many requests the responses are correct
_NOBODYS_KEY = "key-for-invented-callers"  # the same each time, so that a trial can continue


def demo(
    destination: Annotated[
        Destination, typer.Option("--destination", help="Where the demo loads to. Postgres needs its extra.")
    ] = Destination.DUCKDB,
) -> None:
    """Run the whole pipeline on a simulated contact centre, in under three minutes.

    Starts the local platform, loads two weeks of calls (about 40,000) over HTTP at
    the real API's ten requests a second, builds and tests the marts, prints service
    level, abandonment and handle time by queue, and stops the platform. Needs no
    credentials. Writes only to the folder `demo` of the project folder. When
    you run it again, one hour has passed there, and only changes are loaded.

    On Postgres it writes to the database in your settings, whose name must contain
    `demo`, and to the folder `demo-postgres`.

    Examples:
      callmart demo
      callmart demo --destination postgres
    """
    from pipelines.demo import run_demo
    from pipelines.home import Home
    from pipelines.progress import progress_for

    _require_extra()
    home = Home.find(options.project_dir, may_be_new=True)
    run_demo(home, progress_for(), destination=destination.value, verbose=options.verbose)


def _require_extra() -> None:
    from importlib.util import find_spec

    from pipelines.errors import ConfigurationError

    if missing := [name for name in ("orjson", "simpy", "starlette", "uvicorn") if not find_spec(name)]:
        raise ConfigurationError(
            f"The local platform needs {', '.join(missing)}, which is not installed.",
            "Install callmart with its extra: pip install 'callmart[platform]'.",
        )


@platform.callback()
def platform_group() -> None:
    """Serve the calls API on this machine for trials and tests.

    The vendor has no sandbox. This server implements the documented API, with
    paging, filters, credentials and rate limit, for a simulated contact centre or
    for calls from files.

    Example:
      callmart platform serve
    """


@platform.command()
def serve(
    replay: Annotated[
        list[Path] | None,
        typer.Option(
            "--replay",
            metavar="FILE...",
            help="Serve the calls of these JSON or JSONL files instead of simulated ones. "
            "Several files after one flag, or the flag again.",
        ),
    ] = None,
    more_files: Annotated[list[Path] | None, typer.Argument(metavar="[FILE...]", hidden=True)] = None,
    host: Annotated[str, typer.Option(help="Address to listen on; keep it on this machine.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on; 0 chooses a free one.")] = 8765,
    seed: Annotated[
        int, typer.Option(help="Seed of the simulated centre: the same seed gives the same calls.")
    ] = SEED,
    days: Annotated[int, typer.Option(min=1, help="Days of simulated calls before the clock.")] = DAYS,
    clock: Annotated[
        str | None,
        typer.Option(
            help="The platform's current time: ISO instant, UTC unless it has an offset. "
            f"Default: {END:%Y-%m-%dT%H:%M:%SZ}; a day after the last change when replaying.",
            show_default=False,
        ),
    ] = None,
    speed: Annotated[
        float | None,
        typer.Option(
            min=0.0,
            help="Simulated seconds per real second; 0 stops the clock. Default: 1; 0 when replaying.",
            show_default=False,
        ),
    ] = None,
    requests_per_second: Annotated[
        float,
        typer.Option(
            min=0.0, help="Rate limit: above it the response is 429, like the real API's; 0 for no limit."
        ),
    ] = 10.0,
    username: Annotated[str, typer.Option(help="User that clients must send.")] = "demo",
    token: Annotated[str, typer.Option(help="API token that clients must send.")] = "demo-token",
    fault: Annotated[
        list[str] | None,
        typer.Option(
            "--fault",
            metavar="KIND",
            help="Respond with faults of this kind, such as server-error or unknown-keys; `all` for every kind. "
            "Can be given several times. A kind that does not exist prints the list.",
            show_default=False,
        ),
    ] = None,
    fault_share: Annotated[
        float,
        typer.Option(min=0.0, max=1.0, help="Share of the responses, or of the calls, that have a fault."),
    ] = 0.1,
) -> None:
    """Serve the calls API on this machine until Ctrl-C.

    Prints the address, the credentials and the settings with which callmart loads
    from it.

    Examples:
      callmart platform serve
      callmart platform serve --speed 60 --port 0
      callmart platform serve --replay monday.json tuesday.jsonl
      callmart platform serve --fault too-many-seconds --fault cut-body
    """
    _require_extra()
    from simulator.platform import Credentials
    from simulator.platform import serve as serve_calls

    storm = _storm(fault, seed, fault_share) if fault else None
    files = [*(replay or []), *(more_files or [])]
    if more_files and not replay:
        raise typer.BadParameter(f"{more_files[0]}: files to serve must follow --replay.")
    at = None if clock is None else instant_option("--clock", clock).replace(microsecond=0)
    if files:
        source, ticking, start = _replayed(files, at, speed or 0.0)
    else:
        source, ticking, start = _simulated(seed, days, at or END, 1.0 if speed is None else speed)
    serve_calls(
        storm.over(source) if storm else source,
        faults=storm.transport() if storm else None,
        clock=ticking,
        credentials=Credentials(username, token),
        host=host,
        port=port,
        requests_per_second=requests_per_second,
        on_ready=lambda served: _announce(served, start),
    )


def _storm(kinds: list[str], seed: int, share: float) -> Storm:
    """The faults of these kinds. Raises `BadParameter` with all kinds when one does not exist."""
    from simulator.faults import ALL, Fault, Storm

    try:
        faults = ALL if "all" in kinds else {Fault(kind) for kind in kinds}
    except ValueError:
        unknown = next(kind for kind in kinds if kind not in list(Fault))
        raise typer.BadParameter(
            f"--fault {unknown}: unknown kind. The kinds are {', '.join(Fault)} and all."
        ) from None
    return Storm(seed, faults=faults, requests=_FAULTY_REQUESTS, probability=share, share=share)


def _replayed(files: list[Path], at: datetime | None, speed: float) -> tuple[CallSource, Clock, datetime]:
    """The calls of files, the clock, and the first change in them."""
    from simulator.platform import Clock
    from simulator.replay import ReplayFiles, clock_after

    source = ReplayFiles(files)
    ticking = Clock(at, speed) if at else clock_after(source)
    if speed and not at:
        ticking.run(speed)
    return source, ticking, min(version.updated_at for version in source.versions(ticking.now()))


def _simulated(seed: int, days: int, at: datetime, speed: float) -> tuple[CallSource, Clock, datetime]:
    """`days` of simulated calls up to `at` and some beyond it for a running clock; the clock; the start."""
    from pipelines.progress import progress_for
    from simulator.centre import Centre
    from simulator.platform import Clock

    # As many days ahead as one real day covers at this speed, with a limit: each takes time to simulate.
    ahead = min(_MOST_DAYS_AHEAD, max(1, round(speed))) if speed else 0
    start = at - timedelta(days=days)
    with progress_for().stage("simulate the centre"):
        source = Centre.simulate(seed, start, days=days + ahead)
    return source, Clock(at, speed), start


def _announce(served: Platform, start: datetime) -> None:
    """Print the address, the credentials and the settings to load from here."""
    now, speed = served.clock.now(), served.clock.speed
    pace = "is stopped" if speed == 0 else f"runs at {speed:g} times real time"
    settings = {
        "SOURCES__CCAIP__BASE_URL": served.base_url,
        "SOURCES__CCAIP__USERNAME": served.credentials.user,
        "SOURCES__CCAIP__API_TOKEN": served.credentials.token,
        "SOURCES__CCAIP__START_DATE": f"{start:%Y-%m-%dT%H:%M:%SZ}",
        "PRIVACY__KEY": _NOBODYS_KEY,
    }
    exports = "\n".join(f"  export {name}={shlex.quote(value)}" for name, value in settings.items())
    typer.echo(
        f"The calls API is at {served.base_url}, user {served.credentials.user}, "
        f"token {served.credentials.token}.\n"
        f"Its time is {now:%Y-%m-%d %H:%M:%S} UTC, and its clock {pace}. Ctrl-C stops it.\n\n"
        f"To load from it, in another terminal:\n{exports}\n  callmart --project-dir trial run"
    )
