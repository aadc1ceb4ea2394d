"""Files besides the warehouse that may contain personal data: logs, dbt's output, dlt's working folder.

All but the logs can be created again. Logs should not contain personal data, but an error of DuckDB or dlt may quote
a row, and its traceback is logged.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable

from pipelines.home import PARSED_PROJECT, Home

_GONE = b"(removed)"


def clear_logs(home: Home, personal: re.Pattern[bytes]) -> None:
    """Remove what matches from callmart's logs, in place, because a process may be writing to a log."""
    for log in home.log_dir.iterdir():
        said = log.read_bytes()
        if personal.search(said):
            with log.open("r+b") as file:
                file.write(personal.sub(_GONE, said))
                file.truncate()


def any_of(texts: Iterable[str]) -> re.Pattern[bytes]:
    """A pattern that matches these texts; without texts it matches nothing."""
    longest_first = sorted((re.escape(text.encode()) for text in texts), key=len, reverse=True)
    return re.compile(b"|".join(longest_first) or rb"(?!)")


def remove_working_files(home: Home) -> None:
    """Empty dlt's folder, and dbt's except the parsed project. Neither may be running."""
    for folder in (home.dbt_target_dir, home.dbt_log_dir, home.pipelines_dir):
        for each in folder.iterdir() if folder.exists() else ():
            if each.is_dir() and not each.is_symlink():
                shutil.rmtree(each)
            elif each.name != PARSED_PROJECT:
                each.unlink()
