"""The key that pseudonyms are made with: making one, and where it is kept.

It stands in the home's secrets file, or comes from the environment or a mounted secret like any other
setting. callmart makes one only when told to: a key nobody knows of is a key nobody keeps.
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
    """Put a key into the home's secrets file, whatever key it has; the file's path.

    The rest of the file stays as it is, and its owner alone may read it. Raises `ConfigurationError` when it
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
    """Make a key and put it into the home's secrets file; the file's path.

    Raises `ConfigurationError` when there is one already: what has landed is under it.
    """
    file = _file(home)
    if key_in_file(home):
        raise ConfigurationError(
            f"{file} has a key already, and what has landed has its pseudonyms under it.",
            "Keep it. With another key the same caller would be somebody else in every new call.",
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
        raise ConfigurationError(f"{file} is not valid TOML.", "Mend it, then make the key.") from None
    except OSError as error:
        raise ConfigurationError(
            f"{file} cannot be read: {error.strerror}.", "Let this user read it."
        ) from None


def _replace(file: Path, text: str) -> None:
    """Write beside the file, then rename: if interrupted, the old file is whole."""
    file = file.resolve()  # of a symbolic link the target is replaced
    handle, name = tempfile.mkstemp(dir=file.parent, prefix=".secrets")  # readable by its owner alone
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
