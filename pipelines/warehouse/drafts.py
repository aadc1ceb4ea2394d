"""Files that are made beside the one they replace."""

from __future__ import annotations

import os
import shutil
from pathlib import Path


def write_out(file: Path) -> None:
    """Wait until the file is on the disk: after a power cut a name must not stand for half a file."""
    with file.open("rb") as written:
        os.fsync(written.fileno())


def remove_draft(draft: Path) -> None:
    """Remove the draft and what DuckDB puts beside it: its log, what it spilled."""
    for leftover in draft.parent.glob(draft.name + "*"):
        if leftover.is_dir():
            shutil.rmtree(leftover)
        else:
            leftover.unlink()
