"""`callmart privacy`: what the protection of callers needs besides settings."""

from __future__ import annotations

from typing import Annotated

import typer

from pipelines.cli.rotate_key import rotate_key

privacy = typer.Typer(no_args_is_help=True, rich_markup_mode="rich")


@privacy.callback()
def _privacy() -> None:
    """Keys for the pseudonyms that stand in the warehouse for callers and agents.

    What becomes of personal data is set in [privacy] of .dlt/config.toml, by the
    class of each column (docs/tables.md); nothing lands before that is applied.

    Example:
      callmart privacy make-key
    """


@privacy.command("make-key")
def make_key(
    only_print: Annotated[
        bool,
        typer.Option(
            "--print",
            help="Print a key and write nothing: for a secret store, or PRIVACY__KEY of a container.",
        ),
    ] = False,
) -> None:
    """Make the key for pseudonyms, and write it to .dlt/secrets.toml.

    Once for each warehouse, before its first load. Back it up as you do the
    token: without it the same caller is somebody else in every new call. A key
    that is there is never replaced.

    Examples:
      callmart privacy make-key
      callmart privacy make-key --print
    """
    from pipelines.cli.app import _home
    from pipelines.privacy_key import make_key as make
    from pipelines.privacy_key import new_key

    if only_print:
        typer.echo(new_key())
        return
    typer.echo(f"Wrote a key for pseudonyms to {make(_home())}. Keep it as long as the warehouse.")


privacy.command("rotate-key")(rotate_key)
