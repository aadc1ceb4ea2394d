"""A tenant without a key, with a lost one, or with a policy that is not the one that was meant."""

from __future__ import annotations

import re
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.ccaip.privacy.policy import Action, Policy
from pipelines.ccaip.tables import FREE_TEXT, NAME
from pipelines.errors import ConfigurationError
from pipelines.home import Home
from pipelines.settings import Settings, load_settings
from simulator.platform import Clock, Credentials, Platform
from tests.cli.conftest import callmart, kept_environment
from tests.extraction.living import START, LivingCalls

__all__ = ["callmart", "kept_environment"]


@pytest.fixture
def refusing() -> Iterator[dict[str, str]]:
    """Settings of an API that refuses them."""
    with Platform(
        LivingCalls(), clock=Clock.frozen(START), credentials=Credentials("acme", "new")
    ) as platform:
        yield {
            "SOURCES__CCAIP__BASE_URL": platform.base_url,
            "SOURCES__CCAIP__USERNAME": "acme",
            "SOURCES__CCAIP__API_TOKEN": "token",
        }


def test_without_a_key_nothing_loads_until_the_command_it_names_has_made_one(callmart, refusing) -> None:
    callmart.settings(secrets='# ours\n[sources.ccaip]\napi_token = "token" # of 2026\n')
    stopped = callmart("load", **refusing)
    assert stopped.returncode == 2
    command = re.search(r"`callmart ([\w -]+)`", stopped.stderr)
    assert command
    assert not (callmart.root / "warehouse" / "callmart.duckdb").exists()

    made = callmart(*command[1].split())
    assert made.returncode == 0, made.stderr
    file = callmart.root / ".dlt" / "secrets.toml"
    text = file.read_text()
    key = re.search(r'\[privacy\]\nkey = "([0-9a-f]{64})"', text)
    assert key, "and what was there before is there still"
    assert text.startswith('# ours\n[sources.ccaip]\napi_token = "token" # of 2026\n')
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert key[1] not in made.stdout + made.stderr
    assert [path.name for path in file.parent.iterdir() if path.name.startswith(".secrets")] == []
    assert callmart("load", **refusing, SOURCES__CCAIP__START_DATE="2026-01-01").returncode == 3, (
        "it gets as far as the API"
    )

    again = callmart(*command[1].split())
    assert again.returncode == 2
    assert file.read_text() == text
    printed = callmart(*command[1].split(), "--print")
    assert re.fullmatch(r"[0-9a-f]{64}\n", printed.stdout)
    assert printed.stdout.strip() != key[1]


def settings_of(root: Path, config: str, secrets: str = "") -> Settings:
    home = Home(root)
    folder = root / ".dlt"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.toml").write_text(config)
    (folder / "secrets.toml").write_text(secrets)
    home.activate()
    return load_settings(home, need_api=False)


@pytest.mark.usefixtures("kept_environment")
def test_the_policy_is_what_the_files_say(tmp_path, monkeypatch) -> None:
    found = settings_of(
        tmp_path,
        '[privacy]\nfree_text = "keep"\nname = "MASK"\n[privacy.columns]\n"calls.email" = "drop"\n'
        'participants.email = "mask"\n',
        '[privacy]\nkey = "0123456789abcdef"\n',
    )
    assert found.privacy == Policy(
        {FREE_TEXT: Action.KEEP, NAME: Action.MASK},
        {"calls.email": Action.DROP, "participants.email": Action.MASK},
    )
    assert found.privacy_key == "0123456789abcdef"
    assert found.privacy_key not in repr(found)
    monkeypatch.setenv("PRIVACY__COLUMNS", "calls.email=keep, photos.url=mask")
    monkeypatch.setenv("PRIVACY__NAME", "drop")
    found = load_settings(Home(tmp_path), need_api=False)
    assert found.privacy.columns == {"calls.email": Action.KEEP, "photos.url": Action.MASK}
    assert found.privacy.of(NAME) is Action.DROP


@pytest.mark.usefixtures("kept_environment")
@pytest.mark.parametrize(
    ("config", "secrets", "problem"),
    [
        ('[privacy]\nfree_txt = "drop"', "", "free_txt is not a setting"),
        ('[privacy]\nname = "hide"', "", "not one of keep, hash, mask, drop"),
        ('[privacy]\ncolumns = "calls.email"', "", "not one of keep, hash, mask, drop"),
        ("[privacy]\ncolumns = 5", "", "not a table of columns"),
        ('[privacy.columns]\n"calls.emial" = "drop"', "", "calls.emial, which is not a column"),
        ('[privacy.columns]\n"calls.id" = "drop"', "", "cannot work without"),
        ("", '[privacy]\nkey = "k-short"', "too short"),
    ],
)
def test_a_policy_that_cannot_be_meant_is_refused(tmp_path, config, secrets, problem) -> None:
    with pytest.raises(ConfigurationError, match=problem) as refused:
        settings_of(tmp_path, config, secrets)
    assert "k-short" not in str(refused.value) + refused.value.mend
