"""Pictures of the pages on the demo's data, for the README: `make screenshots` writes docs/images/."""

from __future__ import annotations

import sys

from dashboard.app import create_app
from dashboard.pages import PAGES
from dashboard.reader import PublishedCopy
from pipelines.home import REPOSITORY
from tests.dashboard.browser import CHROMIUM, MISSING, browser, open_page, tab
from tests.dashboard.conftest import served

COPY = REPOSITORY / "demo" / "published" / "callmart.duckdb"
FOLDER = REPOSITORY / "docs" / "images"
VIEWS = {"today": "?from=2026-03-11&to=2026-03-11", "handle_time": "?from=2026-03-03&to=2026-03-16&agent=201"}


def main() -> int:
    """Take the pictures and return 0. Needs chromium and the demo's published copy."""
    if not CHROMIUM or not COPY.exists():
        sys.stderr.write(f"{MISSING if not CHROMIUM else f'There is no {COPY}: run `make demo` first.'}\n")
        return 1
    FOLDER.mkdir(parents=True, exist_ok=True)
    with served(create_app(PublishedCopy(COPY))) as address, browser() as chromium:
        for page in PAGES:
            for size, scheme in (("wide", "light"), ("wide", "dark"), ("phone", "light")):
                if page.name != "today" and (size, scheme) != ("wide", "light"):
                    continue
                with tab(chromium, size, scheme) as shown:
                    open_page(shown, f"{address}{page.path}{VIEWS.get(page.name, '')}")
                    named = (
                        ""
                        if (size, scheme) == ("wide", "light")
                        else f"_{'phone' if size == 'phone' else scheme}"
                    )
                    shown.screenshot(path=FOLDER / f"dashboard_{page.name}{named}.png", full_page=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
