"""Runs each DAG once by Airflow's own `dag.test()`, with commands that end with each exit code: `make test-airflow`.

Runs in an environment with Airflow and without callmart, as Airflow does.
"""

from __future__ import annotations

import importlib.util
import os
import sys
import tempfile
from datetime import timedelta
from pathlib import Path

DAGS = Path(__file__).resolve().parents[2] / "orchestration" / "airflow" / "callmart_dag.py"
ONCE, AGAIN = 1, 3
EXPECTED = {
    0: ("success", ONCE), 4: ("skipped", ONCE), 2: ("failed", ONCE), 5: ("failed", ONCE), 6: ("failed", ONCE),
    1: ("failed", AGAIN), 3: ("failed", AGAIN), 143: ("failed", AGAIN),
}  # fmt: skip
"""The task's state at the end, and how often it was tried, by exit code."""


def main() -> int:
    """0 when every exit code came to what is expected."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {
            "AIRFLOW_HOME": folder,
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__DAGS_FOLDER": str(DAGS.parent),
        }
        return _run(Path(folder))


def _run(folder: Path) -> int:
    from airflow.utils.db import initdb

    initdb()
    spec = importlib.util.spec_from_file_location("callmart_dag", DAGS)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    dags = {"run": module.callmart_run(), "reconcile": module.callmart_reconcile()}
    wrong = 0
    command = folder / "callmart"
    os.environ["AIRFLOW_VAR_CALLMART_COMMAND"] = str(command)
    for name, dag in dags.items():
        for task in dag.tasks:
            task.retry_delay = timedelta(0)
        for code, expected in EXPECTED.items() if name == "run" else [(0, ("success", ONCE))]:
            tries = folder / "tries"
            command.write_text(f"#!/bin/sh\necho >> {tries}\nexit {code}\n")
            command.chmod(0o700)
            (instance,) = dag.test().get_task_instances()
            found = str(instance.state), len(tries.read_text())
            tries.unlink()
            sys.stdout.write(f"{name}: exit code {code}: {found}, expected {expected}\n")
            wrong += found != expected
    return wrong


if __name__ == "__main__":
    sys.exit(main())
