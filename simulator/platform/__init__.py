"""The calls API as the vendor documents it, served over HTTP on this machine.

A `CallSource` and a `Clock` go in; `GET /manager/api/v1/calls` with its paging, filters, headers,
credentials and rate limit comes out. Two ways to run it:

    with Platform(source, clock=Clock.frozen(at), credentials=Credentials("acme", "token")) as platform:
        httpx.get(f"{platform.base_url}/manager/api/v1/calls", auth=("acme", "token"))

    serve(source, clock=..., credentials=..., port=8080)        # until interrupted

What the vendor does not document is decided here, as stated in: `filters` (what a null
rating means), `summary` (which calls are an `AgentScheduledCall`), `index` (ties, missing values),
`query` (unknown parameters), `vocabulary` (unknown words), `limits` (the shape of the rate limit).
"""

from simulator.platform.clock import Clock
from simulator.platform.credentials import Credentials
from simulator.platform.server import Platform, serve
from simulator.platform.stats import Stats

__all__ = ["Clock", "Credentials", "Platform", "Stats", "serve"]
