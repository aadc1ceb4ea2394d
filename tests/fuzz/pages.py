"""Load pages with one broken call each, and compare with a load of the intact pages."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import duckdb
from starlette.responses import Response

from pipelines.ccaip.tables import TABLES
from pipelines.home import REPOSITORY, Home
from pipelines.progress import SilentProgress
from pipelines.warehouse.load import load_new
from simulator.platform import Clock
from tests.empty import with_warehouse
from tests.extraction.living import START, LivingCalls, seconds
from tests.fuzz.mutations import mutated
from tests.tenant import settings_for, tenant

PER_PAGE = 100
_BODIES = ("real_call_1418.json", "documented_call_model.json")
_SHARE = 1.0  # of calls that may be rejected


@dataclass
class Result:
    """The result of a seed. `lost` are intact calls that are missing or different in the warehouse."""

    seed: int
    pages: int
    rejected: int = 0
    lost: list[int] = field(default_factory=list)
    error: str = ""

    @property
    def is_fine(self) -> bool:
        return not self.lost and not self.error


class Breaking:
    """Breaks the calls with the given ids, each always in the same way."""

    def __init__(self, broken: dict[int, bytes]) -> None:
        self._broken = broken

    def strike(self, answer: Response, clock: Clock) -> Response:
        body = bytes(answer.body)
        if not body.startswith(b"[{"):
            return answer
        calls = [self._broken.get(call["id"], _encoded(call)) for call in json.loads(body)]
        headers = {name: value for name, value in answer.headers.items() if name != "content-length"}
        return Response(b"[" + b",".join(calls) + b"]", answer.status_code, headers)


def fuzzed(seed: int, pages: int) -> Result:
    """Load `pages` pages, each with one call broken according to `seed`."""
    chance = Random(seed)
    calls = _calls(pages)
    ids = sorted(calls.history)
    broken = {}
    for start in range(0, len(ids), PER_PAGE):
        call_id = chance.choice(ids[start : start + PER_PAGE])
        odd = mutated(_encoded(calls.history[call_id][0][1]), chance)
        if not _ids_in(odd) & set(ids) - {
            call_id
        }:  # with another call's id it would be a version of that call
            broken[call_id] = odd
    result = Result(seed, pages)
    with tempfile.TemporaryDirectory(prefix="callmart-fuzz-") as folder:
        home = Home(Path(folder))
        try:
            result.rejected = _load(home, calls, broken)
        except Exception as error:
            result.error = f"{type(error).__name__}: {error}"
        else:
            result.lost = _lost(home, _expected(pages), set(broken))
    return result


def _load(home: Home, calls: LivingCalls, broken: dict[int, bytes]) -> int:
    with_warehouse(home)
    platform = tenant(calls, START + timedelta(days=1), faults=Breaking(broken))
    with platform:
        settings = replace(settings_for(platform, home, START.replace(hour=0)), rejected_share=_SHARE)
        report = load_new(settings, home, SilentProgress())
    assert not report.problems, report.problems
    return report.rejected


@cache
def _calls(pages: int) -> LivingCalls:
    """Realistic calls with their own ids and times. Ids are far apart."""
    bodies = [_body(name) for name in _BODIES]
    calls = LivingCalls()
    for number in range(pages * PER_PAGE):
        call_id = 1_000_003 * (number + 1)
        body = bodies[number % 7 == 0] | {"id": call_id}
        body.pop("updated_at", None)
        calls.put(START + seconds(number), body)
    return calls


def _body(name: str) -> dict[str, Any]:
    document = json.loads((REPOSITORY / "tests" / "fixtures" / name).read_text())
    return document[0] if isinstance(document, list) else document


def _encoded(call: dict[str, Any]) -> bytes:
    return json.dumps(call).encode()


def _ids_in(call: bytes) -> set[Any]:
    """The values that could be read as the call's id."""
    digits = b"".join(bytes([each]) if 48 <= each <= 57 else b" " for each in call)
    return {int(number) for number in digits.split() if len(number) < 20}


@cache
def _expected(pages: int) -> Path:
    """The folder of a home with all calls intact."""
    folder = Path(tempfile.mkdtemp(prefix="callmart-fuzz-expected-"))
    _load(Home(folder), _calls(pages), {})
    return folder


def _lost(home: Home, expected: Path, broken: set[int]) -> list[int]:
    """The calls with unexpected rows in any table, without the broken ones."""
    lost: set[int] = set()
    with duckdb.connect() as connection:
        connection.execute(f"attach '{home.warehouse}' as found (read_only)")
        connection.execute(f"attach '{Home(expected).warehouse}' as expected (read_only)")
        for table in TABLES.values():
            key = "id" if table.name == "calls" else "call_id"
            rows = "select columns(c -> c not like '\\_dlt%' escape '\\') from {}.ccaip." + table.name
            there, wanted = rows.format("found"), rows.format("expected")
            query = f"""
                select distinct {key} from (({wanted} except all {there}) union all ({there} except all {wanted}))
            """
            lost |= {call_id for (call_id,) in connection.execute(query).fetchall()}
    return sorted(call_id for call_id in lost - broken if call_id in _calls_of(expected))


@cache
def _calls_of(expected: Path) -> frozenset[int]:
    with duckdb.connect(str(Home(expected).warehouse), read_only=True) as connection:
        return frozenset(
            call_id for (call_id,) in connection.execute("select id from ccaip.calls").fetchall()
        )
