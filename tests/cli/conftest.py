"""Run the command like a scheduler: in its own folder with a minimal environment."""

from __future__ import annotations

import io
import logging
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import chdir, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from pipelines.cli.app import main
from pipelines.home import Home
from simulator.replay import ReplayFiles, clock_after
from tests.empty import with_warehouse
from tests.shared import CALLMART
from tests.tenant import TOKEN, USER, tenant


@dataclass
class Command:
    """callmart with `root` as its home, independent of the developer's repository, HOME and PATH.

    A call runs the command in the test's process, which saves starting Python and importing dlt. `process` and `start`
    run `program` in a process of its own, for tests of signals, of locked files, and of what processes inherit.
    """

    root: Path
    cwd: Path
    user_home: Path
    env: dict[str, str] = field(default_factory=dict)
    program: Path = Path(CALLMART[0])

    def environment(self, **more: str) -> dict[str, str]:
        bare = {"HOME": str(self.user_home), "PATH": "/nowhere", "TERM": "dumb", "LANG": "C.UTF-8"}
        return bare | {"CALLMART_HOME": str(self.root)} | self.env | more

    def __call__(self, *arguments: str | Path, **env: str) -> subprocess.CompletedProcess[str]:
        words = ["callmart", *map(str, arguments)]
        out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for _ in range(2))
        with (
            process_kept(),
            pytest.MonkeyPatch.context() as patched,
            chdir(self.cwd),
            redirect_stdout(out),
            redirect_stderr(err),
        ):
            os.environ.clear()
            os.environ.update(self.environment(**env))
            patched.setattr("sys.argv", words)
            try:
                main()
                code = 0
            except SystemExit as ended:
                code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
        said = (stream.buffer.getvalue().decode() for stream in (out, err))  # type: ignore[attr-defined]
        return subprocess.CompletedProcess(words, code, *said)

    def process(self, *arguments: str | Path, **env: str) -> subprocess.CompletedProcess[str]:
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

    @contextmanager
    def replayed(self, *files: Path) -> Iterator[dict[str, str]]:
        """A platform in this process with the calls of these files, and the variables to load from it.

        The home gets an empty warehouse. For tests of a command that are about neither the first load nor the platform.
        """
        source = ReplayFiles(list(files))
        with environment_kept():
            with_warehouse(Home(self.root))
        clock = clock_after(source)
        start = min(version.updated_at for version in source.versions(clock.now()))
        with tenant(source, clock.now()) as platform:
            yield {
                "SOURCES__CCAIP__BASE_URL": platform.base_url,
                "SOURCES__CCAIP__USERNAME": USER,
                "SOURCES__CCAIP__API_TOKEN": TOKEN,
                "SOURCES__CCAIP__START_DATE": f"{start:%Y-%m-%dT%H:%M:%SZ}",
                "PRIVACY__KEY": "a-key-of-nobody-s",
            }

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
def process_kept() -> Iterator[None]:
    """Undo for the block what a command sets in its process: environment, log, handler of SIGTERM, umask."""
    log, raising, handler = (
        logging.getLogger("pipelines"),
        logging.raiseExceptions,
        signal.getsignal(signal.SIGTERM),
    )
    handlers, level, propagate = log.handlers, log.level, log.propagate
    umask = os.umask(0o022)
    os.umask(umask)
    try:
        with environment_kept():
            yield
    finally:
        for each in log.handlers:
            if each not in handlers:
                each.close()
        log.handlers, log.propagate, logging.raiseExceptions = handlers, propagate, raising
        log.setLevel(level)
        signal.signal(signal.SIGTERM, handler)
        os.umask(umask)


@contextmanager
def environment_kept() -> Iterator[None]:
    """Undo for the block what `Home.activate()` sets in this process."""
    before = dict(os.environ)
    try:
        yield
    finally:
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
