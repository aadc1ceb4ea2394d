"""Loads as a scheduler runs them: real processes, a folder of their own, nothing written elsewhere.

`callmart run` as a whole is the README's, and tested with it.
"""

from __future__ import annotations

import json

from pipelines.home import REPOSITORY

FIXTURES = REPOSITORY / "tests" / "fixtures"
FILES = ("real_call_1418.json", "documented_example_response.json", "documented_call_model.json")
OURS = ("warehouse", "var", "demo", "dbt_project/target", "dbt_project/logs")


def test_loads_land_in_their_home_alone(callmart) -> None:
    before = [sorted((REPOSITORY / name).rglob("*")) for name in OURS]
    with callmart.platform("--replay", *(FIXTURES / name for name in FILES)) as (_, env):
        shown = callmart("load", **env)
        assert shown.returncode == 0, shown.stderr
        assert shown.stdout.startswith("Loaded 3 calls in ")
        log = shown.stderr.splitlines()
        assert len(log) >= 2
        assert all(line[:4].isdigit() and "Z load calls: " in line for line in log), "stamped lines, no bars"
        told = json.loads(callmart("status", "--json").stdout)
        assert told["landed"]["rows"]["calls"] == 3
        assert told["fresh"]["tail_until"] == "2026-03-24T20:15:58Z"

        back = callmart("backfill", "--from", "2018-01-01", "--to", "2018-12-31", **env)
        assert back.returncode == 0, back.stderr
        assert back.stdout.startswith("Loaded 1 calls in ")
        again = json.loads(callmart("status", "--json").stdout)
        assert again["landed"] == told["landed"]
        assert again["fresh"]["tail_until"] == told["fresh"]["tail_until"], (
            "a backfill leaves the cursor alone"
        )

    assert list(callmart.cwd.iterdir()) == []
    assert list(callmart.user_home.iterdir()) == []
    assert [sorted((REPOSITORY / name).rglob("*")) for name in OURS] == before
