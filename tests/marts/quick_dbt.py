"""What dbt makes anew for each build, or for each node, though it is the same each time: half of what a build of a
few rows takes. Here it is made once for a process, and for those forked from it.

What is built, and what is asked of the database, is as ever. What no test looks at is left out.
"""

from __future__ import annotations

from functools import cache
from types import CodeType
from typing import Any

import parsedatetime
from dbt.clients.jinja import MacroGenerator
from dbt.compilation import Compiler, Linker
from dbt.context.macros import MacroNamespace, MacroNamespaceBuilder
from dbt.contracts.graph.manifest import Manifest
from dbt.contracts.graph.nodes import GenericTestNode, Macro, ParsedNode
from dbt.graph.graph import Graph
from dbt.include.global_project import PROJECT_NAME as GLOBAL_PROJECT_NAME
from dbt_common.clients.jinja import MacroFuzzEnvironment, get_template, template_cache

_compile = MacroFuzzEnvironment.compile
_compiled: dict[tuple[type, str], CodeType] = {}
_graphs: dict[tuple[int, bool], tuple[Manifest, Graph]] = {}  # holds the project, too: its id stays its own


def be_quick() -> None:
    """From now on, in this process and in those forked from it."""
    MacroFuzzEnvironment.compile = _compile_once  # type: ignore[method-assign]
    Compiler.compile = lambda _, project, write=True, add_test_edges=False: graph(project, add_test_edges)  # type: ignore[method-assign]
    MacroNamespaceBuilder.build_namespace = lambda *of: _Macros(*of)  # type: ignore[method-assign, assignment]  # noqa: PLW0108
    # of the dates that are looked for in text: dbt asks for them with each empty table
    parsedatetime.Constants = cache(parsedatetime.Constants)
    # the SQL of each node, as a file to look at
    ParsedNode.write_node = lambda *_: None  # type: ignore[method-assign]


def compile_templates(project: Manifest) -> None:
    """Compile what is rendered at every build of the project."""
    for macro in project.macros.values():
        template_cache.get_node_template(macro)
    for node in project.nodes.values():
        get_template(node.raw_code, {})
        for value in node.test_metadata.kwargs.values() if isinstance(node, GenericTestNode) else ():
            get_template(value, {}, native=True)


def graph(project: Manifest, add_test_edges: bool) -> Graph:
    """What depends on what. With `add_test_edges` a node waits for the tests of what it is built on."""
    place = id(project), add_test_edges
    if place not in _graphs:
        linker = Linker()
        linker.link_graph(project)
        if add_test_edges:
            project.build_parent_and_child_maps()
            linker.add_test_edges(project)
        _graphs[place] = project, Graph(linker.graph)
    return _graphs[place][1]


def _compile_once(environment: MacroFuzzEnvironment, source: str, *args: Any, **kwargs: Any) -> CodeType:
    """Jinja's code for a template, which depends on nothing else."""
    place = type(environment), source
    if place not in _compiled:
        _compiled[place] = _compile(environment, source, *args, **kwargs)
    return _compiled[place]


class _Macros(dict[str, Any]):
    """The macros that a node can call, some 560, by their names and by those of their packages."""

    get_from_package = MacroNamespace.get_from_package

    def __init__(
        self, builder: MacroNamespaceBuilder, macros: dict[str, dict[str, Macro]], context: dict[str, Any]
    ) -> None:
        self.packages = {
            package: {name: _Macro(macro, context, builder) for name, macro in each.items()}
            for package, each in macros.items()
        }
        self.global_project_namespace: dict[str, _Macro] = {}
        for package in reversed(builder.internal_package_names_order):
            self.global_project_namespace |= self.packages.pop(package, {})
        for each in (
            self.global_project_namespace,
            {GLOBAL_PROJECT_NAME: self.global_project_namespace},
            self.packages,
            self.packages.get(builder.root_package, {}),
            self.packages.get(builder.search_package, {}),
        ):
            self.update(each)  # the later ones win


class _Macro(MacroGenerator):
    """Without three constructors in a row."""

    def __init__(self, macro: Macro, context: dict[str, Any], builder: MacroNamespaceBuilder) -> None:
        self.macro, self.context, self.node, self.stack = macro, context, builder.node, builder.thread_ctx
