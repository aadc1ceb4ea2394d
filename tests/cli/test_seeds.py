"""A user's own seeds replace those delivered, for the load as for dbt; a file that nothing would use is an error."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.ccaip.enumerations import final_statuses, known_words
from pipelines.errors import ConfigurationError
from pipelines.home import REPOSITORY, Home
from pipelines.marts.dbt_runner import project_of
from pipelines.new_project import USERS_SEEDS, make_project
from pipelines.seeds import own_seeds
from pipelines.shipped import PROJECT_DIR

STATUSES = "status,is_final,flows_out_as,is_documented,description\nhibernating,true,none,false,Asleep.\n"


def home_with(folder: Path, name: str, text: str) -> Home:
    home = Home(folder)
    home.seeds_dir.mkdir(parents=True)
    (home.seeds_dir / name).write_text(text, encoding="utf-8")
    return home


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("statuses.csv", STATUSES, "replaces no seed"),
        ("holidays.csv", "queue_id,holiday_date\n", "lacks the columns holiday_name, opens_at, closes_at"),
        ("holidays.csv", "", "lacks the columns queue_id"),
    ],
)
def test_a_seed_that_nothing_would_use_is_refused(name: str, text: str, told: str, tmp_path: Path) -> None:
    home = home_with(tmp_path, name, text)
    with pytest.raises(ConfigurationError, match=told) as caught:
        own_seeds(home.seeds_dir)
    assert "holidays" in caught.value.mend or "holiday_date" in caught.value.mend


@pytest.mark.usefixtures("kept_environment")
def test_a_load_knows_the_words_of_its_own_home(tmp_path: Path) -> None:
    home_with(tmp_path / "one", "call_statuses.csv", f"\ufeff{STATUSES}").activate()
    assert known_words()["calls"]["status"] == final_statuses() == {"hibernating"}
    Home(tmp_path / "other").activate()
    assert "hibernating" not in known_words()["calls"]["status"]
    assert "finished" in final_statuses()


def test_dbt_gets_a_copy_of_the_project_with_the_users_seeds(tmp_path: Path) -> None:
    assert project_of(Home(tmp_path / "none")) == PROJECT_DIR
    home = home_with(tmp_path / "own", "vendor_daily_report.csv", "")
    text = (
        PROJECT_DIR / "seeds" / "reports" / "vendor_daily_report.csv"
    ).read_text() + "2026-03-02,1,2,3,4,5,6\n"
    (home.seeds_dir / "vendor_daily_report.csv").write_text(text)
    project = project_of(home)
    assert (project / "seeds" / "reports" / "vendor_daily_report.csv").read_text() == text
    (home.seeds_dir / "vendor_daily_report.csv").rename(home.seeds_dir / "agent_names.csv")
    (home.seeds_dir / "agent_names.csv").write_text("agent_id,agent_name\n1,Ada\n")
    copied = {file.relative_to(project): file.read_text() for file in project_of(home).rglob("*.*")}
    ours = {path: (PROJECT_DIR / path).read_text() for path in copied}
    assert {path for path in copied if copied[path] != ours[path]} == {Path("seeds/agent_names.csv")}
    assert {"dbt_project.yml", "profiles.yml", "macros", "models", "seeds", "tests"} == {
        path.parts[0] for path in copied
    }


def test_a_new_project_has_every_seed_that_is_the_users_and_says_what_each_is(tmp_path: Path) -> None:
    written = make_project(Home(tmp_path))
    assert all(written.values())
    readme = (tmp_path / "seeds" / "README.md").read_text()
    for name in USERS_SEEDS:
        columns = (tmp_path / "seeds" / f"{name}.csv").read_text().splitlines()[0].split(",")
        section = readme.partition(f"## {name}\n")[2].partition("\n## ")[0]
        assert [word for word in columns if f"- `{word}`: " not in section] == []
    assert own_seeds(tmp_path / "seeds").keys() == set(USERS_SEEDS)
    assert not any(make_project(Home(tmp_path)).values())


def test_a_clone_keeps_its_seeds_in_the_project() -> None:
    """`callmart init` in a clone would otherwise put copies before the files that its user edits."""
    assert not any(make_project(Home(REPOSITORY)).values())
    assert not (REPOSITORY / "seeds").exists()
