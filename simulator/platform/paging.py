"""One page of a selection: its calls, and the headers with links to other pages."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import parse_qsl, urlencode


def page_of(selected: Sequence[int], page: int, per: int) -> Sequence[int]:
    """The ids on a page (from 1); none beyond the last."""
    return selected[(page - 1) * per : page * per]


def page_headers(url: str, query_string: str, total: int, page: int, per: int) -> dict[str, str]:
    """`Link` (RFC 5988), `Total` and `Per-Page` of a page.

    Links are absolute (`url` is the request's, without its query) and keep every parameter but
    `page`. An empty selection has one page; a page beyond the last one links back to it.
    """
    last = max(1, -(-total // per))
    pages = {"first": 1}
    if page > 1:
        pages["prev"] = min(page - 1, last)
    if page < last:
        pages["next"] = page + 1
    pages["last"] = last
    kept = [pair for pair in parse_qsl(query_string, keep_blank_values=True) if pair[0] != "page"]
    links = (f'<{url}?{urlencode([*kept, ("page", number)])}>; rel="{rel}"' for rel, number in pages.items())
    return {"Link": ", ".join(links), "Total": str(total), "Per-Page": str(per)}
