"""A BigQuery for the tests: an emulator on loopback, or a real project.

The emulator is a program that answers BigQuery's REST API: `BIGQUERY_EMULATOR` names it, or it is `bigquery-emulator` on
PATH. `CALLMART_BIGQUERY_PROJECT_UNDER_TEST` names a project instead; callmart's datasets must not be there yet, and are
removed afterwards.
"""

from __future__ import annotations

import base64
import importlib.util
import json
import os
import shutil
import socket
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PROJECT_VARIABLE = "CALLMART_BIGQUERY_PROJECT_UNDER_TEST"
DATASETS = ("ccaip", "seeds", "staging", "intermediate", "marts", "history")
_START_SECONDS = 300


@dataclass(frozen=True)
class BigQuery:
    """A project; `endpoint` is the emulator's address, empty for Google's own."""

    project: str
    endpoint: str
    restart: Callable[[], None] = lambda: None
    """Start an emulator anew, with its tables and without the results of queries: `forget_results`."""

    @property
    def environment(self) -> dict[str, str]:
        """What `profiles.yml` reads."""
        variables = {"CALLMART_DBT_TARGET": "bigquery", "CALLMART_BIGQUERY_PROJECT": self.project}
        if self.endpoint:
            variables |= {
                "CALLMART_BIGQUERY_ENDPOINT": self.endpoint,
                "CALLMART_BIGQUERY_METHOD": "oauth-secrets",
                "DBT_ENV_SECRET_BIGQUERY_TOKEN": "not-a-secret",
            }
        return variables

    def client(self) -> Any:
        """Google's client, with the credentials of this machine or, for the emulator, none."""
        from google.api_core.client_options import ClientOptions
        from google.auth.credentials import AnonymousCredentials
        from google.cloud import bigquery

        if not self.endpoint:
            return bigquery.Client(self.project)
        options = ClientOptions(api_endpoint=self.endpoint)
        return bigquery.Client(self.project, credentials=AnonymousCredentials(), client_options=options)


def why_not() -> str:
    """Why there is no BigQuery here; empty when there is one."""
    if importlib.util.find_spec("dbt.adapters.bigquery") is None:
        return (
            "dbt's adapter for BigQuery is not installed here (`make test-bigquery` has its own environment)"
        )
    if not os.environ.get(PROJECT_VARIABLE) and _program() is None:
        return "no BigQuery emulator: name one in BIGQUERY_EMULATOR, or put bigquery-emulator on PATH"
    return ""


@contextmanager
def running(folder: Path) -> Iterator[BigQuery]:
    """The project, or an emulator whose data lie in `folder`, and which ends with the block."""
    if project := os.environ.get(PROJECT_VARIABLE):
        with own_datasets(BigQuery(project, "")) as found:
            yield found
        return
    port, other_port = _free_port(), _free_port()
    database = folder / "bigquery.db"
    options = ["--port", str(port), "--grpc-port", str(other_port), "--database", str(database)]
    command = [str(_program()), "--project", "callmart", *options, "--log-level", "error"]
    with (folder / "emulator.log").open("w") as log, ExitStack() as started:

        def restart() -> None:
            started.close()
            if database.exists():
                forget_results(database)
            process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
            started.callback(process.wait)
            started.callback(process.terminate)
            _wait_for(port, process)

        restart()
        yield BigQuery("callmart", f"http://127.0.0.1:{port}", restart)


def forget_results(database: Path) -> None:
    """Remove finished jobs and results of queries from the file of an emulator that has ended.

    It keeps each result as a dataset of its own, and reads all datasets with each request and when it starts: after two
    hundred queries each takes five seconds in place of half a second. Deleting them through its API makes it build its
    catalog anew each time, which takes memory that it never frees.
    """
    with closing(sqlite3.connect(database)) as file, file:
        (stored,) = file.execute("select datasetIDs from projects").fetchone()
        names = json.loads(_decoded(stored))
        results = [name for name in names if _decoded(name) not in DATASETS]
        kept = json.dumps([name for name in names if name not in results])
        file.execute("update projects set datasetIDs = ?, jobIDs = ?", (_encoded(kept), _encoded("[]")))
        file.execute("delete from jobs")
        for name in results:
            table = "_".join(["callmart", *[_decoded(name)] * 2])
            file.execute("delete from datasets where id = ?", (name,))
            file.execute("delete from tables where datasetID = ?", (name,))
            file.execute("delete from googlesqlite_catalog where name = ?", (table,))
            file.execute(f'drop table if exists "{table}"')


def _decoded(value: str) -> str:
    """What the emulator stores as a value: text, or an array as JSON."""
    body: str = json.loads(base64.b64decode(value))["body"]
    return body


def _encoded(array: str) -> str:
    return base64.b64encode(json.dumps({"header": "array", "body": array}).encode()).decode()


@contextmanager
def own_datasets(found: BigQuery) -> Iterator[BigQuery]:
    """Refuses a project that has a dataset of one of the names; removes those of the block."""
    client = found.client()
    there = sorted({each.dataset_id for each in client.list_datasets()} & set(DATASETS))
    assert not there, (
        f"{found.project} has {', '.join(there)}: the test would write there. Take an empty project."
    )
    try:
        yield found
    finally:
        for name in DATASETS:
            client.delete_dataset(name, delete_contents=True, not_found_ok=True)


def _program() -> Path | None:
    named = os.environ.get("BIGQUERY_EMULATOR")
    path = shutil.which(named or "bigquery-emulator")
    return Path(path).resolve() if path else None


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as asking:
            if asking.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise AssertionError("the BigQuery emulator does not answer")


def _free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return listening.getsockname()[1]
