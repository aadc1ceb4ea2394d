"""The package that `uv build` makes: installed where there is no clone, it works, and the user's rules are the home's."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Iterator
from email.parser import Parser
from pathlib import Path

import duckdb
import pytest

from pipelines.home import REPOSITORY
from tests.cli.conftest import Command
from tests.keeping import KEEP_EVERYTHING

pytestmark = pytest.mark.slow

IGNORED = {"__pycache__", "images", "target", "var", "logs", ".user.yml"}
SOURCES = ("pipelines", "simulator", "dashboard", "dbt_project", ".dlt", "docs")
CALLS = REPOSITORY / "tests" / "fixtures" / "documented_call_model.json"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of the clone as it is, built from a copy: a build leaves files behind that get into the next one."""
    clone = tmp_path_factory.mktemp("clone")
    for name in SOURCES:
        shutil.copytree(
            REPOSITORY / name,
            clone / name,
            symlinks=True,
            ignore=shutil.ignore_patterns(*IGNORED),
        )
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(REPOSITORY / name, clone)
    (clone / ".dlt" / "secrets.toml").write_text("a secret")
    (clone / "dbt_project" / "target").mkdir()
    (clone / "dbt_project" / "target" / "manifest.json").write_text("{}")
    pip("wheel", "--no-build-isolation", "--wheel-dir", clone / "dist", clone)
    return next((clone / "dist").glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Command]:
    """The command of an environment with the wheel; what it depends on comes from the environment of the tests."""
    folder = tmp_path_factory.mktemp("installed")
    environment = folder / "environment"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    pip("--python", environment / "bin" / "python", "install", wheel)
    [packages] = environment.glob("lib/python*/site-packages")
    # a line of a .pth file is a folder: .pth files in there, such as that of the editable clone, are not read
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    for path in [packages / "pipelines" / "shipped", *(packages / "pipelines" / "shipped").rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    command = Command(
        folder / "project", folder / "project", folder / "user", program=environment / "bin" / "callmart"
    )
    command.cwd.mkdir()
    command.user_home.mkdir()
    command.env["CALLMART_HOME"] = ""
    return command


def pip(*arguments: str | Path) -> None:
    where = next((index for index, word in enumerate(arguments) if word in ("wheel", "install"))) + 1
    options = ("--no-deps", "--quiet", "--disable-pip-version-check", "--no-index")
    subprocess.run(
        [sys.executable, "-m", "pip", *arguments[:where], *options, *arguments[where:]], check=True
    )


def test_a_wheel_has_what_callmart_needs_and_nothing_of_a_tenant(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        [metadata] = [name for name in names if name.endswith("/METADATA")]
        told = Parser().parsestr(archive.read(metadata).decode())
    shipped = "pipelines/shipped"
    for folder, place in (
        ("dbt_project", f"{shipped}/dbt_project"),
        ("simulator", "simulator"),
        ("dashboard", "dashboard"),
    ):
        files = [file for file in (REPOSITORY / folder).rglob("*.*") if not IGNORED & set(file.parts)]
        expected = {f"{place}/{file.relative_to(REPOSITORY / folder).as_posix()}" for file in files}
        assert len(expected) > 20
        assert expected <= names, expected - names
    assert {
        f"{shipped}/settings/config.toml",
        f"{shipped}/settings/example.secrets.toml",
        "dashboard/docs/metrics.md",
    } <= names
    unwanted = re.compile(r"^tests/|secrets\.toml$|/target/|\.duckdb$|\.pyc$|^docs/|\.lock$")
    assert [
        name for name in names if unwanted.search(name) and not name.endswith("example.secrets.toml")
    ] == []
    assert told["Description-Content-Type"] == "text/markdown"
    assert told["Requires-Python"]
    assert set(told.get_all("Provides-Extra", [])) >= {"platform", "dashboard", "postgres", "semantic"}


def test_an_installed_callmart_makes_a_project_and_keeps_to_the_users_rules(installed: Command) -> None:
    assert re.fullmatch(r"callmart \d+\.\d+\.\d+\n", installed.process("--version").stdout)

    refused = installed.process("load")
    assert refused.returncode == 2, refused.stderr
    assert "callmart init" in refused.stderr
    assert list(installed.root.iterdir()) == [], "a scheduler's folder stays empty"

    made = installed.process("init")
    assert made.returncode == 0, made.stderr
    seeds, settings = installed.root / "seeds", installed.root / ".dlt" / "config.toml"
    assert settings.read_text() == (REPOSITORY / ".dlt" / "config.toml").read_text()
    assert (installed.root / ".dlt" / "example.secrets.toml").exists()
    settings.write_text('[callmart]\nreporting_timezone = "Europe/Berlin"\n')
    rules = seeds / "service_level_rules.csv"
    rules.write_text(rules.read_text().replace("service_level_excl_short_abandons", "service_level_vendor"))
    kept = installed.process("init")
    assert "wrote" not in kept.stdout
    assert "Europe/Berlin" in settings.read_text()
    assert "service_level_vendor" in rules.read_text()

    (seeds / "rules.csv").write_text("a\n")
    refused = installed.process("status")
    assert refused.returncode == 2
    assert "rules.csv replaces no seed" in refused.stderr
    (seeds / "rules.csv").unlink()

    with installed.platform("--replay", CALLS) as (_, env):
        ran = installed.process("run", **env, **KEEP_EVERYTHING)
    assert ran.returncode == 0, ran.stderr
    with duckdb.connect(str(installed.root / "published" / "callmart.duckdb"), read_only=True) as marts:
        columns = "service_level, service_level_vendor, service_level_excl_short_abandons"
        assert marts.sql(f"select {columns} from marts.mart_service_level").fetchall() == [(0.0, 0.0, 1.0)]
    assert {path.name for path in installed.root.iterdir()} == {
        ".dlt",
        "seeds",
        "published",
        "var",
        "warehouse",
    }
    assert list(installed.user_home.iterdir()) == []
