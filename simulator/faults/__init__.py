"""Faults of the platform, to test that none of them loses a call. Each can be enabled alone, is seeded and is bounded.

    storm = Storm(7, faults={Fault.RESET, Fault.LATE})
    stormy = storm.over(source)
    with Platform(stormy, clock=..., credentials=..., faults=storm.transport()) as platform:
        ...
    stormy.truth(at)        # the API's final state, which a warehouse must have

`fault` lists them. There are two kinds: faults of responses (`plan` decides by the request's number,
`transport` applies them; `refusals`, `delivery` and `headers` implement them) and faults of calls, layers over a
`CallSource` that decide by the call's id and the platform's clock (`moving`, `timing`, `afterwards`,
`crowded`, `handwriting`).
"""

from simulator.faults.bounds import Bounds
from simulator.faults.fault import ALL, BREAKING, DATA, QUIET, TRANSPORT, Fault
from simulator.faults.storm import Storm
from simulator.faults.stormy import SETTLING, StormySource
from simulator.faults.transport import TransportFaults

__all__ = [
    "ALL",
    "BREAKING",
    "DATA",
    "QUIET",
    "SETTLING",
    "TRANSPORT",
    "Bounds",
    "Fault",
    "Storm",
    "StormySource",
    "TransportFaults",
]
