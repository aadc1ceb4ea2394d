"""callmart in Airflow 3: copy this file into the DAGs' folder.

Each task runs the command in callmart's own environment: Airflow and callmart need other versions of the same packages.
Set the two variables in Airflow: `callmart_command`, the path of the installed command, and `callmart_home`.

An exit code becomes what Airflow makes of it: 4 (another callmart is at work) is a skipped task, 1, 3, 130 and 143 are tried
again, and any other fails at once.
"""

from __future__ import annotations

import os
import subprocess
from datetime import UTC, datetime, timedelta

from airflow.sdk import Variable, dag, task
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

TRIED_AGAIN = frozenset({1, 3, 130, 143})
SKIPPED = 4
SETTINGS = {
    "start_date": datetime(2026, 1, 1, tzinfo=UTC),
    "catchup": False,  # callmart knows by itself how far it has come
    "max_active_runs": 1,
    "default_args": {"retries": 2, "retry_delay": timedelta(minutes=1)},
    "tags": ["callmart"],
}


def callmart(*arguments: str) -> None:
    """Run the command, and tell Airflow how it ended. What it says is in the task's log."""
    command = Variable.get("callmart_command", default="callmart")
    home = Variable.get("callmart_home", default=os.environ.get("CALLMART_HOME", ""))
    environment = os.environ | ({"CALLMART_HOME": home} if home else {})
    done = subprocess.run([command, *arguments], env=environment, check=False)
    said = f"`callmart {' '.join(arguments)}` ended with exit code {done.returncode}."
    if done.returncode == SKIPPED:
        raise AirflowSkipException(said)
    if done.returncode in TRIED_AGAIN or done.returncode < 0:
        raise RuntimeError(said)
    if done.returncode:
        raise AirflowFailException(said)


@dag(schedule="*/15 * * * *", **SETTINGS)
def callmart_run() -> None:
    """Load what is new, build the marts and publish them."""

    @task
    def run() -> None:
        callmart("run")

    run()


@dag(schedule="40 2 * * *", **SETTINGS)
def callmart_reconcile() -> None:
    """Every night: compare with the API, and load what is missing or stale."""

    @task
    def reconcile() -> None:
        callmart("reconcile", "--heal")

    reconcile()


callmart_run()
callmart_reconcile()
