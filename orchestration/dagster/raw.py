"""The raw tables `ccaip.*` as assets, by dagster-dlt from the source that `callmart load` runs.

One step loads them all, because a call lands with its nested rows and its ledger in one package. The partition of the
current day stands for what is new (`callmart load`); days before it are backfills (`callmart backfill`). A backfill of
many days is one run, and leaves the cursor alone.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
from dagster_dlt import DagsterDltTranslator
from dagster_dlt.translator import DltResourceTranslatorData

from orchestration.dagster.commands import POOL, Retries, steps
from pipelines.ccaip.schema import columns_of
from pipelines.ccaip.source import ccaip_packages
from pipelines.ccaip.tables import CHILDREN, RECORDS, SOURCE, TABLES
from pipelines.cli.console import show_load
from pipelines.cli.context import Work
from pipelines.cli.load import check_start
from pipelines.settings import Settings
from pipelines.warehouse.connect import Catalog, cursor_of, reading
from pipelines.warehouse.load import LoadReport, backfill, load_new

API = dg.AssetKey(["ccai_platform", "calls"])
"""The vendor's API, which Dagster does not materialise."""
LOADS = "_dlt_loads"
COMPLETE = "complete"
"""The check on `ccaip/calls` whether all that was asked for has landed."""
_DECLARED = TABLES | {record.name: record for record in RECORDS}


def raw_key(table: str) -> dg.AssetKey:
    """The asset of a raw table, which dbt's source of that name is as well."""
    return dg.AssetKey([SOURCE, table])


class CcaipTranslator(DagsterDltTranslator):
    """Names, descriptions and columns of the source's resources."""

    def get_asset_spec(self, data: DltResourceTranslatorData) -> dg.AssetSpec:
        name = data.resource.name
        return (
            super()
            .get_asset_spec(data)
            .replace_attributes(
                key=raw_key(name),
                deps=[API],
                description=_DECLARED[name].description,
                group_name="raw",
                skippable=True,
                kinds={"dlt"},
            )
            .merge_attributes(metadata=_declared(name))
        )


def api_asset(settings: Settings) -> dg.AssetSpec:
    """The beginning of the lineage."""
    return dg.AssetSpec(
        API,
        description="GET /calls of the CCAI Platform API.",
        group_name="api",
        metadata={"base_url": settings.base_url} if settings.base_url else {},
    )


def raw_specs() -> list[dg.AssetSpec]:
    """One for each resource of the source, each nested table of `calls`, and dlt's table of loads."""
    source = ccaip_packages(iter(()), lambda _: None, datetime.now(UTC), run_id="")
    translator = CcaipTranslator()
    specs = [
        translator.get_asset_spec(DltResourceTranslatorData(resource=resource, pipeline=None))
        for resource in source.selected_resources.values()
    ]
    calls = next(spec for spec in specs if spec.key == raw_key("calls"))
    nested = [
        calls.replace_attributes(
            key=raw_key(table.name), description=table.description, metadata=_declared(table.name)
        )
        for table in CHILDREN
    ]
    loads = calls.replace_attributes(
        key=raw_key(LOADS), description="dlt's loads, each with whether it is complete.", metadata={}
    )
    return [*specs, *nested, loads]


def raw_days(settings: Settings) -> dg.DailyPartitionsDefinition:
    """Days (UTC) of `updated_at`, the current one included."""
    return dg.DailyPartitionsDefinition(f"{settings.start_date:%Y-%m-%d}", end_offset=1)


def raw_assets(settings: Settings) -> dg.AssetsDefinition:
    """The step that loads."""
    specs = raw_specs()

    @dg.multi_asset(
        name="load",
        specs=specs,
        check_specs=[
            dg.AssetCheckSpec(
                COMPLETE, asset=raw_key("calls"), description="All that was asked for has landed."
            )
        ],
        can_subset=True,  # it loads all the same, and may also yield nothing
        partitions_def=raw_days(settings),
        backfill_policy=dg.BackfillPolicy.single_run(),
        pool=POOL,
    )
    def load(context: dg.AssetExecutionContext, retries: Retries) -> Iterator[Any]:
        days = context.partition_time_window
        run = context.instance.get_run_record_by_id(context.run.run_id)
        # A day that was not over when the run was asked for, however long it has waited since.
        is_open = run is None or days.end > run.create_timestamp

        def body(work: Work) -> Iterator[Any]:
            reports = _load(work, days.start, days.end, is_open)
            problems = [problem for report in reports for problem in report.problems]
            yield from _results(
                work, reports, [spec for spec in specs if spec.key in context.selected_asset_keys]
            )
            for key in context.selected_asset_check_keys:
                yield dg.AssetCheckResult(
                    check_name=key.name,
                    asset_key=key.asset_key,
                    passed=not problems,
                    description=" ".join(problems) or None,
                )
            for report in reports:
                report.raise_if_incomplete()

        command = "load" if is_open else "backfill"
        yield from steps(context, command, body, need_api=True, retries=retries, quality_is_checked=True)

    return load


def _load(work: Work, start: datetime, end: datetime, is_open: bool) -> list[LoadReport]:
    """Load the days from `start` to `end`; the last is the current one if it `is_open`."""
    arguments = work.settings, work.home, work.progress
    reports = []
    if start < (over := end - timedelta(days=1) if is_open else end):
        reports.append(backfill(*arguments, start, over))
    if is_open:
        news = load_new(*arguments)
        check_start(news, work.settings)
        work.loaded_until = None if news.problems else news.until
        reports.append(news)
    work.requests = sum(report.requests for report in reports)
    for report in reports:
        show_load(report, work.settings.privacy)
    return reports


def _results(
    work: Work, reports: Sequence[LoadReport], specs: Sequence[dg.AssetSpec]
) -> Iterator[dg.MaterializeResult]:
    """What there is of each table now: rows and columns. Of `calls` also what this run did."""
    with reading(work.settings) as connection:
        catalog = Catalog(connection)
        cursor = cursor_of(connection)
        for spec in specs:
            table = spec.key.path[-1]
            relation = catalog.relation(table)
            if relation is None:
                continue
            metadata: dict[str, Any] = {
                "dagster/row_count": catalog.count(relation),
                "dagster/column_schema": _columns(
                    table, {column.name: str(column.type) for column in relation.columns}
                ),
            }
            if cursor:
                metadata["loaded_until"] = dg.MetadataValue.timestamp(cursor.until)
            if table == "calls":
                metadata |= {
                    "calls": sum(report.calls for report in reports),
                    "rejected": sum(report.rejected for report in reports),
                    "requests": work.requests,
                }
            yield dg.MaterializeResult(asset_key=spec.key, metadata=metadata)


def _declared(table: str) -> dict[str, Any]:
    columns = columns_of(_DECLARED[table])
    return {
        "dagster/table_name": f"{SOURCE}.{table}",
        "dagster/column_schema": _columns(table, {name: hint["data_type"] for name, hint in columns.items()}),
    }


def _columns(table: str, types: Mapping[str, str]) -> dg.TableSchema:
    """The columns with these types, each with its description and privacy class where it is declared."""
    hints = columns_of(_DECLARED[table]) if table in _DECLARED else {}
    return dg.TableSchema(
        [dg.TableColumn(name, type_, hints.get(name, {}).get("description")) for name, type_ in types.items()]
    )
