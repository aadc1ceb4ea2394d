"""`callmart privacy rotate-key`: the warehouse under a new key for pseudonyms."""

from __future__ import annotations

import typer


def rotate_key() -> None:
    """Put the warehouse under a new key for pseudonyms.

    Adds a part to the key in .dlt/secrets.toml and rewrites every pseudonym, in
    raw tables, marts, published copy and what is remembered of forgotten people.
    Callers stay the same callers, also in what is loaded afterwards; copies made
    before can no longer be joined with the warehouse. Nothing is asked of the
    API. Give the longer key to every machine that loads into this warehouse.
    Cut short, the same command finishes it.

    A key that is not in secrets.toml (PRIVACY__KEY, a mounted secret) is yours to
    change: the longer one is printed; set it and run this again.

    Example:
      callmart privacy rotate-key
    """
    from pipelines.cli.app import _at_work
    from pipelines.cli.console import output
    from pipelines.errors import ConfigurationError
    from pipelines.privacy_key import key_in_file, write_key
    from pipelines.warehouse.erase import key_of
    from pipelines.warehouse.rotate_key import longer, missing_parts, rotate

    with _at_work("privacy rotate-key", need_api=False) as (settings, home, progress):
        key = key_of(settings)
        parts = missing_parts(home, settings, key)
        if not parts:
            key = longer(key)
            parts = key.rpartition(".")[2]
            if key_in_file(home) != settings.privacy_key:
                typer.echo(key)
                raise ConfigurationError(
                    "The key is not in .dlt/secrets.toml, so callmart cannot write the longer one there.",
                    "Set the key that was printed, wherever you keep it, then run this again.",
                )
            write_key(home, key)
        report = rotate(settings, home, progress, key, parts)
    output().print(f"Rewrote {report.texts:,} pseudonyms; the key has {report.parts} parts now.")
    if report.published:
        output().print(f"Published anew: {report.published}")
