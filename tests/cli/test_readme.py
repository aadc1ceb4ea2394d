"""Every command in the README and in the pages about operating callmart is run, in order, as a user would type it.

The commands run in a folder laid out like a clone, against a local platform in place of the tenant. `make demo` and
`make test` take minutes, and `test_demo` covers the demo: for these the test only checks what make would run. The
dashboard is a server with tests of its own: here its options are parsed. Blocks marked `bash` are not run.
"""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from pipelines.ccaip.tables import RECORDS, TABLES
from pipelines.cli.app import app
from pipelines.home import REPOSITORY, Home
from pipelines.marts.summary import QueueParts, Summary, summary_table
from tests.cli.conftest import environment_kept
from tests.empty import with_warehouse
from tests.marts.workshop import parsed

README = (REPOSITORY / "README.md").read_text()
# Blocks of `shell` install software or need a container engine: `test_wheel` and `make test-container` stand for them.
DOCS = {
    name: (REPOSITORY / "docs" / f"{name}.md").read_text()
    for name in ("operations", "marts", "personal_data", "destinations")
}
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", "\n".join([README, *DOCS.values()]), re.MULTILINE | re.DOTALL)
SETTINGS = (REPOSITORY / ".dlt" / "config.toml").read_text() + (
    REPOSITORY / ".dlt" / "example.secrets.toml"
).read_text()


@pytest.fixture
def clone(callmart) -> Path:
    """What a clone looks like after `make setup`, with callmart at home in it; the tables and dbt's parse are there."""
    root = callmart.root
    with environment_kept():
        with_warehouse(Home(root))
    parsed(Home(root))
    shutil.copytree(REPOSITORY / ".dlt", root / ".dlt", ignore=shutil.ignore_patterns("secrets.toml"))
    (root / ".venv").symlink_to(sys.prefix)
    for folder in ("tests", "dbt_project"):
        (root / folder).symlink_to(REPOSITORY / folder)
    callmart.cwd = root
    return root


def lines(language: str) -> Iterator[str]:
    for kind, block in BLOCKS:
        if kind == language:
            yield from block.splitlines()


@pytest.mark.slow
def test_every_command_and_every_snippet_works_in_order(callmart, clone) -> None:
    replay = [
        clone / "tests" / "fixtures" / name for name in ("real_call_1418.json", "documented_call_model.json")
    ]
    with callmart.platform("--replay", *replay) as (_, env):
        ran = []
        for kind, block in BLOCKS:
            if kind == "python":
                done = subprocess.run(
                    [".venv/bin/python", "-c", block], cwd=clone, capture_output=True, text=True, check=False
                )
                assert done.returncode == 0, f"{block}\n{done.stderr}"
                assert done.stdout, "a snippet shows something"
            for line in block.splitlines() if kind == "sh" else ():
                ran.append(line)
                _run(callmart, clone, line, env)
    assert len(ran) > 20
    assert {path.name for path in clone.iterdir()} == {
        ".dlt", ".venv", "dbt_project", "published", "report.json", "tests", "trial", "var", "warehouse",
    }  # fmt: skip


def _run(callmart, clone: Path, line: str, env: dict[str, str]) -> None:
    """Run one line of a `sh` block and check that it worked."""
    line = line.replace("/var/lib/node_exporter", "var")
    word, *arguments = shlex.split(line)
    if word == "make":
        would = subprocess.run(
            ["make", "--dry-run", "--always-make", *arguments],
            cwd=REPOSITORY, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert would.returncode == 0, would.stderr
        assert {"demo": "bin/callmart demo", "test": "pytest"}[arguments[0]] in would.stdout
    elif word == "export":
        name = arguments[0].partition("=")[0]
        assert name == "CALLMART_DASHBOARD_TOKEN" or env[name], "a variable the platform prints too"
    elif word == "cp":
        shutil.copy(clone / arguments[0], clone / arguments[1])
    elif word.startswith("DLT_"):
        shown = subprocess.run(
            line, shell=True, cwd=clone, env=callmart.environment(**env), capture_output=True, text=True, check=False
        )  # fmt: skip
        assert shown.returncode == 0, shown.stderr
        assert "_load_info" in shown.stdout or "Found pipeline ccaip" in shown.stdout, shown.stdout
    elif "serve" in arguments:
        with callmart.platform(*arguments[2:]):
            pass
    else:
        assert word in ("callmart", ".venv/bin/callmart"), line
        # dbt and MetricFlow write to the output of the process
        run = callmart.process if arguments[0] in ("dbt", "mf") else callmart
        shown = run(*arguments, *(["--help"] if "dashboard" in arguments else []), **env)
        if "freshness" in arguments:  # the replayed calls are months old, and dbt reports it
            assert "ERROR STALE freshness of ccaip.load_windows" in shown.stdout, shown
            assert shown.returncode == 1
            log = (clone / "var" / "dbt" / "logs" / "dbt.log").read_text()
            assert "Nothing changed, skipping partial parsing" in log
            return
        assert shown.returncode == 0, f"{line}\n{shown.stderr}"
        assert shown.stdout or "--out" in arguments or "--prometheus" in arguments


def test_schedules_run_commands_that_exist() -> None:
    crontab = [line for line in lines("crontab") if not re.match(r"\w+=", line)]
    scheduled = [*crontab, *(line for line in lines("ini") if line.startswith("ExecStart="))]
    assert len(scheduled) == 7
    for line in scheduled:
        command = re.search(r"(?:bin/callmart|docker compose run --rm) (\w+)", line)
        assert command
        assert command[1] in typer.main.get_command(app).commands


def test_every_exit_code_is_explained(callmart) -> None:
    told = {
        int(code)
        for row in re.findall(r"^\| ([\d, ]+) \|", DOCS["operations"], re.MULTILINE)
        for code in row.split(",")
    }
    listed = callmart("--help").stdout.partition("Exit codes")[2]
    assert told == {int(code) for code in re.findall(r"\b(\d+) [a-z]", listed)}


def test_every_table_and_every_mart_is_told_of() -> None:
    marts = {path.stem for path in (REPOSITORY / "dbt_project" / "models" / "marts").glob("*.sql")}
    told = set(re.findall(r"`(\w+)`", DOCS["marts"]))
    assert told >= {*TABLES, *(table.name for table in RECORDS), *marts}


def test_the_output_shown_has_the_columns_the_demo_prints() -> None:
    table = summary_table(Summary((("Sales", QueueParts()),), ()))
    headings = [str(column.header) for column in table.columns]
    header = next(line for line in lines("text") if "Service level" in line)
    assert [cell.strip() for cell in re.split("┃", header) if cell.strip()] == headings


def test_every_setting_is_in_the_example_files() -> None:
    from pipelines import settings

    for section, name in re.findall(r"^    \[(\S+)\] (\w+)", settings.__doc__ or "", re.MULTILINE):
        assert f"[{section}]" in SETTINGS
        assert re.search(rf"^(# )?{name} = ", SETTINGS, re.MULTILINE), name
