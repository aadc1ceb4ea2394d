"""A centre in which a person called several times, with every kind of trace, and others called too.

Ada is to be erased. Bob shares no number, Carol shares Ada's office number; Jane, an agent, served them all and must
stay.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from zlib import crc32

import duckdb

from pipelines.ccaip.privacy.policy import KEEP_ALL, Policy
from pipelines.forget import ForgetReport, forget
from pipelines.home import Home
from pipelines.progress import SilentProgress
from pipelines.settings import Settings
from pipelines.warehouse.find_person import Subject
from pipelines.warehouse.load import LoadReport, backfill, load_new
from pipelines.warehouse.reconcile import ReconcileReport, reconcile
from simulator.platform import Clock, Credentials, Platform
from tests.empty import with_warehouse
from tests.extraction.conftest import TOKEN, USER, settings_for
from tests.extraction.living import START, LivingCalls, a_call, seconds, stamp
from tests.queries import ask, opened
from tests.shared import made_once

QUIET = SilentProgress()
KEY = "a-key-of-a-test-0123456789abcdef"
LOADED_AT = START + timedelta(hours=20)
FOUND_OUT_AT = LOADED_AT + timedelta(hours=1)
"""When call 9 turns out to be Carol's."""

ADA, BOB, CAROL = "4711", "4712", "4713"
ADA_PHONE, ADA_MAIL, ADA_CRM = "+14155550100", "ada@lovelace.example", "003-ADA-CRM"
OFFICE = "+14155550999"
BOB_PHONE = "+14155550200"
JANE_MAIL = "jane.agent@centre.example"

ADAS = (1, 2, 4)
"""Her calls: two with her id, one to her number without an id. In call 3, which is Bob's, she was a party."""
UNREADABLE = 7
NEEDLES = (ADA_PHONE, ADA_MAIL, ADA_CRM, "Lovelace", "AdaTells", "ada-ticket", "ada-secret-key")
"""Values that identify Ada only."""


def centre() -> LivingCalls:
    calls = LivingCalls()
    ada = {"id": int(ADA), "identifier": "ada-ident", "out_contact_id": ADA_CRM}
    bob = {"id": int(BOB), "identifier": "bob-ident", "out_contact_id": "003-BOB-CRM"}
    carol = {"id": int(CAROL), "identifier": "carol-ident"}
    bodies = [
        _call(1, ada, ADA_PHONE, feedback="AdaTells all", email=ADA_MAIL, out_ticket_id="ada-ticket-1",
              undeclared={"deep": [ADA_PHONE, "ada-secret-key"]},
              recordings=[{"id": 1, "redaction_times": [{"duration": 1.5}]}],
              photos=[{"id": 9, "photo_type": "photo", "url": "https://x.example/ada-secret-key"}],
              dispositions=[{"user_id": 2, "code": "Sold", "note": "AdaTells"}],
              custom_data_secured={"who": ADA_MAIL}, sip_headers={"From": ADA_PHONE}),
        _call(2, ada, OFFICE),
        _call(3, bob, BOB_PHONE),
        _call(4, None, "", outbound_number=ADA_PHONE, call_type="Voice Outbound"),
        _call(5, bob, BOB_PHONE, feedback="I am Bob", custom_data_not_secured={"asked_about": [ADA_MAIL]}),
        _call(6, carol, OFFICE, feedback="I am Carol"),
        _call(UNREADABLE, ada, ADA_PHONE, rating=2.5),
        _call(8, bob, BOB_PHONE, rating=2.5),
    ]  # fmt: skip
    bodies[2]["participants"].append(_party("end_user", end_user_id=int(ADA), last_name="Lovelace"))
    for number, body in enumerate(bodies):
        calls.put(START + timedelta(hours=2 * number), body)
    calls.put(START + timedelta(hours=17), _call(9, None, ""))
    calls.put(FOUND_OUT_AT, _call(9, carol, OFFICE))
    return calls


def _call(call_id: int, end_user: dict[str, Any] | None, phone: str, **fields: Any) -> dict[str, Any]:
    queued = START + timedelta(hours=2 * (call_id - 1))
    last_name = "Lovelace" if end_user and str(end_user["id"]) == ADA else "Somebody"
    caller = _party(
        "end_user", end_user_id=end_user and end_user["id"], phone_number=phone or None, last_name=last_name
    )
    agent = _party("agent", user_id=2, email=JANE_MAIL, first_name="Jane", sip_headers={"To": phone})
    where = {"menu_path_id": 11, "menu_path": "Sales", "lang": "en"}
    spans = {"started_at": stamp(queued), "ended_at": stamp(queued + seconds(20 + call_id))}
    return a_call(
        call_id,
        queued_at=stamp(queued),
        connected_at=stamp(queued + seconds(20)),
        ends_at=stamp(queued + seconds(200)),
        end_user=end_user or {},
        agent_info={"id": 2, "name": "Jane Agent", "email": JANE_MAIL},
        participants=[caller, agent] if end_user else [agent],
        queue_durations=[{"agent_id": 2, "queue_duration": 20 + call_id, **where, **spans}],
        handle_durations=[
            {"agent_id": 2, "call_duration": 100 + call_id, "acw_duration": 5, **where, **spans}
        ],
        transfers=[{"id": 10 * call_id, "status": "transferred", "to_agent": {"id": 2, "email": JANE_MAIL}}],
        **fields,
    )


def _party(type_: str, **fields: Any) -> dict[str, Any]:
    return {"id": 1, "type": type_} | fields


@dataclass
class Machine:
    """A home that loads from the centre's platform, with commands."""

    calls: LivingCalls
    platform: Platform
    home: Home
    policy: Policy = KEEP_ALL
    key: str = KEY

    @property
    def settings(self) -> Settings:
        wanted = settings_for(self.platform, self.home)
        return replace(wanted, privacy=self.policy, privacy_key=self.key, rejected_share=1.0)

    def load(self) -> LoadReport:
        return load_new(self.settings, self.home, QUIET)

    def read_all_again(self) -> LoadReport:
        return backfill(self.settings, self.home, QUIET, START, LOADED_AT)

    def reconcile(self, **options: Any) -> ReconcileReport:
        self.platform.clock.advance(seconds(1))
        return reconcile(self.settings, self.home, QUIET, **options)

    def forget(self, given_by: Any, value: str, choice: Any = "anonymous", **options: Any) -> ForgetReport:
        return forget(self.settings, self.home, QUIET, Subject(given_by, value), choice, **options)

    def ask(self, query: str, file: Path | None = None) -> list[tuple[Any, ...]]:
        return ask(file or self.home.warehouse, query)

    def log(self, text: str) -> None:
        """Write an error to the log that quotes data, like DuckDB's."""
        with (self.home.log_dir / "callmart.log").open("a") as log:
            log.write(f"ERROR Constraint Error: duplicate key {text!r}\n")

    def copied(self, root: Path) -> Machine:
        """A copy in another folder."""
        shutil.copytree(self.home.root, root)
        home = Home(root)
        home.activate()
        return replace(self, home=home)


def traces(root: Path, *needles: str) -> set[tuple[str, str]]:
    """The files and tables that contain one of the needles, with the needle."""
    found = set()
    for file in (each for each in root.rglob("*") if each.is_file()):
        contents = file.read_bytes()
        found |= {(file.name, needle) for needle in needles if needle.encode() in contents}
        if file.suffix == ".duckdb":
            found |= set(_told(file, needles))
    return found


def _told(file: Path, needles: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """The same through DuckDB, which compresses what it writes."""
    with opened(file) as connection:
        tables = connection.execute(
            "select schema_name, table_name from duckdb_tables() where database_name = current_database()"
        ).fetchall()
        for schema, table in tables:
            holds = ", ".join("bool_or(contains(to_json(each)::varchar, ?))" for _ in needles)
            [held] = connection.execute(f"select {holds} from {schema}.{table} as each", needles).fetchall()
            yield from (
                (f"{schema}.{table}", needle)
                for needle, is_held in zip(needles, held, strict=True)
                if is_held
            )


def totals(machine: Machine, tables: tuple[str, ...]) -> dict[str, list[tuple[Any, ...]]]:
    """All rows of some marts, without what tells of callers and of loads."""
    hidden = "('load_id', 'rules_fingerprint', 'end_user_id')"
    return {
        name: machine.ask(f"select columns(c -> c not in {hidden}) from marts.{name} order by all")
        for name in tables
    }


@contextmanager
def loaded(root: Path, policy: Policy = KEEP_ALL) -> Iterator[Machine]:
    """A machine that has loaded the centre's calls: once per policy, for all tests."""

    def load(folder: Path) -> None:
        with _machine(with_warehouse(Home(folder)), policy) as machine:
            machine.load()

    shutil.copytree(made_once(f"callers {crc32(repr(policy).encode())}", load), root)
    home = Home(root)
    home.activate()
    with _machine(home, policy) as machine:
        yield machine


@contextmanager
def _machine(home: Home, policy: Policy) -> Iterator[Machine]:
    calls = centre()
    with Platform(
        calls, clock=Clock.frozen(LOADED_AT), credentials=Credentials(USER, TOKEN), requests_per_second=0
    ) as platform:
        yield Machine(calls, platform, home, policy)


def make_mart(machine: Machine) -> None:
    """A mart by hand: building the real ones takes long."""
    with duckdb.connect(str(machine.home.warehouse)) as connection:
        connection.execute("""
            set timezone = 'UTC';
            create schema marts; create schema staging;
            create table marts.fct_calls as select id as call_id, end_user__id as end_user_id from ccaip.calls;
            comment on table marts.fct_calls is 'One row per call.';
            create view staging.stg_calls as select id, end_user__id from callmart.ccaip.calls""")
