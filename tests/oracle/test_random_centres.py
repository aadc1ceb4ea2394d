"""The marts and the oracle over random centres: no cell differs.

`make test` builds one centre, the same each time; `make test-long` ten others. To look at more, at 15 s of CPU each:
`ORACLE_EXAMPLES=50 .venv/bin/python -m pytest tests/oracle/test_random_centres.py`.
"""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from tests.oracle.building import REPORTING_TIMEZONE, Builder
from tests.oracle.centres import Plan, plans
from tests.oracle.compare import differences

CALLS = 100
EXAMPLES = int(os.environ.get("ORACLE_EXAMPLES", "1"))
"""More than one are drawn anew each time."""


@pytest.mark.slow
@pytest.mark.timeout(300 * EXAMPLES)
@settings(
    max_examples=EXAMPLES,
    derandomize=EXAMPLES == 1,
    deadline=None,
    database=None,
    phases=[Phase.generate],  # to shrink would take dozens of builds; the plan and the cells say enough
    suppress_health_check=[HealthCheck.too_slow],
)
@given(plan=plans(CALLS, REPORTING_TIMEZONE))
def test_no_mart_counts_a_random_centre_otherwise_than_its_definition(builder: Builder, plan: Plan) -> None:
    calls, zones = plan.bodies(), dict(plan.queue_timezones)
    database = builder.build("random", calls, zones)
    found = differences(database, calls, reporting_timezone=REPORTING_TIMEZONE, queue_timezones=zones)
    assert not found, f"{len(found)} differences:\n" + "\n".join(found[:40])
