"""`callmart status`: what landed, how fresh it is, what is pending, and what to do next."""

from __future__ import annotations

from typing import Annotated

import typer

from pipelines.cli.context import home_to_read


def status(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object, for schedulers.")] = False,
) -> None:
    """Show what landed, how fresh it is, what is pending and what to do next.

    Reads only, and needs no API credentials.

    Examples:
      callmart status
      callmart status --json | jq .fresh.tail_until
    """
    from pipelines.cli.console import show_json, show_status
    from pipelines.settings import load_settings
    from pipelines.warehouse.status import read_status

    home = home_to_read()
    found = read_status(home, load_settings(home, need_api=False))
    (show_json if as_json else show_status)(found)
