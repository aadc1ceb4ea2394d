"""One folder holds all that callmart writes, so that several copies run side by side."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from pipelines.errors import ConfigurationError
from pipelines.home import REPOSITORY, Home, make_private


def files_below(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file()}


def test_the_home_is_the_option_then_the_variable_then_the_repository(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CALLMART_HOME", raising=False)
    assert Home.find().root == REPOSITORY, "the current folder is whatever a scheduler made it"
    monkeypatch.setenv("CALLMART_HOME", str(tmp_path / "variable"))
    assert Home.find().root == tmp_path / "variable"
    assert Home.find(Path("option")).root == tmp_path / "option"


def test_a_command_writes_in_its_home_alone(callmart) -> None:
    ours = ("warehouse", "var", "demo", ".dlt", "dbt_project/target", "dbt_project/logs")
    before = [files_below(REPOSITORY / name) for name in ours]
    callmart.root.mkdir()
    shown = callmart("transform")
    assert shown.returncode == 6, shown.stderr
    assert list(callmart.cwd.iterdir()) == []
    assert list(callmart.user_home.iterdir()) == []
    assert [files_below(REPOSITORY / name) for name in ours] == before


@pytest.mark.parametrize(
    "command",
    [
        ("status",),
        ("rejected",),
        ("mf", "list", "metrics"),
        ("access-report", "--call", "1"),
        ("reconcile",),
        ("transform",),
        ("publish",),
        ("dbt", "debug"),
        ("forget", "--end-user", "1"),
    ],
)
def test_a_mistyped_project_folder_is_an_error_and_nothing_is_created(command, callmart) -> None:
    shown = callmart(*command)
    assert shown.returncode == 2, shown.stderr
    assert f"There is no folder {callmart.root}" in shown.stderr
    assert not callmart.root.exists()


def test_what_holds_personal_data_is_the_owners_alone(callmart) -> None:
    callmart.root.mkdir()
    callmart("transform")
    for name in ("warehouse", "var", "var/dlt", "var/dbt", "var/logs"):
        assert stat.S_IMODE((callmart.root / name).stat().st_mode) == 0o700, name


def test_a_home_that_cannot_be_written_says_so(tmp_path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="cannot write in") as caught:
        Home(tmp_path / "file").activate()
    assert "--project-dir" in caught.value.mend


@pytest.mark.usefixtures("kept_environment")
def test_settings_of_the_users_home_folder_do_not_leak_in(tmp_path, monkeypatch) -> None:
    """dlt also reads ~/.dlt: the same command would then load from another tenant for another user."""
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".dlt").mkdir()
    (tmp_path / ".dlt" / "config.toml").write_text('[sources.ccaip]\nbase_url = "https://other-tenant"')
    from pipelines.settings import load_settings

    home = Home(tmp_path / "home")
    home.activate()
    assert load_settings(home, need_api=False).base_url == ""


@pytest.mark.usefixtures("kept_environment")
def test_dlt_telemetry_is_off_whatever_the_homes_settings_say(tmp_path) -> None:
    (tmp_path / ".dlt").mkdir()
    (tmp_path / ".dlt" / "config.toml").write_text("[runtime]\ndlthub_telemetry = true")
    Home(tmp_path).activate()
    from dlt.common.runtime.run_context import active

    assert active().runtime_config.dlthub_telemetry is False


def test_a_mount_that_refuses_modes_is_warned_about_and_stops_nothing(tmp_path, monkeypatch, caplog) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "chmod", refuse)
    (tmp_path / "file").write_text("")
    make_private(tmp_path / "file")
    assert f"The mode of {tmp_path / 'file'} cannot be changed" in caplog.text
