"""The key for pseudonyms: how it is created and stored.

It is in the home's secrets file, the environment or a mounted secret, like any other setting. callmart creates
one only when asked to: nobody would back up a key they do not know of.
"""

from __future__ import annotations

import os
import secrets
import tempfile
from pathlib import Path

import tomlkit
from tomlkit.exceptions import TOMLKitError

from pipelines.errors import ConfigurationError
from pipelines.home import Home, make_private

_BYTES = 32


def new_key() -> str:
    """A random key: 64 hexadecimal digits."""
    return secrets.token_hex(_BYTES)


def key_in_file(home: Home) -> str:
    """The key in the home's secrets file; empty when there is none."""
    return str(_read(_file(home)).get("privacy", {}).get("key", ""))


def write_key(home: Home, key: str) -> Path:
    """Write a key to the home's secrets file, replacing any key in it, and return the file's path.

    The rest of the file is not changed, and only its owner can read it. Raises `ConfigurationError` when it
    cannot be read or written.
    """
    file = _file(home)
    document = _read(file)
    if "privacy" not in document:
        document["privacy"] = tomlkit.table()
    document["privacy"]["key"] = key
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        _replace(file, tomlkit.dumps(document))
    except OSError as error:
        raise ConfigurationError(
            f"{file} cannot be written: {error.strerror}.",
            "`callmart privacy make-key --print` prints a key instead, to be set as PRIVACY__KEY.",
        ) from None
    return file


def make_key(home: Home) -> Path:
    """Create a key, write it to the home's secrets file and return the file's path.

    Raises `ConfigurationError` if there is one already: the warehouse has pseudonyms under it.
    """
    file = _file(home)
    if key_in_file(home):
        raise ConfigurationError(
            f"{file} already has a key, which the pseudonyms in the warehouse were made with.",
            "Keep it. With another key the same caller would get another pseudonym in every new call.",
        )
    return write_key(home, new_key())


def _file(home: Home) -> Path:
    return home.settings_dir / "secrets.toml"


def _read(file: Path) -> tomlkit.TOMLDocument:
    try:
        return tomlkit.parse(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return tomlkit.document()
    except TOMLKitError:
        raise ConfigurationError(f"{file} is not valid TOML.", "Correct it, then create the key.") from None
    except OSError as error:
        raise ConfigurationError(
            f"{file} cannot be read: {error.strerror}.", "Let this user read it."
        ) from None


def _replace(file: Path, text: str) -> None:
    """Write beside the file, then rename: if interrupted, the old file is whole."""
    file = file.resolve()  # replace the target of a symbolic link
    handle, name = tempfile.mkstemp(dir=file.parent, prefix=".secrets")  # readable by its owner only
    draft = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as written:
            written.write(text)
            written.flush()
            os.fsync(written.fileno())
        make_private(draft)
        draft.replace(file)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
