"""The pages in a real browser, as people and screen readers meet them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest

pytest.importorskip("playwright", reason="Playwright is not installed: make setup installs it.")

from playwright.sync_api import Browser, Page

from dashboard.pages import PAGES
from tests.dashboard.browser import CHROMIUM, MISSING, SIZES, browser, open_page, tab
from tests.dashboard.page import read

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not CHROMIUM, reason=MISSING)]

AXE = (Path(__file__).parent / "axe" / "axe.min.js").read_text(encoding="utf-8")
WEEK = "from=2026-03-09&to=2026-03-15"
PATHS = [*(page.path for page in PAGES), "/panel/today_queues", "/definitions"]
TABS_AT_MOST = 400


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser() as chromium:
        yield chromium


@pytest.fixture
def page(chromium) -> Iterator[Page]:
    with tab(chromium, "wide", "light") as page:
        yield page


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_every_page_is_whole_and_accessible(chromium, address, size, scheme) -> None:
    """No error, no request to another host, nothing wider than the screen, and no violation that axe-core finds."""
    with tab(chromium, size, scheme) as page:
        said: list[str] = []
        asked: list[str] = []
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.on("response", lambda answer: said.append(answer.url) if answer.status >= 400 else None)
        for path in PATHS:
            open_page(page, f"{address}{path}?{WEEK}")
            assert page.evaluate("document.documentElement.scrollWidth") <= SIZES[size][0], path
            assert page.locator(".chart svg, .chart canvas").count() == page.locator(".chart").count()
            page.evaluate(AXE)
            found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
            violations = [
                (each["id"], [node["html"][:160] for node in each["nodes"][:3]])
                for each in found["violations"]
            ]
            assert violations == [], path
        assert said == []
        assert {url for url in asked if not url.startswith(address)} == set()


def cards(page: Page) -> dict[str, str]:
    return {
        each.inner_text(): each.get_attribute("value") or "" for each in page.locator(".card .big data").all()
    }


def test_filters_change_the_numbers_and_the_address_restores_the_view(page, address, http) -> None:
    open_page(page, f"{address}/?from=2026-03-10&to=2026-03-10")
    everybody = page.locator("[data-column=offered]").first.get_attribute("value")
    page.locator(".choice summary").click()
    page.get_by_label("Personal/Billing").check()
    page.get_by_label("Language").select_option("en")
    page.get_by_role("button", name="Show").click()
    page.wait_for_url("**queue=11**")
    billing = page.locator(".card [data-column=offered]").first.get_attribute("value")
    assert billing != everybody
    mart = http.get("/panel/today_numbers.csv", params=dict(read_query(page.url))).text.splitlines()
    assert billing == dict(zip(mart[0].split(","), mart[1].split(","), strict=True))["offered"]

    numbers = cards(page)
    open_page(page, page.url)
    assert cards(page) == numbers
    assert page.locator("input[name=from]").input_value() == "2026-03-10"
    assert page.locator("select[name=language]").input_value() == "en"
    page.locator(".choice summary").click()
    assert page.get_by_label("Personal/Billing").is_checked()


def read_query(url: str) -> list[tuple[str, str]]:
    return parse_qsl(urlsplit(url).query)


@pytest.mark.parametrize("path", [page.path for page in PAGES])
def test_the_keyboard_reaches_every_control(page, address, path) -> None:
    open_page(page, f"{address}{path}?{WEEK}")
    wanted = page.evaluate(
        "[...document.querySelectorAll('a[href], button, input:not([type=hidden]), select, summary')]"
        ".filter(each => each.checkVisibility()).map((each, place) => (each.dataset.place = String(place)))"
    )
    reached: set[str] = set()
    for _ in range(TABS_AT_MOST):
        page.keyboard.press("Tab")
        place = page.evaluate("document.activeElement.dataset.place ?? ''")
        if place in reached and len(reached) == len(wanted):
            break
        reached |= {place} - {""}
    assert set(wanted) == reached
    page.locator(".choice summary").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.name") == "queue"
    page.keyboard.press("Escape")
    assert not page.evaluate("document.querySelector('details.choice').open")


def test_a_queue_leads_to_its_own_page_and_a_cell_to_its_segments(page, address) -> None:
    open_page(page, f"{address}/?{WEEK}")
    queue = page.locator(".queues tbody th a").first
    name = queue.inner_text()
    queue.click()
    page.wait_for_url("**/service-level?**queue=**")
    page.wait_for_selector("html[data-drawn=yes]", state="attached")
    assert "1 of 12" in page.locator(".choice summary").inner_text()
    page.locator(".mark-rect path").first.click()
    page.wait_for_url("**/panel/segments?**at=**")
    names = {each.inner_text() for each in page.locator("tbody td:nth-child(3)").all()}
    assert names == {name}


def test_dates_are_written_as_the_reader_writes_them(page, address) -> None:
    open_page(page, f"{address}/?from=2026-03-10&to=2026-03-10")
    assert page.locator(".freshness time").first.inner_text() == "10.03.2026"


def test_a_chart_follows_a_change_of_the_colour_scheme(page, address) -> None:
    open_page(page, f"{address}/?from=2026-03-10&to=2026-03-10")
    light = page.locator(".chart").first.inner_html()
    page.emulate_media(color_scheme="dark")
    page.wait_for_function("before => document.querySelector('.chart').innerHTML !== before", arg=light)


def test_a_page_prints_its_numbers_and_not_its_controls(page, address) -> None:
    open_page(page, f"{address}/?{WEEK}")
    page.emulate_media(media="print")
    assert page.locator(".cards").is_visible()
    assert page.locator(".freshness").is_visible()
    for control in ("form.filters", ".links >> nth=0", "nav"):
        assert not page.locator(control).is_visible()


def test_the_pages_work_without_scripts(chromium, address) -> None:
    """Numbers, tables and filters are the server's; only charts need a script."""
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{address}/?{WEEK}")
    page.get_by_label("Language").select_option("en")
    page.get_by_role("button", name="Show").click()
    assert "language=en" in page.url
    assert read(page.content()).numbers
    context.close()
