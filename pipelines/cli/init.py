"""`callmart init`: a new project folder."""

from __future__ import annotations

import shlex

import typer

from pipelines.cli.context import options


def init() -> None:
    """Make a project folder: settings, an example of the secrets, and seeds for your own rules.

    In the current folder, or in the one that --project-dir or CALLMART_HOME names.
    Files that exist are never changed.

    Examples:
      callmart init
      callmart --project-dir /srv/callmart init
    """
    from pipelines.home import Home
    from pipelines.new_project import make_project

    home = Home.find(options.project_dir, may_be_new=True)
    for name, is_new in make_project(home).items():
        typer.echo(f"  {'wrote' if is_new else 'kept '} {home.root / name}")
    command = f"callmart --project-dir {shlex.quote(str(home.root))}" if options.project_dir else "callmart"
    secrets = home.root / ".dlt" / "secrets.toml"
    example = secrets.with_name("example.secrets.toml")
    typer.echo(
        f"\nWhat to do next:\n"
        f"  cp {shlex.quote(str(example))} {shlex.quote(str(secrets))}    # and fill in\n"
        f"  {command} privacy make-key\n"
        f"  {command} run\n"
        f"  {command} demo    # no tenant at hand? a simulated contact centre"
    )
