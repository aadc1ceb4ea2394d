"""A real Postgres for the tests: a server on loopback in a temporary folder, and a fresh database for each test.

Postgres does not run as root, so a session of root starts it as the user `postgres` or `nobody`.
"""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

_PASSWORD = "a-password"
_BINARIES = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)


@dataclass(frozen=True)
class PostgresServer:
    """A running server and its superuser."""

    host: str
    port: int
    username: str
    password: str

    def credentials(self, database: str) -> dict[str, Any]:
        """The facts of `[destination.postgres.credentials]`."""
        return {
            "host": self.host,
            "port": self.port,
            "username": self.username,
            "password": self.password,
            "database": database,
        }

    def url(self, database: str) -> str:
        """The same as a connection string for SQLAlchemy."""
        return f"postgresql+psycopg2://{self.username}:{self.password}@{self.host}:{self.port}/{database}"

    def dump(self, database: str) -> str:
        """All of a database as SQL, as `pg_dump` writes it."""
        words = (_binary("pg_dump"), "--dbname", self.url(database).replace("+psycopg2", ""))
        return subprocess.run(words, capture_output=True, text=True, check=True).stdout

    @contextmanager
    def database(self, template: str = "") -> Iterator[str]:
        """The name of a new database, empty or a copy of `template`, which is dropped afterwards."""
        name = f"test_{uuid4().hex[:12]}"
        self._administer(f"create database {name}" + (f" template {template}" if template else ""))
        try:
            yield name
        finally:
            self._administer(f"drop database {name} with (force)")

    @contextmanager
    def small_disk(self) -> Iterator[Callable[[str], None]]:
        """A file system in memory for the tablespace `small`, and what sets its size, such as `8m`: only root can mount one."""
        user = _other_user()
        if os.geteuid() != 0 or user is None:
            pytest.skip("only root can mount a small disk")
        folder = Path(tempfile.mkdtemp(prefix="callmart-small-disk-"))
        owner = f"uid={user.pw_uid},gid={user.pw_gid},mode=700"
        mount = ["mount", "-t", "tmpfs", "-o", f"size=64m,{owner}", "tmpfs", folder]
        if subprocess.run(mount, check=False).returncode:
            folder.rmdir()
            pytest.skip("no file system can be mounted here")
        try:
            self._administer(f"create tablespace small location '{folder}'")
            yield lambda size: _remount(folder, size)
            self._administer("drop tablespace small")
        finally:
            subprocess.run(["umount", "--lazy", folder], check=True)
            folder.rmdir()

    def copy(self, source: str, target: str) -> None:
        """Make the database `target` a copy of `source`, in which nobody may be at work."""
        self._administer(f"drop database if exists {target} with (force)")
        self._administer(f"create database {target} template {source}")

    def _administer(self, statement: str) -> None:
        engine = create_engine(self.url("postgres"), isolation_level="AUTOCOMMIT", poolclass=NullPool)
        with engine.connect() as connection:
            connection.execute(text(statement))


def why_not() -> str:
    """Why no server can be started here; empty when one can."""
    try:
        import psycopg2  # noqa: F401
    except ImportError:
        return "psycopg2 is not installed (pip install 'callmart[postgres]')"
    if _binary("initdb") is None:
        return "Postgres is not installed (apt-get install postgresql)"
    if os.geteuid() == 0 and _other_user() is None:
        return "Postgres does not run as root, and there is no user postgres or nobody"
    return ""


@contextmanager
def running_server() -> Iterator[PostgresServer]:
    """A server that ends with the block. Its data does not survive a crash, which makes it fast."""
    user = _other_user() if os.geteuid() == 0 else None
    folder = Path(tempfile.mkdtemp(prefix="callmart-postgres-"))
    if user:
        os.chown(folder, user.pw_uid, user.pw_gid)
    server = PostgresServer("127.0.0.1", _free_port(), "callmart", _PASSWORD)
    data, password_file = folder / "data", folder / "password"
    password_file.write_text(_PASSWORD)
    password_file.chmod(0o644)
    try:
        _run(
            user,
            "initdb",
            *("-D", data, "-U", server.username, "--pwfile", password_file),
            *("-A", "scram-sha-256", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"),
        )
        # the session's zone is not UTC, so that a test sees whether callmart sets its own
        (data / "postgresql.auto.conf").write_text(
            f"listen_addresses = '127.0.0.1'\nport = {server.port}\nunix_socket_directories = ''\n"
            "fsync = off\nsynchronous_commit = off\nfull_page_writes = off\ntimezone = 'America/New_York'\n"
        )
        _run(user, "pg_ctl", "-D", data, "-l", folder / "log", "-w", "start")
        try:
            yield server
        finally:
            _run(user, "pg_ctl", "-D", data, "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def skip_without_postgres() -> None:
    """Skip the test, with the reason, where no server can be started."""
    if reason := why_not():
        pytest.skip(reason)


def _remount(folder: Path, size: str) -> None:
    subprocess.run(["mount", "-o", f"remount,size={size}", folder], check=True)


def _run(user: pwd.struct_passwd | None, program: str, *arguments: object) -> None:
    done = subprocess.run(
        [str(_binary(program)), *map(str, arguments)],
        user=user.pw_uid if user else None,
        group=user.pw_gid if user else None,
        extra_groups=[] if user else None,
        cwd="/",
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE if program == "initdb" else subprocess.DEVNULL,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, f"{program}: {done.stderr}"


def _binary(name: str) -> Path | None:
    for folder in _BINARIES:
        if (folder / name).exists():
            return folder / name
    found = shutil.which(name)
    return Path(found) if found else None


def _other_user() -> pwd.struct_passwd | None:
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    return None


def _free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return listening.getsockname()[1]
