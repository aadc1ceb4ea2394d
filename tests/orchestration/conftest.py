"""A home under Dagster: one instance, one parsed project, three days of a small centre served over HTTP."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pipelines.home import REPOSITORY, Home
from simulator.centre import Centre
from tests.cli.conftest import environment_kept, kept_environment  # noqa: F401 (a fixture)
from tests.cli.receiver import Receiver, receiving
from tests.tenant import TOKEN, USER, tenant

START = datetime(2026, 3, 2, tzinfo=UTC)
DAYS = 3
PRIVACY_KEY = "a key that no process of dbt may see"
DAGSTER_YAML = REPOSITORY / "orchestration" / "dagster" / "dagster.yaml"


class _Dagster:
    """Dagster, imported when a test first uses it: that takes seconds, and every worker imports the tests' files."""

    def __getattr__(self, name: str) -> Any:
        return getattr(pytest.importorskip("dagster"), name)


dg: Any = _Dagster()


@dataclass
class Deployment:
    """callmart's definitions and a Dagster instance for them. `seen` lists the variables that dbt was started with."""

    home: Home
    folder: Path
    instance: Any
    definitions: Any
    receiver: Receiver
    seen: Path

    def run(self, job: str, *keys: Any, partition: str | None = None, **more: Any) -> Any:
        """Run a job in this process, or the part of it that makes the assets `keys`."""
        return self.definitions.resolve_job_def(job).execute_in_process(
            instance=self.instance,
            partition_key=partition,
            asset_selection=list(keys) or None,
            raise_on_error=False,
            **more,
        )


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    pytest.importorskip("dagster")
    from orchestration.dagster.commands import Retries
    from orchestration.dagster.definitions import definitions_of
    from orchestration.dagster.marts import dbt_resource

    folder = tmp_path_factory.mktemp("dagster")
    home = Home(folder / "home")
    centre = Centre.simulate(seed=5, start=START, days=DAYS, calls_per_day=40)
    with ExitStack() as open_:
        environment = open_.enter_context(pytest.MonkeyPatch.context())
        open_.enter_context(environment_kept())
        platform = open_.enter_context(tenant(centre, START + timedelta(days=DAYS)))
        receiver = open_.enter_context(receiving())
        instance_home = folder / "instance"
        instance_home.mkdir()
        (instance_home / "dagster.yaml").write_text(DAGSTER_YAML.read_text())
        for name, value in {
            "DAGSTER_HOME": str(instance_home),
            "CALLMART_HOME": str(home.root),
            "SOURCES__CCAIP__BASE_URL": platform.base_url,
            "SOURCES__CCAIP__USERNAME": USER,
            "SOURCES__CCAIP__API_TOKEN": TOKEN,
            "SOURCES__CCAIP__START_DATE": f"{START:%Y-%m-%d}",
            "SOURCES__CCAIP__REQUESTS_PER_SECOND": "1000",
            "PRIVACY__KEY": PRIVACY_KEY,
            "ALERTS__WEBHOOK_URL": receiver.url,
        }.items():
            environment.setenv(name, value)
        home.activate()
        instance = open_.enter_context(dg.DagsterInstance.get())
        seen = folder / "seen"
        dbt = folder / "dbt"
        real = Path(sys.executable).with_name("dbt")
        dbt.write_text(f'#!/bin/sh\nenv | cut -d= -f1 >> {seen}\nexec {real} "$@"\n')
        dbt.chmod(0o700)
        definitions = definitions_of(home, Retries(most=1, wait_seconds=0), dbt_resource(dbt=dbt))
        yield Deployment(home, folder, instance, definitions, receiver, seen)
