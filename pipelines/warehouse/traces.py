"""What callmart leaves besides the warehouse: logs, dbt's output, dlt's working folder.

All but the logs can be made again. Logs are not meant to hold anything personal; but an error of DuckDB or dlt
may quote a row, and its traceback is logged.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable

from pipelines.home import Home
from pipelines.marts.dbt_runner import PARSED

_GONE = b"(removed)"


def clear_logs(home: Home, personal: re.Pattern[bytes]) -> None:
    """Take whatever matches out of callmart's logs, in place: a log may be open, and goes on being written to."""
    for log in home.log_dir.iterdir():
        said = log.read_bytes()
        if personal.search(said):
            with log.open("r+b") as file:
                file.write(personal.sub(_GONE, said))
                file.truncate()


def any_of(texts: Iterable[str]) -> re.Pattern[bytes]:
    """A pattern for these texts; for none of them one that nothing matches."""
    longest_first = sorted((re.escape(text.encode()) for text in texts), key=len, reverse=True)
    return re.compile(b"|".join(longest_first) or rb"(?!)")


def remove_working_files(home: Home) -> None:
    """Empty dbt's folders, but for the parsed project, and dlt's. Neither may be at work."""
    for folder in (home.dbt_target_dir, home.dbt_log_dir, home.pipelines_dir):
        for each in folder.iterdir() if folder.exists() else ():
            if each.is_dir() and not each.is_symlink():
                shutil.rmtree(each)
            elif each.name != PARSED:
                each.unlink()
