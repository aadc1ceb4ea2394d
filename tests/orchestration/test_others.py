"""A DAG or a workflow that calls a command that is not there, or tries again what no other try can mend."""

from __future__ import annotations

import ast
import re
import shlex
import subprocess

import pytest
import yaml

from pipelines.home import REPOSITORY
from pipelines.settings import load_settings
from tests.shared import CALLMART

DAG = REPOSITORY / "orchestration" / "airflow" / "callmart_dag.py"
WORKFLOW = REPOSITORY / "orchestration" / "github" / "callmart.yml"


def commands_of_dag() -> list[list[str]]:
    """The arguments of each `callmart(…)` in the DAG."""
    calls = [node for node in ast.walk(ast.parse(DAG.read_text())) if isinstance(node, ast.Call)]
    return [
        [ast.literal_eval(argument) for argument in call.args]
        for call in calls
        if isinstance(call.func, ast.Name) and call.func.id == "callmart"
    ]


def steps_of_workflow() -> list[dict[str, str]]:
    return yaml.safe_load(WORKFLOW.read_text())["jobs"]["callmart"]["steps"]


def commands_of_workflow() -> list[list[str]]:
    """The arguments of each `callmart …` in the workflow's steps."""
    lines = [line for step in steps_of_workflow() for line in step.get("run", "").splitlines()]
    return [words[1:] for line in lines if (words := shlex.split(line))[0] == "callmart"]


def test_what_they_run_are_commands_with_options_that_exist() -> None:
    commands = [*commands_of_dag(), *commands_of_workflow()]
    assert ["run"] in commands
    assert ["reconcile", "--heal"] in commands
    for words in {tuple(each) for each in commands}:
        help_ = subprocess.run(
            [*CALLMART, *words, "--help"], capture_output=True, text=True, check=True
        ).stdout
        assert all(word in help_ for word in words), words


def test_the_dag_tries_again_what_dagster_tries_again_and_what_was_stopped() -> None:
    pytest.importorskip("dagster")
    from orchestration.dagster.commands import RETRIED

    constants = {
        node.targets[0].id: node.value  # type: ignore[attr-defined]
        for node in ast.parse(DAG.read_text()).body
        if isinstance(node, ast.Assign)
    }
    codes = constants["TRIED_AGAIN"].args[0]  # type: ignore[attr-defined]
    assert ast.literal_eval(codes) == RETRIED | {130, 143}
    assert ast.literal_eval(constants["SKIPPED"]) == 4


def test_the_dag_is_taken_in_by_airflow_where_it_is_installed() -> None:
    pytest.importorskip("airflow.sdk")
    from orchestration.airflow import callmart_dag

    assert {callmart_dag.callmart_run().dag_id, callmart_dag.callmart_reconcile().dag_id} == {
        "callmart_run",
        "callmart_reconcile",
    }


def test_the_workflow_runs_one_at_a_time_with_settings_that_callmart_reads(
    tmp_path, monkeypatch, kept_environment
) -> None:
    from pipelines.home import Home

    workflow = yaml.safe_load(WORKFLOW.read_text())
    assert workflow["concurrency"]["cancel-in-progress"] is False
    crons = {each["cron"] for each in workflow[True]["schedule"]}  # YAML 1.1 reads `on` as true
    asked = {cron for step in steps_of_workflow() for cron in re.findall(r"'([^']+\*)'", step.get("if", ""))}
    assert asked < crons
    values = {
        "SOURCES__CCAIP__BASE_URL": "https://acme.example",
        "SOURCES__CCAIP__START_DATE": "2026-01-01",
        "DESTINATION__POSTGRES__CREDENTIALS": "postgresql://callmart:secret@db.example/calls",
    }
    for name, value in workflow["env"].items():
        if name != "CALLMART_HOME":
            monkeypatch.setenv(
                name, values.get(name, value if "${{" not in value else "a value of sixteen characters")
            )
    home = Home(tmp_path)
    home.activate()
    settings = load_settings(home, need_api=True)
    assert settings.destination == "postgres"
    assert settings.credentials["host"] == "db.example"
    assert (settings.base_url, settings.start_date.year) == ("https://acme.example", 2026)
