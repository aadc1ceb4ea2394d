"""Whoever types `--help` learns what a command does, and gets the answer at once."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator

import pytest
import typer

from pipelines.cli.app import app
from pipelines.errors import CallmartError


def commands() -> Iterator[tuple[str, ...]]:
    """The path of every command and group, walked from the registry, so that none can be forgotten."""

    def walk(command: object, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
        yield path
        for name, child in getattr(command, "commands", {}).items():
            yield from walk(child, (*path, name))

    yield from walk(typer.main.get_command(app), ())


@pytest.mark.parametrize("path", list(commands()), ids=" ".join)
def test_every_command_has_help_with_an_example_that_can_be_typed(path: tuple[str, ...], callmart) -> None:
    shown = callmart(*path, "--help")
    assert shown.returncode == 0, shown.stderr
    _, heading, after = re.split(r"(Examples?[,:]|New here\?)", shown.stdout, maxsplit=1)
    assert " ".join(("callmart", *path)) in after, f"no example after {heading!r}"


def test_every_option_says_what_it_is_for() -> None:
    def parameters(command: object) -> Iterator[tuple[str, object]]:
        for parameter in command.params:
            yield f"{command.name} {parameter.opts}", parameter
        for child in getattr(command, "commands", {}).values():
            yield from parameters(child)

    silent = [
        name
        for name, parameter in parameters(typer.main.get_command(app))
        if not parameter.help and not getattr(parameter, "hidden", False)
    ]
    assert silent == []


def test_help_documents_every_exit_code(callmart) -> None:
    shown = " ".join(callmart("--help").stdout.split())

    def codes(kind: type[CallmartError]) -> Iterator[int]:
        yield kind.exit_code
        for child in kind.__subclasses__():
            yield from codes(child)

    listed = shown.partition("Exit codes")[2]
    for code in {0, 130, 143, *codes(CallmartError)}:
        assert re.search(rf"\b{code} \w", listed), f"exit code {code} is not explained"


def test_help_imports_nothing_slow() -> None:
    """dlt, dbt and SQLAlchemy take seconds together; a help text has no use for them."""
    code = (
        "import sys, typer, pipelines.cli.app as c; typer.main.get_command(c.app); "
        "print([m for m in ('dlt', 'dbt', 'sqlalchemy', 'duckdb', 'simpy', 'pyarrow') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_version(callmart) -> None:
    assert re.fullmatch(r"callmart \d+\.\d+\.\d+\n", callmart("--version").stdout)


def test_no_command_shows_the_help(callmart) -> None:
    shown = callmart()
    assert "callmart demo" in shown.stdout + shown.stderr


@pytest.mark.parametrize("where", ["before", "after", "joined"])
def test_global_options_stand_on_either_side_of_the_command(where: str, callmart, tmp_path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    arguments = {
        "before": ["--project-dir", other, "status"],
        "after": ["status", "--project-dir", other],
        "joined": ["status", f"--project-dir={other}"],
    }[where]
    shown = callmart(*arguments)
    assert shown.returncode == 0
    assert str(other) in shown.stdout
    assert not callmart.root.exists()


@pytest.mark.parametrize("path", list(commands()), ids=" ".join)
def test_no_word_of_a_help_text_is_taken_for_markup(path: tuple[str, ...], callmart) -> None:
    """`[privacy]` in a docstring is a style to Rich, which drops it."""
    command = typer.main.get_command(app)
    for name in path:
        command = command.commands[name]
    texts = [
        command.help or "",
        *(parameter.help or "" for parameter in command.params if hasattr(parameter, "help")),
    ]
    shown = callmart(*path, "--help").stdout
    for bracketed in re.findall(r"\[[^\]\n]+\]", " ".join(texts)):
        assert bracketed in shown
