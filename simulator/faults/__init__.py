"""Faults for the platform: each switchable, seeded and bounded, to prove that no call is lost to any.

    storm = Storm(7, faults={Fault.RESET, Fault.LATE})
    stormy = storm.over(source)
    with Platform(stormy, clock=..., credentials=..., faults=storm.transport()) as platform:
        ...
    stormy.truth(at)        # what the API answers once all has settled: what a warehouse must hold

`fault` names them all. Two kinds: those of an answer (`plan` decides by the request's number,
`transport` strikes; `refusals`, `delivery`, `headers` are how) and those of calls, layers over a
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
