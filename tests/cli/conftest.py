"""Run the command like a scheduler: a process in its own folder with a minimal environment."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.shared import CALLMART


@dataclass
class Command:
    """Runs `program` with `root` as its home, independent of the developer's repository, HOME and PATH."""

    root: Path
    cwd: Path
    user_home: Path
    env: dict[str, str] = field(default_factory=dict)
    program: Path = Path(CALLMART[0])

    def environment(self, **more: str) -> dict[str, str]:
        bare = {"HOME": str(self.user_home), "PATH": "/nowhere", "TERM": "dumb", "LANG": "C.UTF-8"}
        return bare | {"CALLMART_HOME": str(self.root)} | self.env | more

    def __call__(self, *arguments: str | Path, **env: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.program, *map(str, arguments)],
            cwd=self.cwd,
            env=self.environment(**env),
            capture_output=True,
            text=True,
            timeout=280,
            check=False,
        )

    def start(self, *arguments: str | Path, **env: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [self.program, *map(str, arguments)],
            cwd=self.cwd,
            env=self.environment(**env),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    @contextmanager
    def platform(self, *arguments: str | Path) -> Iterator[tuple[subprocess.Popen[str], dict[str, str]]]:
        """A local platform in its own process, and the environment variables that it prints."""
        process = self.start("platform", "serve", "--port", "0", *arguments)
        assert process.stdout is not None
        said = ""
        while "callmart --project-dir" not in said:
            line = process.stdout.readline()
            assert line, f"the platform ended: {said}"
            said += line
        try:
            yield process, dict(re.findall(r"export (\w+)=(\S+)", said))
        finally:
            process.terminate()
            process.wait()
            process.stdout.close()

    def settings(self, config: str = "", secrets: str = "") -> None:
        """Write the home's settings."""
        folder = self.root / ".dlt"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "config.toml").write_text(config)
        (folder / "secrets.toml").write_text(secrets)


@pytest.fixture
def callmart(tmp_path: Path) -> Command:
    command = Command(tmp_path / "home", tmp_path / "elsewhere", tmp_path / "user")
    command.cwd.mkdir()
    command.user_home.mkdir()
    return command


@contextmanager
def environment_kept() -> Iterator[None]:
    """Undo for the block what `Home.activate()` sets in this process."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)
    from dlt.common.configuration.container import Container
    from dlt.common.configuration.specs import PluggableRunContext

    if PluggableRunContext in Container():
        del Container()[PluggableRunContext]


@pytest.fixture
def kept_environment() -> Iterator[None]:
    """Undo what `Home.activate()` sets in this process."""
    with environment_kept():
        yield
