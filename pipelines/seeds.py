"""The seeds: rules, targets, hours, names, and the vendor's lists of words.

They come with callmart (`pipelines.shipped`). A CSV file in the home's folder `seeds` replaces the delivered one of the
same name as a whole. So a user's rules are no part of the installed package, and an update does not touch them.
"""

from __future__ import annotations

import csv
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from pipelines.errors import ConfigurationError
from pipelines.shipped import PROJECT_DIR, SEEDS_DIR

OWN_SEEDS_VARIABLE = "CALLMART_SEEDS"
"""The user's folder of seeds, set by `Home.activate`; without it all seeds are the delivered ones."""


def own_seeds(folder: Path) -> dict[str, Path]:
    """The user's seeds in `folder`, which need not exist: name → file.

    Raises `ConfigurationError` when there is no such seed, or when a file lacks columns: nothing would use it.
    """
    files = sorted(folder.rglob("*.csv"))
    delivered = {path.stem: path for path in SEEDS_DIR.rglob("*.csv")}
    for file in files:
        if file.stem not in delivered:
            raise ConfigurationError(
                f"{file} replaces no seed of callmart.", f"There are {', '.join(sorted(delivered))}."
            )
        columns = _columns(delivered[file.stem])
        if missing := [name for name in columns if name not in _columns(file)]:
            raise ConfigurationError(
                f"{file} lacks the column{'s' if len(missing) > 1 else ''} {', '.join(missing)}.",
                f"Its first line must name {', '.join(columns)}.",
            )
    return {file.stem: file for file in files}


def rows(name: str) -> Iterator[dict[str, str]]:
    """The rows of a seed in force, as text."""
    folder = os.environ.get(OWN_SEEDS_VARIABLE)
    own = own_seeds(Path(folder)) if folder else {}
    file = own.get(name) or next(SEEDS_DIR.rglob(f"{name}.csv"))
    with file.open(newline="", encoding="utf-8-sig") as lines:
        yield from csv.DictReader(lines)


def write_project(own: Mapping[str, Path], folder: Path) -> None:
    """Make `folder` anew: a copy of the dbt project with the seeds `own` in place of the delivered ones.

    A copy, because dbt writes beside `target` what it compiles for seeds outside of the project.
    """
    shutil.rmtree(folder, ignore_errors=True)
    parts = [PROJECT_DIR / name for name in ("macros", "models", "seeds", "tests")]
    for file in (*PROJECT_DIR.glob("*.yml"), *(file for part in parts for file in part.rglob("*.*"))):
        copy = folder / file.relative_to(PROJECT_DIR)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(own.get(file.stem, file) if file.suffix == ".csv" else file, copy)


def _columns(file: Path) -> list[str]:
    try:
        with file.open(newline="", encoding="utf-8-sig") as lines:
            return next(csv.reader(lines), [])
    except OSError as error:
        raise ConfigurationError(
            f"{file} cannot be read: {error.strerror}.", "Let this user read it."
        ) from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"{file} is not encoded in UTF-8.", "Save it in UTF-8.") from None
