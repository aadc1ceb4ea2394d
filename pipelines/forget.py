"""Erase a person from everything callmart wrote: `callmart forget`.

    find → logs → record the request → raw tables → dlt's and dbt's folders → marts → new file → published copy → audit

The request is recorded first, so that a load after an interruption does not bring the person back. The audit row is
completed last, so that an interrupted erasure is visible. Each step can be repeated: the same command finishes it.
"""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection

from pipelines.ccaip.privacy.forgotten import Choice
from pipelines.ccaip.privacy.policy import KEY_COMMAND, Pseudonyms
from pipelines.ccaip.tables import ERASURES, FORGOTTEN, PSEUDONYM_KEYS
from pipelines.errors import CallmartError, ConfigurationError
from pipelines.home import Home
from pipelines.marts.build import transform
from pipelines.progress import Progress, Stage
from pipelines.settings import Settings
from pipelines.steps import reached
from pipelines.warehouse import erasure_requests, traces
from pipelines.warehouse.compact import compact
from pipelines.warehouse.connect import Catalog, exists, reading, replace_records, writing
from pipelines.warehouse.erasing import counts, erase_person
from pipelines.warehouse.find_person import Person, Subject, find
from pipelines.warehouse.publish import MARTS_SCHEMA, publish, published_copy

_GIVEN_AS = {"end_user": "--end-user", "identifier": "--identifier", "call": "--call"}


@dataclass(frozen=True, slots=True)
class ForgetReport:
    """What was erased, or with `dry_run` would be erased: rows by raw table.

    `callers` counts the person's ids. `shared` counts calls of other callers with an identifier of the person, which
    stay. `parties` counts the person's rows in calls of others. `forgotten_before` is when the person was erased before (UTC).
    """

    rows: dict[str, int]
    calls: int
    parties: int
    callers: int
    mentions: int
    rejected_calls: int
    shared: int
    choice: Choice
    dry_run: bool
    forgotten_before: datetime | None
    published: Path | None
    seconds: float


def key_of(settings: Settings) -> str:
    """The key for pseudonyms. Raises `ConfigurationError` when there is none."""
    if not settings.privacy_key:
        raise ConfigurationError(
            "callmart stores a pseudonym of each erased person, so that no load brings them back, and there is "
            "no key for pseudonyms ([privacy] key). Erasures need one under every privacy policy.",
            f"`{KEY_COMMAND}` creates one in .dlt/secrets.toml. Or set PRIVACY__KEY.",
        )
    return settings.privacy_key


def preview(settings: Settings, subject: Subject, choice: Choice) -> ForgetReport:
    """What would be erased. Raises `CallmartError` if nobody is found."""
    started = time.monotonic()
    key = key_of(settings)
    with reading(settings) as connection:
        erasure_requests.check_key(connection, key)
        person = find(connection, subject, Pseudonyms(key))
        erasure = erasure_requests.erasure_of(connection, subject.given_by, Pseudonyms(key).of(subject.value))
        _check_found(person, erasure)
        return _report(person, counts(connection, person), choice, erasure, started, dry_run=True)


def forget(
    settings: Settings,
    home: Home,
    progress: Progress,
    subject: Subject,
    choice: Choice,
    *,
    shared: bool = False,
) -> ForgetReport:
    """Erase a person. The caller holds the home's lock.

    The calls are made anonymous or removed. An identifier of several callers needs `shared`, which erases all of
    them. Raises `CallmartError` when nobody is found, `ConfigurationError` without a key.
    """
    started = time.monotonic()
    key = key_of(settings)
    pseudonyms = Pseudonyms(key)
    if not exists(settings):
        raise CallmartError(
            f"Nothing was loaded into {settings.warehouse_name} yet, so there is nobody to erase."
        )
    with progress.stage("forget", total=5, unit="steps") as stage:
        stage.note("finding")
        with writing(settings) as warehouse:
            connection = warehouse.connection
            erasure_requests.check_key(connection, key)
            person = find(connection, subject, pseudonyms)
            rows = counts(connection, person)
            before = erasure_requests.erasure_of(connection, subject.given_by, pseudonyms.of(subject.value))
            _check_found(person, before)
            _check_one(person, shared)
            audit = _audit(person, choice, before)
            stage.advance()
            stage.note("raw tables")
            traces.clear_logs(home, traces.any_of(person.values.texts))  # while the values are known
            _record_intent(connection, person, choice, audit, key, pseudonyms)
            if audit["finished_at"]:
                return _report(person, rows, choice, audit, started)
            reached("forget")
            erase_person(connection, person, choice)
            connection.commit()
            reached("forget")
        traces.remove_working_files(home)
        stage.advance()
        published = _rebuild(settings, home, progress, stage)
        traces.clear_logs(home, traces.any_of(person.values.texts))
        with writing(settings) as warehouse:
            replace_records(warehouse.connection, ERASURES.name, [audit | {"finished_at": datetime.now(UTC)}])
            warehouse.connection.commit()
        stage.advance()
    return _report(person, rows, choice, None, started, published=published)


def _rebuild(settings: Settings, home: Home, progress: Progress, stage: Stage) -> Path | None:
    """Rebuild what is derived from the raw tables, so that no earlier data is left: marts, file, published copy.

    What does not exist is not created. Returns the copy's path, if there is one.
    """
    with reading(settings) as connection:
        has_marts = bool(Catalog(connection).tables(MARTS_SCHEMA))
    if has_marts:
        stage.note("marts")
        # a failing test must not keep a person in the marts
        transform(home, settings, progress, with_tests=False)
        reached("forget")
    stage.advance()
    if settings.destination != "duckdb":
        return None  # other engines free old rows themselves
    stage.note("a new file")
    compact(settings.warehouse, "forget")
    stage.advance()
    if not published_copy(home, settings).exists():
        return None
    stage.note("published copy")
    return publish(home, settings)


def _check_found(person: Person, erasure: dict[str, Any] | None) -> None:
    if not person.is_here and erasure is None:
        given = _GIVEN_AS[person.values.subject.given_by]
        raise CallmartError(
            f"Nobody was found with this {given}. Nothing was changed.",
            "Values are compared exactly as the API gives them, for example +14155550100. Values that the privacy "
            "policy masked or dropped cannot be found.",
        )


def _check_one(person: Person, shared: bool) -> None:
    if len(person.values.callers) > 1 and not shared:
        raise CallmartError(
            f"{len(person.values.callers)} callers have this identifier. Nothing was changed.",
            "Give --end-user for one of them (`callmart access-report` shows them), or --shared for all.",
        )


def _audit(person: Person, choice: Choice, before: dict[str, Any] | None) -> dict[str, Any]:
    """The audit row of an erasure: a new one, or the earlier one if that was interrupted or left nothing to do."""
    if before and (not before["finished_at"] or not person.is_here):
        return before | {"choice": choice}
    return {
        "erasure_id": uuid4().hex,
        "asked_by": person.values.subject.given_by,
        "choice": choice,
        "calls": len(person.calls),
        "rejected_calls": len(person.rejected),
        "mentions": sum(map(len, person.mentions.values())),
        "asked_at": datetime.now(UTC),
        "finished_at": None,
    }


def _record_intent(
    connection: Connection,
    person: Person,
    choice: Choice,
    audit: dict[str, Any],
    key: str,
    pseudonyms: Pseudonyms,
) -> None:
    """Record the pseudonyms that keep the person out of later loads, and the audit row as unfinished."""
    remembered = [
        {"kind": each.kind, "pseudonym": each.pseudonym, "choice": choice, "erasure_id": audit["erasure_id"]}
        for each in person.values.remembered(choice, pseudonyms)
    ]
    replace_records(connection, FORGOTTEN.name, remembered)
    replace_records(connection, ERASURES.name, [audit])
    replace_records(connection, PSEUDONYM_KEYS.name, [erasure_requests.fingerprint_row(key)])
    connection.commit()


def _report(
    person: Person,
    rows: Counter[str],
    choice: Choice,
    before: dict[str, Any] | None,
    started: float,
    *,
    dry_run: bool = False,
    published: Path | None = None,
) -> ForgetReport:
    return ForgetReport(
        rows=dict(rows),
        calls=len(person.calls),
        parties=len(person.parties),
        callers=len(person.values.callers),
        mentions=sum(map(len, person.mentions.values())),
        rejected_calls=len(person.rejected),
        shared=person.shared,
        choice=choice,
        dry_run=dry_run,
        forgotten_before=before["finished_at"] if before else None,
        published=published,
        seconds=time.monotonic() - started,
    )
