"""Settings come from where dlt reads them, and a wrong one teaches how to set it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipelines.errors import ConfigurationError
from pipelines.home import REPOSITORY, Home
from pipelines.marts.dbt_runner import bigquery_connection
from pipelines.settings import FROM_THE_BEGINNING, Settings, load_settings

pytestmark = pytest.mark.usefixtures("kept_environment")

API = {
    "SOURCES__CCAIP__BASE_URL": "https://contact.example.org:8443",
    "SOURCES__CCAIP__USERNAME": "acme",
    "SOURCES__CCAIP__API_TOKEN": "tok-5ecret",
}


def settings_of(
    home: Path, env: dict[str, str], monkeypatch: pytest.MonkeyPatch, need_api: bool = True
) -> Settings:
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    found = Home(home)
    found.activate()
    return load_settings(found, need_api=need_api)


def write(home: Path, name: str, text: str) -> None:
    (home / ".dlt").mkdir(parents=True, exist_ok=True)
    (home / ".dlt" / name).write_text(text)


def test_defaults(tmp_path, monkeypatch) -> None:
    found = settings_of(tmp_path, API, monkeypatch)
    assert found == Settings(
        warehouse=tmp_path / "warehouse" / "callmart.duckdb",
        base_url="https://contact.example.org:8443",
        username="acme",
        api_token="tok-5ecret",
        start_date=FROM_THE_BEGINNING,
        requests_per_second=10,
        settle_seconds=60,
        overlap_seconds=1800,
        reporting_timezone="UTC",
        rejected_share=0.01,
        fatal_drift=(),
    )


def test_the_documented_defaults_are_the_real_ones() -> None:
    """Every commented line of config.toml, taken in, changes nothing."""
    import tomllib

    text = (REPOSITORY / ".dlt" / "config.toml").read_text()
    lines = [line.removeprefix("# ") if " = " in line else line for line in text.splitlines()]
    documented = tomllib.loads("\n".join(line for line in lines if not line.startswith("#")))
    source = documented["sources"]["ccaip"]
    assert datetime.fromisoformat(source["start_date"]).replace(tzinfo=UTC) == FROM_THE_BEGINNING
    default = Settings(Path())
    for name in ("requests_per_second", "settle_seconds", "overlap_seconds", "rejected_share"):
        assert source[name] == getattr(default, name)
    assert tuple(source["fatal_drift"]) == default.fatal_drift
    assert documented["callmart"]["reporting_timezone"] == default.reporting_timezone
    assert Path(documented["destination"]["duckdb"]["credentials"]) == Home(Path("/x")).warehouse.relative_to(
        "/x"
    )


def test_everything_that_is_missing_is_named_at_once_with_every_place(tmp_path, monkeypatch) -> None:
    write(tmp_path, "config.toml", "")
    with pytest.raises(ConfigurationError) as caught:
        settings_of(tmp_path, {}, monkeypatch)
    said = f"{caught.value}\n{caught.value.mend}"
    for name in ("base_url", "username", "api_token"):
        assert f"[sources.ccaip] {name}" in said
        assert f"export SOURCES__CCAIP__{name.upper()}=" in said
    looked = next(line for line in said.splitlines() if line.strip().startswith("username:"))
    places = ["SOURCES__CCAIP__USERNAME", "secrets.toml", "config.toml"]
    assert [looked.index(place) for place in places] == sorted(looked.index(place) for place in places)
    assert str(tmp_path / ".dlt" / "secrets.toml") in said
    assert caught.value.exit_code == 2


def test_a_users_name_in_the_environment_is_not_the_apis_user(tmp_path, monkeypatch) -> None:
    """dlt's own injection falls back to USERNAME, which desktops and CI workers set: requests then go out
    as somebody else."""
    env = {name: value for name, value in API.items() if not name.endswith("USERNAME")}
    with pytest.raises(ConfigurationError, match=r"Not set: \[sources.ccaip\] username"):
        settings_of(tmp_path, env | {"USERNAME": "ann", "SOURCES__USERNAME": "ann"}, monkeypatch)


def test_environment_wins_over_secrets_and_secrets_over_config(tmp_path, monkeypatch) -> None:
    write(
        tmp_path,
        "config.toml",
        '[sources.ccaip]\nbase_url = "https://config"\nusername = "config"\nsettle_seconds = 5',
    )
    write(tmp_path, "secrets.toml", '[sources.ccaip]\nusername = "secrets"\napi_token = "secrets"')
    found = settings_of(tmp_path, {"SOURCES__CCAIP__API_TOKEN": "environment"}, monkeypatch)
    assert (found.base_url, found.username, found.api_token, found.settle_seconds) == (
        "https://config",
        "secrets",
        "environment",
        5,
    )


def test_a_second_home_in_one_process_has_its_own_settings(tmp_path, monkeypatch) -> None:
    for name in ("one", "two"):
        write(tmp_path / name, "config.toml", f'[sources.ccaip]\nbase_url = "https://{name}"')
    for name in ("one", "two", "one"):
        assert settings_of(tmp_path / name, {}, monkeypatch, need_api=False).base_url == f"https://{name}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-01-31", datetime(2026, 1, 31, tzinfo=UTC)),
        ("2026-01-31T08:00:00", datetime(2026, 1, 31, 8, tzinfo=UTC)),
        ("2026-01-31T08:00:00Z", datetime(2026, 1, 31, 8, tzinfo=UTC)),
        ("2026-01-31T08:00:00-07:00", datetime(2026, 1, 31, 15, tzinfo=UTC)),
    ],
)
def test_start_date_is_utc_unless_it_says_otherwise(text, expected, tmp_path, monkeypatch) -> None:
    assert (
        settings_of(tmp_path, API | {"SOURCES__CCAIP__START_DATE": text}, monkeypatch).start_date == expected
    )


@pytest.mark.parametrize("literal", ["2026-01-31", "2026-01-31T00:00:00Z", '"2026-01-31"'])
def test_start_date_may_be_tomls_own_date(literal, tmp_path, monkeypatch) -> None:
    write(tmp_path, "config.toml", f"[sources.ccaip]\nstart_date = {literal}")
    assert settings_of(tmp_path, API, monkeypatch).start_date == datetime(2026, 1, 31, tzinfo=UTC)


@pytest.mark.parametrize(
    ("credentials", "expected"),
    [
        ("other/calls.duckdb", "{home}/other/calls.duckdb"),
        ("duckdb:///other/calls.duckdb", "{home}/other/calls.duckdb"),
        ("/data/calls.duckdb", "/data/calls.duckdb"),
        ("duckdb:////data/calls.duckdb", "/data/calls.duckdb"),
    ],
)
def test_the_warehouse_is_a_path_relative_to_the_home(credentials, expected, tmp_path, monkeypatch) -> None:
    found = settings_of(tmp_path, API | {"DESTINATION__DUCKDB__CREDENTIALS": credentials}, monkeypatch)
    assert found.warehouse == Path(expected.format(home=tmp_path))


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("SOURCES__CCAIP__BASE_URL", "acme.uc1.ccaiplatform.com", "is not an address"),
        ("SOURCES__CCAIP__BASE_URL", "ftp://acme.example.org", "is not an address"),
        ("SOURCES__CCAIP__BASE_URL", "https://acme.example.org/manager/api/v1", "scheme and host only"),
        ("SOURCES__CCAIP__BASE_URL", "https://acme.example.org?x=1", "scheme and host only"),
        ("SOURCES__CCAIP__START_DATE", "31.01.2026", "is not an ISO date"),
        ("SOURCES__CCAIP__REQUESTS_PER_SECOND", "0", "must be greater than 0"),
        ("SOURCES__CCAIP__REQUESTS_PER_SECOND", "nan", "is not a number"),
        ("SOURCES__CCAIP__REQUESTS_PER_SECOND", "ten", "is not a number"),
        ("SOURCES__CCAIP__SETTLE_SECONDS", "-1", "must be 0 or more"),
        ("SOURCES__CCAIP__OVERLAP_SECONDS", "inf", "is not a number"),
        ("CALLMART__REPORTING_TIMEZONE", "Europe/Berln", "is not an IANA time zone"),
        ("CALLMART__REPORTING_TIMEZONE", "../etc/passwd", "is not an IANA time zone"),
        ("DESTINATION__DUCKDB__CREDENTIALS", ":memory:", "is not the path"),
        ("DESTINATION__DUCKDB__CREDENTIALS", "md:callmart", "is not the path"),
        ("DESTINATION__DUCKDB__CREDENTIALS", "postgresql://host/calls", "is not the path"),
        ("DESTINATION__DUCKDB__CREDENTIALS", "warehouse/ccaip.duckdb", "must not be named"),
        ("DESTINATION__DUCKDB__CREDENTIALS", "warehouse/CCAIP.duckdb", "must not be named"),
        ("DESTINATION__DUCKDB__CREDENTIALS", "warehouse/marts.duckdb", "must not be named"),
        ("DESTINATION__DUCKDB__CREDENTIALS", "warehouse/staging.db", "must not be named"),
        ("DESTINATION__DUCKDB__CREDENTIALS", "main.duckdb", "must not be named"),
        ("DESTINATION__DUCKDB__CREDENTIALS", "..", "is a folder"),
        ("DESTINATION__NAME", "snowflake", "is not one of duckdb, postgres, bigquery"),
        ("SOURCES__CCAIP__REJECTED_SHARE", "5", "must be from 0 (none) to 1 (all)"),
        ("SOURCES__CCAIP__FATAL_DRIFT", "cals.status", "has cals.status, which is not a field"),
        ("SOURCES__CCAIP__FATAL_DRIFT", "calls", "has calls, which is not a field"),
    ],
)
def test_a_wrong_value_names_setting_value_and_place(name, value, says, tmp_path, monkeypatch) -> None:
    with pytest.raises(ConfigurationError) as caught:
        settings_of(tmp_path, API | {name: value}, monkeypatch)
    assert says in str(caught.value)
    assert value in str(caught.value)
    assert f"(from {name})" in str(caught.value)
    assert name in caught.value.mend


@pytest.mark.parametrize("text", ["calls.status, transfers.*", '["calls.status", "transfers.*"]'])
def test_a_contract_can_stand_in_the_environment(text, tmp_path, monkeypatch) -> None:
    found = settings_of(tmp_path, API | {"SOURCES__CCAIP__FATAL_DRIFT": text}, monkeypatch)
    assert found.fatal_drift == ("calls.status", "transfers.*")


def test_a_contract_can_stand_in_a_file(tmp_path, monkeypatch) -> None:
    write(tmp_path, "config.toml", '[sources.ccaip]\nfatal_drift = ["*.status", "calls.agent_info.name"]')
    assert settings_of(tmp_path, API, monkeypatch).fatal_drift == ("*.status", "calls.agent_info.name")


def test_a_wrong_value_in_a_file_names_the_file(tmp_path, monkeypatch) -> None:
    write(tmp_path, "config.toml", "[sources.ccaip]\nsettle_seconds = true")
    with pytest.raises(ConfigurationError, match=rf"from {tmp_path}/.dlt/config.toml\) is not a number"):
        settings_of(tmp_path, API, monkeypatch)


@pytest.mark.parametrize(
    ("base_url", "notices"),
    [
        ("http://127.0.0.1:8765", 0),
        ("http://localhost:8765/", 0),
        ("http://[::1]:8765", 0),
        ("https://acme.example.org", 0),
        ("http://acme.example.org", 1),
    ],
)
def test_credentials_in_the_clear_are_remarked_on(base_url, notices, tmp_path, monkeypatch) -> None:
    found = settings_of(tmp_path, API | {"SOURCES__CCAIP__BASE_URL": base_url}, monkeypatch)
    assert len(found.notices) == notices
    assert not found.base_url.endswith("/")


def test_the_token_is_in_no_text_about_the_settings(tmp_path, monkeypatch) -> None:
    found = settings_of(tmp_path, API, monkeypatch)
    assert "tok-5ecret" not in f"{found!r} {found!s}"


@pytest.mark.parametrize("base_url", ["https://acme:tok-5ecret@host", "https://tok-5ecret@host/x"])
def test_a_token_put_into_the_address_is_not_echoed(base_url, tmp_path, monkeypatch) -> None:
    with pytest.raises(ConfigurationError) as caught:
        settings_of(tmp_path, API | {"SOURCES__CCAIP__BASE_URL": base_url}, monkeypatch)
    assert "tok-5ecret" not in f"{caught.value} {caught.value.mend}"


def test_a_broken_secrets_file_is_named_without_what_stands_in_it(tmp_path, monkeypatch) -> None:
    write(tmp_path, "secrets.toml", "[sources.ccaip]\napi_token = tok-5ecret\n")
    with pytest.raises(ConfigurationError) as caught:
        settings_of(tmp_path, {}, monkeypatch)
    assert f"{tmp_path}/.dlt/secrets.toml is not valid TOML: line 2" in str(caught.value)
    assert "tok-5ecret" not in f"{caught.value} {caught.value.mend}"


def test_an_example_left_as_it_is_counts_as_not_set(tmp_path, monkeypatch) -> None:
    write(tmp_path, "secrets.toml", (REPOSITORY / ".dlt" / "example.secrets.toml").read_text())
    with pytest.raises(ConfigurationError, match=r"Not set: \[sources.ccaip\] api_token\."):
        settings_of(tmp_path, {}, monkeypatch)


def test_transform_and_status_need_no_credentials(tmp_path, monkeypatch) -> None:
    write(tmp_path, "config.toml", "")
    assert settings_of(tmp_path, {}, monkeypatch, need_api=False).api_token == ""


POSTGRES = {
    "host": "db.example.org",
    "port": 5433,
    "username": "loader",
    "password": "s3cret",
    "database": "calls",
}


@pytest.mark.parametrize(
    "given",
    [
        {"DESTINATION__POSTGRES__CREDENTIALS": "postgresql://loader:s3cret@db.example.org:5433/calls"},
        {f"DESTINATION__POSTGRES__CREDENTIALS__{name.upper()}": str(each) for name, each in POSTGRES.items()},
    ],
)
def test_credentials_of_a_destination_are_read_from_dlts_section(given, tmp_path, monkeypatch) -> None:
    found = settings_of(tmp_path, API | {"DESTINATION__NAME": "postgres"} | given, monkeypatch)
    assert found.destination == "postgres"
    assert {name: str(found.credentials[name]) for name in POSTGRES} == {
        name: str(each) for name, each in POSTGRES.items()
    }
    assert "s3cret" not in repr(found) + found.warehouse_name


def test_a_password_may_lie_apart_from_the_rest_of_the_credentials(tmp_path, monkeypatch) -> None:
    write(
        tmp_path,
        "config.toml",
        '[destination]\nname = "postgres"\n[destination.postgres.credentials]\n'
        'host = "db.example.org"\nusername = "loader"\ndatabase = "calls"',
    )
    write(tmp_path, "secrets.toml", '[destination.postgres.credentials]\npassword = "s3cret"')
    found = settings_of(tmp_path, API, monkeypatch)
    assert found.credentials["host"] == "db.example.org"
    assert found.credentials["password"] == "s3cret"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "host, username, database not set"),
        ({"DESTINATION__POSTGRES__CREDENTIALS": "loader:s3cret@host"}, "cannot be read"),
        ({"DESTINATION__POSTGRES__CREDENTIALS": "mysql://loader:s3cret@host/calls"}, "cannot be read"),
    ],
)
def test_unreadable_credentials_are_named_but_not_shown(given, said, tmp_path, monkeypatch) -> None:
    with pytest.raises(ConfigurationError, match=said) as caught:
        settings_of(tmp_path, API | {"DESTINATION__NAME": "postgres"} | given, monkeypatch)
    assert "s3cret" not in f"{caught.value} {caught.value.mend}"
    assert "[destination.postgres.credentials]" in caught.value.mend


def test_dbts_profile_for_bigquery_comes_from_dlts_section(tmp_path, monkeypatch) -> None:
    """A project, or a place where data may lie, that is another one for dbt than for dlt."""
    write(
        tmp_path,
        "config.toml",
        '[destination]\nname = "bigquery"\n[destination.bigquery]\nlocation = "EU"\n'
        '[destination.bigquery.credentials]\nproject_id = "a-project"\nclient_email = "loads@example.org"\n',
    )
    write(tmp_path, "secrets.toml", '[destination.bigquery.credentials]\nprivate_key = "not-a-key"\n')
    settings = settings_of(tmp_path, {}, monkeypatch, need_api=False)
    assert bigquery_connection(settings.credentials) == {
        "CALLMART_DBT_TARGET": "bigquery",
        "CALLMART_BIGQUERY_METHOD": "service-account-json",
        "CALLMART_BIGQUERY_PROJECT": "a-project",
        "CALLMART_BIGQUERY_CLIENT_EMAIL": "loads@example.org",
        "CALLMART_BIGQUERY_LOCATION": "EU",
        "DBT_ENV_SECRET_BIGQUERY_PRIVATE_KEY": "not-a-key",
    }
