"""`compose.yaml` and the image's lock: what a container is started with exists, and no secret is written down."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from pipelines.cli.app import app
from pipelines.home import REPOSITORY, Home
from pipelines.settings import load_settings

COMPOSE = yaml.safe_load((REPOSITORY / "compose.yaml").read_text())
OURS = {name: service for name, service in COMPOSE["services"].items() if service["image"] == "callmart"}


def pins(name: str) -> dict[str, str]:
    return dict(re.findall(r"^([\w.-]+)==(\S+)", (REPOSITORY / name).read_text(), re.MULTILINE))


def test_services_run_commands_that_exist_with_options_that_exist() -> None:
    assert set(COMPOSE["services"]) == {"postgres", "load", "dashboard"}
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    for service in OURS.values():
        word, *options = service["command"]
        commands[word].make_context(word, list(options))


def test_services_cannot_write_but_in_their_volume_and_gain_no_rights() -> None:
    for service in OURS.values():
        assert service["read_only"]
        assert service["cap_drop"] == ["ALL"]
        assert "no-new-privileges:true" in service["security_opt"]
        assert service["volumes"] == ["data:/data"]
    assert [port for service in OURS.values() for port in service.get("ports", [])] == ["127.0.0.1:8501:8501"]


def test_no_secret_is_in_the_file_or_in_git() -> None:
    for service in COMPOSE["services"].values():
        for name, value in service["environment"].items():
            if re.search("TOKEN|PASSWORD|KEY", name):
                assert name.endswith("_FILE") or re.fullmatch(r"\$\{\w+:\?[^}]+\}", value), name
        assert set(service["secrets"]) <= set(COMPOSE["secrets"])
    assert {Path(each["file"]).parent for each in COMPOSE["secrets"].values()} == {Path("secrets")}
    assert "/secrets/" in (REPOSITORY / ".gitignore").read_text().splitlines()


@pytest.mark.usefixtures("kept_environment")
@pytest.mark.parametrize("name", OURS)
def test_the_settings_of_a_service_are_those_it_loads_with(name: str, tmp_path: Path) -> None:
    environment = {
        key: re.sub(r"\$\{\w+:[?-]([^}]*)\}", r"\1", value)
        for key, value in OURS[name]["environment"].items()
    }
    # what compose mounts as files, callmart reads under the same names as variables
    secrets = {
        key.upper().replace("-", "_"): "a-secret-of-some-length-0123456789" for key in COMPOSE["secrets"]
    }
    mounted = {key: f"{value}\n" for key, value in secrets.items()}
    os.environ.update(environment | mounted | {"SOURCES__CCAIP__BASE_URL": "https://acme.example.com"})
    home = Home(tmp_path)
    home.activate()
    settings = load_settings(home, need_api=True)
    assert settings.destination == "postgres"
    postgres: dict[str, Any] = COMPOSE["services"]["postgres"]["environment"]
    assert settings.credentials["host"] == "postgres"
    assert settings.credentials["username"] == postgres["POSTGRES_USER"]
    assert settings.credentials["database"] == postgres["POSTGRES_DB"]
    assert settings.credentials["password"] == secrets["DESTINATION__POSTGRES__CREDENTIALS__PASSWORD"]
    assert settings.privacy_key == secrets["PRIVACY__KEY"]
    assert settings.api_token == secrets["SOURCES__CCAIP__API_TOKEN"]


def test_the_image_has_what_the_tests_had() -> None:
    tested = pins("requirements.lock")
    image = pins("requirements-container.lock")
    assert {"dlt", "dbt-postgres", "markdown-it-py", "simpy"} <= set(image)
    assert {name: version for name, version in image.items() if tested.get(name) != version} == {}
    assert {"pytest", "dbt-metricflow"}.isdisjoint(image)
