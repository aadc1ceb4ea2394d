"""What every dbt process of a server begins with, beside imports: our project as dbt has parsed it, and less to say."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

from pipelines.marts.build import PROJECT_DIR


def hand_out_project(folder: str) -> None:
    """From now on, dbt in this process and in those forked from it has our project at hand, where it would read
    what it parsed before, link it, and write it down: nearly all that it does beside building.
    """
    from dbt.cli import main
    from dbt.parser.manifest import write_manifest
    from dbt.task import runnable

    from tests.marts.project import manifest
    from tests.marts.quick_dbt import compile_templates, graph

    project = manifest()
    compile_templates(project)
    graph(project, add_test_edges=True)
    written = Path(folder) / "written project"
    written.mkdir()
    write_manifest(project, str(written))

    def write(changed: Any, target: str) -> None:
        if changed is project and "build" in sys.argv:
            shutil.copytree(written, target, dirs_exist_ok=True)  # without the SQL as it was compiled
        else:
            write_manifest(changed, target)

    runnable.write_manifest = write
    runner = main.dbtRunner

    def with_project(**arguments: Any) -> Any:
        if "--partial-parse" in sys.argv and str(PROJECT_DIR) in sys.argv:
            arguments["manifest"] = project
        return runner(**arguments)

    main.dbtRunner = with_project  # type: ignore[misc, assignment]


def say_no_details() -> None:
    """From now on, events for nobody but dbt's developers are not made: nine of ten, and `dbt_process` drops them.
    Any other is made when it is told.
    """
    from dbt_common.events.base_types import BaseEvent, EventLevel
    from dbt_common.events.event_manager import EventManager

    make, fire = BaseEvent.__init__, EventManager.fire_event

    def note(event: Any, *args: Any, **kwargs: Any) -> None:
        event.__dict__["made_of"] = args, kwargs

    def get(event: Any, name: str) -> Any:
        if name == "pb_msg":
            args, kwargs = event.__dict__.pop("made_of")
            make(event, *args, **kwargs)
            return event.__dict__["pb_msg"]
        return getattr(event.pb_msg, name)

    def tell(manager: Any, e: Any, level: Any = None, *args: Any, **kwargs: Any) -> None:
        if (level or e.level_tag()) is not EventLevel.DEBUG:
            fire(manager, e, level, *args, **kwargs)

    BaseEvent.__init__, BaseEvent.__getattr__ = note, get  # type: ignore[method-assign]
    EventManager.fire_event = tell  # type: ignore[method-assign, assignment]
