"""What comes with the code: the dbt project, the default settings.

In a clone `dbt_project` and `settings` are links to the repository's folders. A wheel has the files themselves.
Nothing is ever written here: an installed package may be read-only.
"""

from __future__ import annotations

from pathlib import Path

_FOLDER = Path(__file__).resolve().parent

PROJECT_DIR = (_FOLDER / "dbt_project").resolve()
"""The dbt project."""

SEEDS_DIR = PROJECT_DIR / "seeds"
"""The seeds as delivered."""

SETTINGS_DIR = (_FOLDER / "settings").resolve()
"""The folder of `config.toml`, with every setting and its default, and of `example.secrets.toml`."""

IS_CLONE = (_FOLDER / "dbt_project").is_symlink()
"""Whether this is the repository, and not an installed package."""
