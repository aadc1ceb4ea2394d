"""Asks for metrics by name: MetricFlow's own command `mf`, pointed at a home's marts.

`mf` wants a dbt project with a parsed manifest in its folder `target`; what the last transform left below the
home is one, once dbt_project.yml stands beside it. It asks the published copy where there is one, and opens
either file as a reader: `mf` itself would open the warehouse to write, and keep loads out. Nor does it ask
the package index for a newer version of itself, as `mf` does each time it starts.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from pipelines.errors import CallmartError, ConfigurationError
from pipelines.home import Home
from pipelines.marts.build import PROJECT_DIR, without_secrets
from pipelines.settings import Settings
from pipelines.warehouse.publish import published_copy

_MF_MAIN = """
from update_checker import UpdateChecker
UpdateChecker.check = lambda *_: None
from dbt_metricflow.cli.main import cli
cli(prog_name="callmart mf")
"""


def ask(home: Home, settings: Settings, arguments: Sequence[str]) -> int:
    """Run `mf` with these arguments, on our own output; its exit code.

    Raises `ConfigurationError` when MetricFlow is not installed, `CallmartError` when there are no marts.
    """
    if importlib.util.find_spec("dbt_metricflow") is None:
        raise ConfigurationError(
            "MetricFlow is not installed here.",
            "Install callmart with its extra: pip install 'callmart[semantic]'.",
        )
    copy = published_copy(home, settings)
    marts = copy if copy.exists() else settings.warehouse
    if not marts.exists() or not (home.dbt_target_dir / "semantic_manifest.json").exists():
        raise CallmartError(
            f"There are no marts in {home.root} yet, so there are no metrics.", "Build them: `callmart run`."
        )
    environment = without_secrets(os.environ) | {
        "CALLMART_DUCKDB_PATH": str(marts),
        "CALLMART_DUCKDB_ACCESS_MODE": "read_only",
        "DBT_PROJECT_DIR": str(_project(home)),
        "DBT_PROFILES_DIR": str(PROJECT_DIR),
        "DBT_LOG_PATH": str(home.dbt_log_dir),
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    }
    return subprocess.run(
        [sys.executable, "-c", _MF_MAIN, *arguments], env=environment, check=False
    ).returncode


def _project(home: Home) -> Path:
    """The folder above dbt's target, made to look like a dbt project."""
    folder = home.dbt_target_dir.parent
    shutil.copyfile(PROJECT_DIR / "dbt_project.yml", folder / "dbt_project.yml")
    return folder
