"""What is made of the raw tables: dbt's models and tests by dagster-dbt, the published copy, and who uses them."""

import json
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DbtCliResource, dbt_assets
from filelock import FileLock
from sqlalchemy import select

from orchestration.dagster.commands import POOL, environment, steps
from pipelines.cli.context import Work
from pipelines.errors import LockedError, TransformError
from pipelines.home import Home
from pipelines.marts.build import FAILED, NOT_BUILT
from pipelines.marts.dbt_runner import PROJECT_DIR, dbt_environment, dbt_variables, project_of
from pipelines.marts.last_build import forget_build, record_build, sources_of
from pipelines.runs import utc_now
from pipelines.settings import Settings, load_alerts, load_settings
from pipelines.warehouse.connect import Catalog, exists, reading, utc, writing
from pipelines.warehouse.publish import MARTS_SCHEMA, PUBLICATION, publish

REACH = "reach"
"""The check on each public mart whether the loads that it was built from reach far enough."""
BESIDE_PYTHON = Path(sys.executable).with_name("dbt")
"""The dbt of this environment, whatever PATH says."""
_PARTIAL = ("--partial-parse",)


class CallmartTranslator(DagsterDbtTranslator):
    """Models are grouped by their layer. Keys are dagster-dbt's own: sources are `ccaip/<table>`."""

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str | None:
        return dbt_resource_props["config"].get("schema") or super().get_group_name(dbt_resource_props)


def dbt_resource(project: Path = PROJECT_DIR, dbt: str | Path = BESIDE_PYTHON) -> DbtCliResource:
    """dbt on the project, by the program `dbt`."""
    return DbtCliResource(str(project), profiles_dir=str(project), dbt_executable=dbt)


def parsed_project(home: Home, settings: Settings, dbt: DbtCliResource) -> dict[str, Any]:
    """The project's manifest. It is kept below the home, and made anew when the project has changed since.

    A file of its own, because each build writes `manifest.json` while others may read.
    """
    folder = dbt_folder(home)
    kept = folder / "definitions.json"
    with FileLock(folder.with_suffix(".lock")):
        if not _is_parsed(kept):
            with environment(dbt_environment(settings, PROJECT_DIR)):
                parsing = dbt.cli([*_PARTIAL, "--quiet", "parse", *_variables(settings)], target_path=folder)
            parsing.wait()
            (folder / "manifest.json").replace(kept)
        return json.loads(kept.read_text())


def dbt_folder(home: Home) -> Path:
    """Where dbt works under Dagster: below the folder that `callmart forget` empties."""
    return home.dbt_target_dir / "dagster"


def mart_assets(manifest: Mapping[str, Any], translator: DagsterDbtTranslator) -> dg.AssetsDefinition:
    """The step that builds and tests seeds and models, with the guarantees of `callmart transform`."""

    @dbt_assets(manifest=manifest, dagster_dbt_translator=translator, name="transform", pool=POOL)
    def transform(context: dg.AssetExecutionContext, dbt: DbtCliResource) -> Iterator[Any]:
        def body(work: Work) -> Iterator[Any]:
            yield from _build(work, context, dbt)

        yield from steps(context, "transform", body)

    return transform


def published_asset(manifest: Mapping[str, Any], translator: DagsterDbtTranslator) -> dg.AssetsDefinition:
    """The step that copies the marts for readers. For a DuckDB warehouse: others have readers beside the writer."""
    marts = [
        translator.get_asset_key(node)
        for node in manifest["nodes"].values()
        if node["resource_type"] == "model" and node["config"].get("schema") == MARTS_SCHEMA
    ]
    spec = dg.AssetSpec(
        "published_marts",
        deps=marts,
        description="The file that dashboards and analysts read: the schema marts alone.",
        group_name="published",
        skippable=True,
        kinds={"duckdb"},
    )

    @dg.multi_asset(name="publish", specs=[spec], pool=POOL)
    def publish_marts(context: dg.AssetExecutionContext) -> Iterator[Any]:
        def body(work: Work) -> Iterator[Any]:
            copy = publish(work.home, work.settings)
            yield dg.MaterializeResult(metadata={"path": str(copy), "bytes": copy.stat().st_size})

        yield from steps(context, "publish", body)

    return publish_marts


def exposures(manifest: Mapping[str, Any], translator: DagsterDbtTranslator) -> list[dg.AssetSpec]:
    """The project's exposures (dashboards and others that read the marts): the end of the lineage."""
    nodes = manifest["nodes"]
    return [
        dg.AssetSpec(
            dg.AssetKey(["exposures", exposure["name"]]),
            deps=[
                translator.get_asset_key(nodes[id_])
                for id_ in exposure["depends_on"]["nodes"]
                if id_ in nodes
            ],
            description=exposure["description"],
            group_name="exposures",
            kinds={exposure["type"]},
            metadata={"url": dg.MetadataValue.url(exposure["url"])} if exposure["url"] else {},
        )
        for exposure in manifest["exposures"].values()
    ]


def reach_checks(
    home: Home, manifest: Mapping[str, Any], translator: DagsterDbtTranslator
) -> dg.AssetChecksDefinition:
    """Freshness of the public marts. It counts from what the loads have reached: Dagster's own freshness policies count
    from the run, and a run that builds marts from old calls does not make them fresh.
    """
    specs = [
        dg.AssetCheckSpec(
            REACH,
            asset=translator.get_asset_key(node),
            description="The loads that the mart was built from reach far enough ([alerts] stale_after_minutes).",
        )
        for node in manifest["nodes"].values()
        if node["resource_type"] == "model" and node["access"] == "public"
    ]

    @dg.multi_asset_check(name="reach", specs=specs, can_subset=True)
    def reach(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        try:
            reached = marts_reach(load_settings(home, need_api=False))
        except LockedError as error:
            context.log.warning(f"Skipped: {error}")
            return
        limit = load_alerts().stale_after
        lag = utc_now() - reached if reached else None
        for key in sorted(context.selected_asset_check_keys, key=str):
            yield dg.AssetCheckResult(
                check_name=key.name,
                asset_key=key.asset_key,
                passed=lag is not None and lag <= limit,
                metadata={
                    "limit_seconds": limit.total_seconds(),
                    **({"data_until": dg.MetadataValue.timestamp(reached)} if reached else {}),
                    **({"lag_seconds": lag.total_seconds()} if lag else {}),
                },
            )

    return reach


def marts_reach(settings: Settings) -> datetime | None:
    """What the loads had reached (UTC) when the marts were built; None before that."""
    if not exists(settings):
        return None
    with reading(settings) as connection:
        publication = Catalog(connection).relation(PUBLICATION, MARTS_SCHEMA)
        if publication is None:
            return None
        return utc(connection.execute(select(publication.c.data_until)).scalar())


def _variables(settings: Settings) -> Sequence[str]:
    return "--vars", json.dumps(dbt_variables(settings.reporting_timezone))


def _build(work: Work, context: dg.AssetExecutionContext, dbt: DbtCliResource) -> Iterator[Any]:
    """Let dbt build what was selected. It has neither the API's credentials nor the privacy key in its environment."""
    if not exists(work.settings):
        raise TransformError(
            f"There is nothing in {work.settings.warehouse_name} yet, so there is nothing to transform.",
            "Materialise the raw tables first.",
        )
    with writing(work.settings):
        pass  # a file that is locked, damaged or not permitted is told at once, not as a failure of dbt
    sources = sources_of(work.home, work.settings)
    forget_build(work.home)
    project, folder = project_of(work.home), dbt_folder(work.home)
    (folder / "run_results.json").unlink(missing_ok=True)  # of an earlier run
    arguments = [
        *_PARTIAL,
        *("--log-path", str(work.home.dbt_log_dir), "--log-level-file", "info"),
        "build",
        *NOT_BUILT,
        *_variables(work.settings),
    ]
    # Of a part of the project, tests that need models outside of it are left out: there may be none of these yet.
    selecting = {"DBT_INDIRECT_SELECTION": "buildable"}
    with environment(dbt_environment(work.settings, project) | selecting):
        on_project = dbt_resource(project, dbt.dbt_executable)  # with the home's own seeds
        invocation = on_project.cli(arguments, context=context, target_path=folder, raise_on_error=False)
    yield from invocation.stream()
    with suppress(FileNotFoundError):
        shutil.copy(folder / "semantic_manifest.json", work.home.dbt_target_dir)  # where `callmart mf` looks
    if invocation.process.returncode:
        results = folder / "run_results.json"
        failed = [
            result["unique_id"].split(".")[2]
            for result in (json.loads(results.read_text())["results"] if results.exists() else [])
            if result["status"] in FAILED
        ]
        raise TransformError(
            f"dbt failed: {', '.join(failed) or 'see its messages'}.",
            f"The raw tables are not affected. See dbt's log: {work.home.dbt_log_dir / 'dbt.log'}.",
        )
    if sources and not context.is_subset:
        record_build(work.home, sources)


def _is_parsed(manifest: Path) -> bool:
    """Whether the manifest is newer than every file of the project."""
    if not manifest.exists():
        return False
    written = manifest.stat().st_mtime
    return all(file.stat().st_mtime < written for file in PROJECT_DIR.rglob("*") if file.is_file())
