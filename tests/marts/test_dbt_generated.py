"""The committed staging layer is what the declared tables say.

A field added to the declarations but not to staging is a column that analysts never see, in silence.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from pipelines.ccaip import generate


def test_committed_files_are_up_to_date() -> None:
    assert [str(path) for path in generate.stale()] == []


def test_check_names_stale_missing_and_orphaned_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each fault is seen and named, and writing once mends them all."""
    monkeypatch.setattr(generate, "stale", lambda root=tmp_path, real=generate.stale: real(root))
    for path in generate.render():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(generate.ROOT / path, tmp_path / path)
    assert generate.main(["--check"]) == 0

    edited = generate.STAGING / "stg_ccaip__calls.sql"
    missing = generate.DICTIONARY
    orphan = generate.STAGING / "stg_ccaip__faxes.sql"
    (tmp_path / edited).write_text("select 1")
    (tmp_path / missing).unlink()
    (tmp_path / orphan).write_text("select 1")

    assert generate.main(["--check"]) == 1
    named = capsys.readouterr().err
    assert all(str(path) in named for path in (edited, missing, orphan))
    assert named.count("is out of date") == 3

    generate.write(tmp_path)
    assert generate.main(["--check"]) == 0
    assert not (tmp_path / orphan).exists()


def test_staging_names_are_unique_within_a_table() -> None:
    """Two raw columns under one name would make one of them vanish."""
    for table in (*generate.TABLES.values(), *generate.RECORDS):
        names = [column.staging_name for column in generate.raw_columns(table)]
        assert len(names) == len(set(names)), table.name
