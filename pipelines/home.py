"""Where callmart keeps everything it writes: one folder, so that copies can run side by side.

    <root>/warehouse/callmart.duckdb   the default warehouse
    <root>/var/dlt                     dlt's working folder: pending load packages, state
    <root>/var/dbt/{target,logs}       what dbt compiles and logs
    <root>/var/logs                    callmart's own log
    <root>/var/callmart.lock           held while a load or a transform runs
    <root>/var/dbt/project             a copy of the dbt project, when the home has seeds of its own
    <root>/.dlt                        settings; in a clone the repository's, unless the folder exists
    <root>/seeds                       the user's own seeds, which replace those delivered

The root is `--project-dir`, else `CALLMART_HOME`. Without either a clone uses the repository. An installed package uses
the current folder if it is a project folder (`callmart init`), because the current folder depends on the scheduler.
HOME is neither read nor written: with dlt's global settings in `~/.dlt` the same command could load from another tenant
when another user runs it.
"""

from __future__ import annotations

import errno
import logging
import os
from dataclasses import dataclass
from pathlib import Path

from pipelines.errors import ConfigurationError
from pipelines.seeds import OWN_SEEDS_VARIABLE
from pipelines.shipped import IS_CLONE, SETTINGS_DIR

_logger = logging.getLogger(__name__)

REPOSITORY = Path(__file__).resolve().parent.parent
PARSED_PROJECT = "partial_parse.msgpack"
"""The file in dbt's target folder that holds the parsed project, without data of any warehouse."""

HOME_VARIABLE = "CALLMART_HOME"
_OWNER_ONLY = 0o700  # calls are personal data


@dataclass(frozen=True)
class Home:
    """The project folder. `root` is absolute."""

    root: Path

    @classmethod
    def find(cls, project_dir: Path | None = None, *, may_be_new: bool = False) -> Home:
        """The project folder to use: `project_dir` (`--project-dir`), else `CALLMART_HOME`, else the repository.

        An installed package has no repository, and uses the current folder. Raises `ConfigurationError` when that
        is no project folder, unless it `may_be_new`.
        """
        chosen = project_dir or os.environ.get(HOME_VARIABLE) or (REPOSITORY if IS_CLONE else None)
        if chosen is None and not may_be_new and not Path(".dlt").is_dir():
            raise ConfigurationError(
                f"{Path.cwd()} is no project folder of callmart.",
                f"Make it one with `callmart init`, or name one with --project-dir or {HOME_VARIABLE}.",
            )
        return cls(Path(chosen or "").expanduser().resolve())

    @property
    def warehouse(self) -> Path:
        """The default DuckDB file; `[destination.duckdb] credentials` names another."""
        return self.root / "warehouse" / "callmart.duckdb"

    @property
    def dlt_dir(self) -> Path:
        """dlt's data folder; the pipelines' working folders are below `pipelines/`."""
        return self.root / "var" / "dlt"

    @property
    def pipelines_dir(self) -> Path:
        """Where dlt keeps one working folder per pipeline (`dlt.pipeline(pipelines_dir=…)`)."""
        return self.dlt_dir / "pipelines"

    @property
    def log_dir(self) -> Path:
        return self.root / "var" / "logs"

    @property
    def dbt_target_dir(self) -> Path:
        return self.root / "var" / "dbt" / "target"

    @property
    def dbt_log_dir(self) -> Path:
        return self.root / "var" / "dbt" / "logs"

    @property
    def dbt_project_dir(self) -> Path:
        """A copy of the dbt project with the user's own seeds, when there are any."""
        return self.root / "var" / "dbt" / "project"

    @property
    def lock_file(self) -> Path:
        return self.root / "var" / "callmart.lock"

    @property
    def settings_dir(self) -> Path:
        """The folder of `config.toml` and `secrets.toml`: the home's own, or in a clone the repository's."""
        own = self.root / ".dlt"
        return SETTINGS_DIR if IS_CLONE and not own.is_dir() else own

    @property
    def seeds_dir(self) -> Path:
        """Where the user's own seeds are."""
        return self.root / "seeds"

    def activate(self, *, make_folders: bool = True, may_be_new: bool = True) -> None:
        """Create the folders and point dlt to them. Call this before using dlt's configuration.

        With `make_folders=False` nothing is created, for commands that only read. The project folder itself is
        created only if it `may_be_new`, because its name could be mistyped. Can be called again for another home in
        the same process. Raises `ConfigurationError` when the folders cannot be created, when there is no such
        folder, or when a settings file is not valid TOML.
        """
        os.umask(0o077)  # dlt, dbt and DuckDB create files too
        if not (make_folders and may_be_new) and not self.root.is_dir():
            raise ConfigurationError(
                f"There is no folder {self.root}.",
                f"Check --project-dir or {HOME_VARIABLE}. A new project folder is created by its first load.",
            )
        if make_folders:
            self._make_folders()
        os.environ["DLT_PROJECT_DIR"] = str(self.settings_dir.parent)
        os.environ["DLT_DATA_DIR"] = str(self.dlt_dir)
        os.environ["DLT_LOCAL_DIR"] = str(self.root)
        os.environ[OWN_SEEDS_VARIABLE] = str(self.seeds_dir)
        # In the environment as well as in config.toml: a home's own config.toml may not have the line.
        os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
        # Calls are personal data: no copies stay in dlt's folders or in the staging dataset.
        os.environ["LOAD__DELETE_COMPLETED_JOBS"] = "true"
        os.environ["LOAD__TRUNCATE_STAGING_DATASET"] = "true"
        # DuckDB has one writer. A job that fails is not retried within a load: callmart reads its windows again.
        os.environ["LOAD__WORKERS"] = "1"
        os.environ["LOAD__RAISE_ON_MAX_RETRIES"] = "1"
        # dlt warns about every Arrow column whose declared type is narrower than Arrow's: hundreds of lines.
        os.environ.setdefault("RUNTIME__LOG_LEVEL", "ERROR")
        self._replace_run_context()

    def _make_folders(self) -> None:
        folders = (self.warehouse.parent, self.dlt_dir, self.log_dir, self.dbt_target_dir, self.dbt_log_dir)
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            (self.root / "var").mkdir(mode=_OWNER_ONLY, exist_ok=True)
            for folder in folders:
                folder.parent.mkdir(mode=_OWNER_ONLY, exist_ok=True)
                folder.mkdir(mode=_OWNER_ONLY, exist_ok=True)
        except OSError as error:
            raise ConfigurationError(
                f"callmart cannot write in {self.root}: {error.strerror}.",
                f"Give --project-dir or {HOME_VARIABLE} a folder that this user may write to.",
            ) from error

    def _replace_run_context(self) -> None:
        """Give dlt a run context that reads the environment set above, replacing an existing one.

        Imported here: dlt takes a second to import, which `callmart --help` does not need.
        """
        from dlt.common.configuration.container import Container
        from dlt.common.configuration.providers.toml import TomlProviderReadException
        from dlt.common.configuration.specs import PluggableRunContext
        from dlt.common.runtime.run_context import RunContext

        context = RunContext(str(self.settings_dir.parent))
        # Otherwise dlt reads HOME, and tests whether it can write there. There is no public way (dlt 1.31).
        context._global_dir = str(self.dlt_dir)  # noqa: SLF001
        try:
            Container()[PluggableRunContext] = PluggableRunContext(context)
        except TomlProviderReadException as error:
            raise _unreadable_settings(self.settings_dir / error.file_name, error) from None


def _unreadable_settings(file: Path, error: Exception) -> ConfigurationError:
    """Why a settings file cannot be read. The parser's own message can quote the line, and the line can be a secret."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError):
            return ConfigurationError(
                f"{file} cannot be read: {cause.strerror}.", "Let the user that runs callmart read the file."
            )
        if isinstance(cause, UnicodeDecodeError):
            return ConfigurationError(f"{file} is not encoded in UTF-8.", "Save it in UTF-8.")
        if isinstance(line := getattr(cause, "line", None), int):
            return ConfigurationError(
                f"{file} is not valid TOML: line {line}, column {getattr(cause, 'col', '?')}.",
                "Correct that line; put text in double quotes, as in .dlt/example.secrets.toml.",
            )
        cause = cause.__cause__ or cause.__context__
    return ConfigurationError(f"{file} is not valid TOML.", "See .dlt/example.secrets.toml.")


def make_private(file: Path | int, named: Path | None = None) -> None:
    """Let only the owner read and write a file (a path, or an open descriptor of the file `named`).

    Some mounts (FUSE, CIFS) have no modes, and a file of another user refuses the change. A warning is then
    logged, because others may be able to read the data.
    """
    try:
        os.chmod(file, 0o600)  # noqa: PTH101 (takes descriptors too)
    except PermissionError:
        _logger.warning("The mode of %s cannot be changed: check who can read it.", named or file)
    except OSError as error:
        if error.errno not in (errno.ENOTSUP, errno.ENOSYS, errno.EINVAL):
            raise
        _logger.warning("The mode of %s cannot be changed: check who can read it.", named or file)
