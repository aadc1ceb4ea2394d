"""A simulated contact centre: its calls change while they last and afterwards, and what happened is known.

    from simulator.centre import Centre
    centre = Centre.simulate(seed=7, start=datetime(2026, 3, 2, tzinfo=UTC), days=14)
    centre.versions(now); centre.body(call_id, now); centre.truth(now)

To run it alone: `python -m simulator.centre --days 2`.
"""

from simulator.centre.centre import Centre
from simulator.centre.truth import Truth

__all__ = ["Centre", "Truth"]
