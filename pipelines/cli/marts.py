"""`callmart transform`, `publish`, `dbt` and `mf`: the marts."""

from __future__ import annotations

from typing import Annotated

import typer

from pipelines.cli.context import home_to_read, working


def transform(
    full_refresh: Annotated[
        bool,
        typer.Option("--full-refresh", help="Rebuild the incremental facts from all raw rows."),
    ] = False,
    all_tests: Annotated[
        bool,
        typer.Option("--all-tests", help="Let the data tests look at all rows, not only at what changed."),
    ] = False,
) -> None:
    """Build and test the marts with dbt.

    Needs no API credentials. Processes only the calls that were loaded since the
    last transform, unless the definitions have changed, and tests the days of
    these calls. After a failed transform all rows are tested.

    Examples:
      callmart transform
      callmart transform --all-tests       # every night
      callmart transform --full-refresh    # after a definition has changed
    """
    from pipelines.cli.console import show_transform
    from pipelines.marts.build import transform as build
    from pipelines.warehouse.connect import exists, writing

    with working("transform", need_api=False) as work:
        if work.settings.destination == "duckdb" and exists(work.settings):
            with writing(work.settings):
                pass  # report a locked, damaged or forbidden file at once, not as a failure of dbt
        show_transform(
            build(work.home, work.settings, work.progress, full_refresh=full_refresh, all_tests=all_tests)
        )


def publish() -> None:
    """Copy the marts to a file that readers can keep open.

    A DuckDB file has one writer or many readers, so a reader of the warehouse
    blocks loads. The copy is <project folder>/published/<name of the warehouse>.
    It holds only the schema marts and replaces the last copy in one step.
    `callmart run` ends with this step.

    Example:
      callmart publish
    """
    from pipelines.cli.console import show_published
    from pipelines.warehouse.connect import require_duckdb
    from pipelines.warehouse.publish import publish as copy_marts

    with working("publish", need_api=False) as work:
        require_duckdb(work.settings, "publish")
        show_published(copy_marts(work.home, work.settings))


def dbt(
    arguments: Annotated[
        list[str] | None, typer.Argument(help="dbt's own command and options.", show_default=False)
    ] = None,
) -> None:
    """Run a dbt command on callmart's models and this home's warehouse.

    Passes all arguments to dbt, with the folders, the warehouse and the time
    zone that `callmart transform` uses, and exits with dbt's exit code. Needs no
    API credentials.

    Examples:
      callmart dbt source freshness
      callmart dbt test --select mart_service_level
      callmart dbt list --select +mart_abandonment
      callmart dbt build --help
    """
    from pipelines.marts.dbt_cli import run_dbt

    with working("dbt", need_api=False) as work:
        raise typer.Exit(run_dbt(work.home, work.settings, arguments or ["--help"]))


def mf(
    arguments: Annotated[
        list[str] | None, typer.Argument(help="MetricFlow's own command and options.", show_default=False)
    ] = None,
) -> None:
    """Query metrics by name with MetricFlow.

    Passes all arguments to MetricFlow's command `mf`, which reads the published
    copy of the marts (or the warehouse if nothing is published). Reads only, and
    needs no API credentials.

    Examples:
      callmart mf list metrics
      callmart mf query --metrics service_level --group-by metric_time__day,queue_segment__queue_name
      callmart mf query --saved-query handle_time_by_agent
      callmart mf query --help
    """
    from pipelines.marts.dbt_cli import run_metricflow
    from pipelines.settings import load_settings

    home = home_to_read()
    raise typer.Exit(run_metricflow(home, load_settings(home, need_api=False), arguments or ["--help"]))
