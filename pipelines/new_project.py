"""A new project folder: the settings with their defaults, an example of the secrets, and the seeds that are a user's own.

Files that exist are never changed, so it can be run again, for instance after an update.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]

from pipelines.errors import ConfigurationError
from pipelines.home import REPOSITORY, Home
from pipelines.shipped import IS_CLONE, SEEDS_DIR, SETTINGS_DIR

USERS_SEEDS = (
    "service_level_rules",
    "service_level_targets",
    "abandon_fail_reasons",
    "business_hours",
    "holidays",
    "queue_timezones",
    "agent_names",
    "vendor_daily_report",
)
"""The seeds that say how a user's contact centre works. The others are the vendor's words, which updates bring."""

_README = """# Seeds: your own rules

A CSV file here replaces the one that comes with callmart. A change is never retroactive: add a row with the date from
which it holds, then run `callmart transform`. To change the past as well, edit the row that held then.

The vendor's lists of words ({others}) come with callmart, and updates bring new words. To add words of your own, put a
copy of the file here. As delivered they are in {folder}
"""


def make_project(home: Home) -> dict[str, bool]:
    """Write what is missing; for each file, as a path below the home, whether it was written.

    Raises `ConfigurationError` when the folder cannot be written.
    """
    files: dict[str, str] = {
        ".dlt/config.toml": (SETTINGS_DIR / "config.toml").read_text(encoding="utf-8"),
        ".dlt/example.secrets.toml": (SETTINGS_DIR / "example.secrets.toml").read_text(encoding="utf-8"),
    }
    if not (IS_CLONE and home.root == REPOSITORY):  # whose seeds are in dbt_project/seeds
        files[".dlt/.gitignore"] = "secrets.toml\n"
        files |= {f"seeds/{name}.csv": _delivered(name).read_text(encoding="utf-8") for name in USERS_SEEDS}
        files["seeds/README.md"] = _readme()
    try:
        return {name: _write_new(home.root / name, text) for name, text in files.items()}
    except OSError as error:
        raise ConfigurationError(
            f"callmart cannot write in {home.root}: {error.strerror}.",
            "Name a folder that this user may write to with --project-dir.",
        ) from None


def _write_new(file: Path, text: str) -> bool:
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        with file.open("x", encoding="utf-8") as new:
            new.write(text)
    except FileExistsError:
        return False
    return True


def _delivered(name: str) -> Path:
    return next(SEEDS_DIR.rglob(f"{name}.csv"))


def _readme() -> str:
    """What each of the user's seeds is and what its columns are, as dbt's properties say it."""
    described: dict[str, Mapping[str, Any]] = {
        seed["name"]: seed
        for file in sorted(SEEDS_DIR.rglob("*.yml"))
        for seed in yaml.safe_load(file.read_text(encoding="utf-8"))["seeds"]
    }
    others = ", ".join(sorted(described.keys() - set(USERS_SEEDS)))
    parts = [_README.format(others=others, folder=SEEDS_DIR)]
    for name in USERS_SEEDS:
        columns = "\n".join(
            f"- `{each['name']}`: {each['description']}" for each in described[name]["columns"]
        )
        parts.append(f"\n## {name}\n\n{described[name]['description'].strip()}\n\n{columns}\n")
    return "".join(parts)
