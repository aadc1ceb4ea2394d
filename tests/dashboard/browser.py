"""A real browser: Debian's chromium, driven by Playwright."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, Page, sync_playwright

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or ""
MISSING = "There is no chromium on PATH: install Debian's package chromium to run the browser tests."
SIZES = {"wide": (1440, 900), "phone": (375, 812)}


@contextmanager
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        # the sandbox needs a kernel feature that containers often lack; the pages are our own
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@contextmanager
def tab(chromium: Browser, size: str, scheme: str) -> Iterator[Page]:
    """A page of a size in a colour scheme, for a reader in Germany."""
    width, height = SIZES[size]
    context = chromium.new_context(
        viewport={"width": width, "height": height}, color_scheme=scheme, locale="de-DE", bypass_csp=False
    )
    context.set_default_timeout(30_000)
    yield context.new_page()
    context.close()


def open_page(page: Page, address: str) -> None:
    """Open an address, and wait until its charts are drawn."""
    page.goto(address)
    if page.locator(".chart").count():
        page.wait_for_selector("html[data-drawn=yes]", state="attached")
