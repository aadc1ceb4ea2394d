"""The marts and the oracle over random centres: no cell differs.

`make test` builds three centres, the same each time. To look at others, at some 20 s of CPU each:
`ORACLE_EXAMPLES=50 .venv/bin/python -m pytest tests/oracle/test_random_centres.py --timeout 0`.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, Phase, given, settings

from tests.oracle.building import REPORTING_TIMEZONE, Builder
from tests.oracle.centres import Plan, plans
from tests.oracle.compare import differences

CALLS = 150
EXAMPLES = os.environ.get("ORACLE_EXAMPLES")


@settings(
    max_examples=int(EXAMPLES or 3),
    derandomize=EXAMPLES is None,
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
