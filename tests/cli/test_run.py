"""The main job as a scheduler runs it: real processes, a folder of its own, nothing written elsewhere."""

from __future__ import annotations

import json

import pytest

from pipelines.home import REPOSITORY

FIXTURES = REPOSITORY / "tests" / "fixtures"
FILES = ("real_call_1418.json", "documented_example_response.json", "documented_call_model.json")
OURS = ("warehouse", "var", "demo", "dbt_project/target", "dbt_project/logs")


@pytest.mark.slow
def test_run_lands_and_builds_in_its_home_alone(callmart) -> None:
    before = [sorted((REPOSITORY / name).rglob("*")) for name in OURS]
    replay = [FIXTURES / name for name in FILES]
    with callmart.platform("--replay", *replay) as (_, env):
        shown = callmart("run", **env)
        assert shown.returncode == 0, shown.stderr
        assert shown.stdout.startswith("Loaded 3 calls in ")
        assert "Built " in shown.stdout
        log = shown.stderr.splitlines()
        assert all(line[:4].isdigit() for line in log), "one stamped line after another, and no bars"
        assert {line.split(" ", 1)[1].split(":")[0] for line in log} == {"load calls", "build marts"}

        told = json.loads(callmart("status", "--json").stdout)
        assert told["landed"]["rows"]["calls"] == 3
        assert told["pending"]["calls_since_transform"] == 0
        assert told["fresh"]["tail_until"] == "2026-03-24T20:15:58Z"
        assert told["marts"]["fct_calls"] == 3

        again = callmart("load", **env)
        assert again.returncode == 0, again.stderr
        assert json.loads(callmart("status", "--json").stdout)["landed"] == told["landed"]

        back = callmart("backfill", "--from", "2018-01-01", "--to", "2018-12-31", **env)
        assert back.returncode == 0, back.stderr
        assert back.stdout.startswith("Loaded 1 calls in ")
        assert (
            json.loads(callmart("status", "--json").stdout)["fresh"]["tail_until"] == "2026-03-24T20:15:58Z"
        )

    assert list(callmart.cwd.iterdir()) == []
    assert list(callmart.user_home.iterdir()) == []
    assert [sorted((REPOSITORY / name).rglob("*")) for name in OURS] == before
