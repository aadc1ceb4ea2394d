"""Who may read the pages, what they may load, and what a reader sees while new copies are published."""

from __future__ import annotations

import csv
import subprocess
import threading
import time
from pathlib import Path

import duckdb
import httpx
import pytest

from dashboard.app import create_app
from dashboard.pages import PAGES
from dashboard.panels import PANELS
from dashboard.reader import PublishedCopy
from pipelines.home import Home
from pipelines.warehouse.publish import publish
from tests.dashboard.conftest import served
from tests.dashboard.page import read
from tests.marts.simulated import settings_of
from tests.shared import CALLMART

pytestmark = pytest.mark.slow

TOKEN = "a token for the tests"
PUBLICATIONS = 8


@pytest.mark.parametrize("path", [page.path for page in PAGES] + ["/definitions", "/panel/today_queues"])
def test_a_page_may_load_nothing_from_another_host(http, path) -> None:
    answer = http.get(path)
    assert answer.status_code == 200
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "http" not in policy
    assert answer.headers["cache-control"] == "no-store"


def test_every_link_of_every_page_leads_somewhere(http) -> None:
    anchors = set(read(http.get("/definitions").text).ids)
    seen: set[str] = set()
    for page in PAGES:
        for link in read(http.get(page.path).text).links:
            path, _, anchor = link.partition("#")
            if path == "/definitions" and anchor:
                assert anchor in anchors, f"{page.path} links to {link}"
            if link.startswith("/") and path not in seen:
                seen.add(path)
                assert http.get(path).status_code == 200, f"{page.path} links to {path}"
    assert len(seen) > len(PANELS)


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ("from=yesterday", "from=yesterday is not a date"),
        ("from=2026-03-12&to=2026-03-10", "is after"),
        ("from=2020-01-01&to=2026-03-10", "longer than"),
        ("queue=everyone", "queue is a number"),
        ("direction=sideways", "direction=sideways"),
    ],
)
def test_an_address_that_is_no_view_says_what_is_wrong_with_it(http, query, problem) -> None:
    answer = http.get(f"/?{query}")
    assert answer.status_code == 400
    assert problem in read(answer.text).text


def test_what_a_reader_types_is_never_taken_for_sql_or_html(http) -> None:
    for attack in ("en' or 1=1 --", "<script>alert(1)</script>", "{{ 7*7 }}"):
        answer = http.get("/", params={"language": attack, "from": "2026-03-10", "to": "2026-03-10"})
        assert answer.status_code == 200
        assert "No calls match this selection" in answer.text
        assert "<script>alert" not in answer.text


def test_without_the_token_nothing_is_shown(copy) -> None:
    with served(create_app(PublishedCopy(copy), token=TOKEN)) as address:
        for path in ("/", "/panel/today_queues.csv", "/definitions"):
            assert httpx.get(address + path).status_code == 401
            assert httpx.get(address + path, headers={"authorization": "Bearer wrong"}).status_code == 401
            assert httpx.get(address + path, headers={"authorization": f"Bearer {TOKEN}"}).status_code == 200
        with httpx.Client(base_url=address) as browser:
            assert browser.post("/?queue=12", data={"token": "wrong"}).status_code == 401
            signed_in = browser.post("/?queue=12", data={"token": TOKEN})
            assert signed_in.status_code == 303
            assert signed_in.headers["location"] == "/?queue=12"
            assert "HttpOnly" in signed_in.headers["set-cookie"]
            assert TOKEN not in signed_in.headers["location"]
            assert browser.get("/").status_code == 200


def test_another_name_for_this_machine_is_not_answered(http) -> None:
    """A page of another site could otherwise read the dashboard by giving its own name this address."""
    assert http.get("/", headers={"host": "evil.example"}).status_code == 400


@pytest.mark.parametrize(
    ("options", "said"),
    [(("--host", "0.0.0.0"), "no token"), (("--host", "0.0.0.0", "--token", "short"), "characters")],
)
def test_other_machines_need_a_token_worth_the_name(centre_home, options, said) -> None:
    command = [*CALLMART, "--project-dir", str(centre_home.root), "dashboard", *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 2
    assert said in done.stderr


def test_without_a_copy_it_says_how_to_make_one(tmp_path) -> None:
    command = [*CALLMART, "--project-dir", str(tmp_path), "dashboard"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1
    assert "callmart publish" in done.stderr


def test_the_command_serves_the_pages(centre_home) -> None:
    command = [*CALLMART, "--project-dir", str(centre_home.root), "dashboard", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            said = process.stdout.readline()
            address = said.split("http://")[1].split("/")[0]
            assert first_answer(f"http://{address}/").status_code == 200
        finally:
            process.terminate()


def first_answer(url: str) -> httpx.Response:
    """The answer of a server that may still be starting."""
    until = time.monotonic() + 60
    while True:
        try:
            return httpx.get(url, timeout=60)
        except httpx.ConnectError:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)


def change(home: Home, offered: int) -> None:
    """Another build: the marts say that each interval of the last date was offered so many calls."""
    with duckdb.connect(str(home.warehouse)) as warehouse:
        warehouse.execute("update marts.mart_queue_intervals set offered = ?", [offered])


def test_readers_see_each_publication_whole_and_without_a_restart(own_home: Home) -> None:
    """Numbers of one page are of one build, and a page asked for after a publication shows it."""
    copy = publish(own_home, settings_of(own_home))
    broken: list[str] = []
    done = threading.Event()

    def refresh(address: str) -> None:
        with httpx.Client(base_url=address, timeout=60) as client:
            while not done.wait(0.05):
                answer = client.get("/panel/today_half_hours.csv")
                if answer.status_code != 200:
                    broken.append(answer.text)

    with served(create_app(PublishedCopy(copy))) as address:
        readers = [threading.Thread(target=refresh, args=(address,)) for _ in range(2)]
        for reader in readers:
            reader.start()
        try:
            with httpx.Client(base_url=address, timeout=60) as held_open:
                for build in range(1, PUBLICATIONS + 1):
                    change(own_home, build)
                    publish(own_home, settings_of(own_home))
                    rows = httpx_csv(held_open, "/panel/today_queues.csv")
                    assert {int(row["offered"]) % build for row in rows} == {0}
        finally:
            done.set()
            for reader in readers:
                reader.join()
    assert broken == []


def httpx_csv(client: httpx.Client, path: str) -> list[dict[str, str]]:
    answer = client.get(path)
    assert answer.status_code == 200
    return list(csv.DictReader(answer.text.splitlines()))


def test_a_query_that_needs_more_memory_than_a_page_is_answered_and_keeps_none(tmp_path) -> None:
    copy = tmp_path / "copy.duckdb"
    duckdb.connect(str(copy)).close()
    limit = "select current_setting('memory_limit') as bytes"
    with PublishedCopy(copy).snapshot() as snapshot:
        before = snapshot.rows(limit, {})
        long = "select count(distinct i) as different from range(3000000) as numbers (i)"
        assert snapshot.rows(long, {}) == [{"different": 3_000_000}]
        assert snapshot.rows(limit, {}) == before


def test_the_copy_says_how_fresh_it_is(copy: Path, http) -> None:
    with duckdb.connect(str(copy), read_only=True) as connection:
        connection.execute("set TimeZone = 'UTC'")
        found = connection.sql("select * from marts.mart_publication").fetchall()
        columns = connection.sql("select * from marts.mart_publication").columns
    assert len(found) == 1
    row = dict(zip(columns, found[0], strict=True))
    assert row["data_until"] < row["published_at"]
    assert row["callmart_version"]
    assert row["build_id"]
    assert row["data_until"].isoformat() in http.get("/").text
