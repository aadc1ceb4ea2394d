"""Build the image and use it as an operator would: `make test-container`.

Needs root, buildah, and mmdebstrap for a base image made from Debian's packages (or `--base`, where a registry is
reachable). Runs the demo as user 65532 on a read-only root, stops it by SIGTERM, runs it again, asks the health check.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from pipelines.home import REPOSITORY

FOLDER = REPOSITORY / "build" / "container"
IMAGE = "localhost/callmart"
USER = 65532
MEGABYTES = 600
# What python:3.11-slim has. It leaves out documentation and translations too.
PACKAGES = "python3,python3-venv,ca-certificates"
LEFT_OUT = ("doc", "man", "info", "locale")
# A machine's own package index and certificates: mounted while the image is built, so that no layer has them.
MOUNTED = ("/etc/pip.conf", "/etc/ssl/certs")


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def buildah(*arguments: str | Path) -> str:
    """What buildah prints. Images and containers are kept below `FOLDER`."""
    places = ("--root", FOLDER / "storage", "--runroot", FOLDER / "run", "--storage-driver", "vfs")
    environment = os.environ | {"BUILDAH_ISOLATION": "chroot"}  # as root, without an engine
    command = [str(each) for each in ("buildah", *places, *arguments)]
    return subprocess.run(
        command, env=environment, check=True, stdout=subprocess.PIPE, text=True
    ).stdout.strip()


def debian() -> str:
    """The name of a base image made from Debian's packages."""
    archive = FOLDER / "debian.tar"
    if not archive.exists():
        say("Making a base image from Debian's packages")
        draft = archive.with_name("draft.tar")
        without = [f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in LEFT_OUT]
        options = ["--quiet", "--variant=minbase", f"--include={PACKAGES}", *without]
        subprocess.run(["mmdebstrap", *options, "bookworm", str(draft)], check=True)
        draft.rename(archive)
    container = buildah("from", "scratch")
    buildah("add", "--quiet", container, archive, "/")
    buildah("commit", "--quiet", "--rm", container, "localhost/debian-python")
    return "localhost/debian-python"


def build(base: str) -> None:
    mounts = [f"--volume={place}:{place}:ro" for place in MOUNTED if Path(place).exists()]
    options = ("--quiet", "--format", "docker", "--build-arg", f"BASE={base}", "--tag", IMAGE)
    buildah("build", *options, *mounts, REPOSITORY)


@dataclass
class Container:
    """The image's files at `root`, a folder for its volume, and what the image sets (`config`)."""

    root: Path
    data: Path
    config: dict[str, Any]

    @contextmanager
    def running(self, *command: str) -> Iterator[subprocess.Popen[str]]:
        """A command as the first process of the container: its user, its variables, a root that is read-only.

        buildah has no such root, so this does with util-linux's tools what a container engine does.
        """
        user = self.config["User"]
        script = f"""
            set -e
            mount --bind {self.root} {self.root}
            mount --bind {self.data} {self.root}/data
            mount -t tmpfs tmpfs {self.root}/tmp
            mount -t proc proc {self.root}/proc
            mount --rbind /dev {self.root}/dev
            mount -o remount,bind,ro {self.root}
            exec chroot --userspec={user} --groups= {self.root} /usr/bin/env -i {shlex.join(self.config["Env"])} "$@"
        """
        unshare = [
            "unshare",
            "--mount",
            "--pid",
            "--fork",
            "--kill-child",
            "sh",
            "-c",
            script,
            "sh",
            *command,
        ]
        with subprocess.Popen(
            unshare, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as process:
            try:
                yield process
            finally:
                process.kill()

    def run(self, *command: str) -> tuple[int, str]:
        """Exit code and output of a command."""
        with self.running(*command) as process:
            output, _ = process.communicate()
        return process.returncode, output


def terminate(process: subprocess.Popen[str]) -> None:
    """Send SIGTERM to the container's first process, the only child of `unshare`."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    os.kill(int(children[0]), signal.SIGTERM)


def page(address: str) -> str:
    """What the address answers. It is printed a moment before anybody listens."""
    for attempt in Retrying(
        retry=retry_if_exception_type(URLError), wait=wait_fixed(1), stop=stop_after_delay(60)
    ):
        with attempt, urlopen(address) as answer:
            return str(answer.read().decode())
    raise AssertionError(address)


def check_image(container: Container) -> None:
    """What is set in the image, what is in it and how large it is."""
    config = container.config
    assert config["User"] == f"{USER}:{USER}"
    assert config["Entrypoint"] == ["callmart"], "in exec form, so that signals reach callmart"
    assert "CALLMART_HOME=/data" in config["Env"]
    files = [file for file in container.root.rglob("*") if file.is_file() and not file.is_symlink()]
    size = sum(file.stat().st_size for file in files)
    say(f"The image has {size / 1e6:.0f} MB.")
    assert size <= MEGABYTES * 1e6
    unwanted = re.compile(r"/secrets\.toml$|\.duckdb$|/pip\.conf$|/requirements[^/]*\.lock$|/\.git/|^/data/")
    assert [str(file) for file in files if unwanted.search(f"/{file.relative_to(container.root)}")] == []


def check_demo(container: Container) -> None:
    """The demo, stopped in the middle of its load, and run again to its end."""
    status, output = container.run("touch", "/opt/callmart/file")
    assert status == 1, output
    assert "Read-only file system" in output

    command = (*container.config["Entrypoint"], "demo")
    with container.running(*command) as process:
        for line in process.stdout or ():
            if "(reading)" in line:
                terminate(process)
                break
        output = process.communicate()[0]
    assert process.returncode == 143, (process.returncode, output)
    owners = {file.stat().st_uid for file in container.data.rglob("*")}
    assert owners == {USER}, owners
    say("SIGTERM stopped the demo while it loaded: exit code 143.")

    begun = time.monotonic()
    status, output = container.run(*command)
    assert status == 0, output
    assert "│ All queues                   │  33,319 │" in output, output
    say(f"Run again, it showed the numbers it always shows, after {time.monotonic() - begun:.0f} s.")

    status, output = container.run(*container.config["Healthcheck"]["Test"][1:])
    assert status == 0, output
    say("The health check passes.")

    with container.running("callmart", "--project-dir", "/data/demo", "dashboard", "--port", "0") as process:
        said = process.stdout.readline() if process.stdout else ""
        address = re.search(r"http://\S+", said)
        assert address, said + process.communicate()[0]
        assert "Service level" in page(address.group())
        terminate(process)
        process.communicate()
    say("The dashboard shows the marts, and SIGTERM stops it.")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="make test-container")
    parser.add_argument("--base", default="", help="the base image; else one is made from Debian's packages")
    base = parser.parse_args(arguments).base
    missing = [name for name in ("buildah", *(() if base else ("mmdebstrap",))) if not shutil.which(name)]
    if missing or os.geteuid():
        say(
            f"Needs root{''.join(f', {name}' for name in missing)} (Debian: apt-get install buildah mmdebstrap)."
        )
        return 1
    FOLDER.mkdir(parents=True, exist_ok=True)
    try:
        build(base or debian())
        root = Path(buildah("mount", buildah("from", "--pull-never", IMAGE)))
        config = json.loads(buildah("inspect", "--type", "image", IMAGE))["Docker"]["config"]
        with tempfile.TemporaryDirectory() as data:
            os.chown(data, USER, USER)
            container = Container(root, Path(data), config)
            check_image(container)
            check_demo(container)
    finally:
        buildah("rm", "--all")
        shutil.rmtree(FOLDER / "storage", ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
