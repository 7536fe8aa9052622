"""The import table of docs/architecture.md, held by reading every import of the tree, late ones too."""

from __future__ import annotations

import ast
import graphlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
OURS = ("facility", "spawners", "hub_ext", "server_ext", "dask_hpc", "beamside")
MAY_IMPORT = {
    "facility": set(),
    "spawners": {"facility"},
    "hub_ext": {"spawners", "facility"},
    "server_ext": {"facility"},
    "dask_hpc": {"facility"},
    "beamside": {"facility", "spawners", "hub_ext", "server_ext", "dask_hpc"},
}
STANDARD_LIBRARY_ONLY = {
    "spawners/job_side.py": set(),
    "facility/service/as_user/helper.py": set(),
    "facility/clusters.py": {"facility.errors"},
    "facility/cluster_tls.py": set(),
}
WORKER = "facility.service.as_user.worker"
NUMERIC = {"numpy", "scipy", "numba", "rocket_fft"}


def modules(package: str) -> Iterator[tuple[str, Path]]:
    """Name and path of every module below a package's folder."""
    for path in sorted((ROOT / package).rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


ALL = {name: path for package in OURS for name, path in modules(package)}


def imports(name: str, path: Path, *, late: bool = True, for_types: bool = False) -> set[str]:
    """Full names that a module imports; `late` counts those inside functions too, `for_types` type checking ones."""
    found: set[str] = set()

    def visit(node: ast.AST) -> None:
        for child in ast.iter_child_nodes(node):
            if not for_types and isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
                continue
            if isinstance(child, ast.Import):
                found.update(alias.name for alias in child.names)
            elif isinstance(child, ast.ImportFrom):
                found.update(_from(name, path, child))
            if late or not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
                visit(child)

    visit(ast.parse(path.read_text(encoding="utf-8")))
    return found


def _from(name: str, path: Path, node: ast.ImportFrom) -> set[str]:
    base = node.module or ""
    if node.level:
        here = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
        base = ".".join([*here[: len(here) - node.level + 1], *([node.module] if node.module else [])])
    return {full if (full := f"{base}.{alias.name}") in ALL else base for alias in node.names}


def top(name: str) -> str:
    """The first part of a dotted name."""
    return name.partition(".")[0]


@pytest.mark.parametrize("package", OURS)
def test_a_package_imports_only_what_the_table_allows(package: str) -> None:
    """Every import between our packages stands in the table of docs/architecture.md."""
    allowed = MAY_IMPORT[package] | {package}

    wrong = {f"{name} imports {used}" for name, path in modules(package) for used in imports(name, path)
             if top(used) in OURS and top(used) not in allowed}  # fmt: skip

    assert set() == wrong


def test_no_import_cycle() -> None:
    """The graph of imports between our modules has no cycle, late imports and those for types counted."""
    graph = {name: {used for used in imports(name, path, for_types=True) if used in ALL and used != name}
             for name, path in ALL.items()}  # fmt: skip

    order = list(graphlib.TopologicalSorter(graph).static_order())  # raises CycleError, naming the cycle

    assert set(ALL) <= set(order)


@pytest.mark.parametrize("house", ["facility/service", "beamside", "beamside/demo", "dask_hpc"])
def test_the_rooms_of_a_house_lean_on_each_other_one_way(house: str) -> None:
    """A folder and the modules beside it: what one room imports never comes back to it."""
    prefix = house.replace("/", ".") + "."

    def room(name: str) -> str:
        return name.removeprefix(prefix).partition(".")[0] if name.startswith(prefix) else ""

    graph: dict[str, set[str]] = {}
    for name, path in modules(house):
        graph.setdefault(room(name), set()).update({room(used) for used in imports(name, path)} - {room(name), ""})

    order = list(graphlib.TopologicalSorter(graph).static_order())  # raises CycleError, naming the cycle

    assert set(graph) <= set(order)


def test_the_rooms_of_dask_hpc_stand_in_their_order() -> None:
    """docs/architecture.md lists every room, each below all that it imports."""
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    table = page.partition("The rooms of `dask_hpc/`")[2].partition("\n\n|")[2].partition("\n\n")[0]
    order = re.findall(r"^\| `(\w+)/`", table, re.MULTILINE)
    inside = {name: room for room in order for name, _ in modules(f"dask_hpc/{room}")}

    upwards = {f"{name} imports {used}" for name, room in inside.items() for used in imports(name, ALL[name])
               if used in inside and order.index(inside[used]) > order.index(room)}  # fmt: skip

    assert {path.parent.name for path in (ROOT / "dask_hpc").glob("*/__init__.py")} == set(order)
    assert set() == upwards


@pytest.mark.parametrize(("file", "besides"), STANDARD_LIBRARY_ONLY.items())
def test_code_that_runs_outside_our_environment_needs_the_standard_library_only(file: str, besides: set[str]) -> None:
    """The job side, the root helper and the cluster record run where nothing of ours is installed."""
    path = ROOT / file
    name = ".".join(Path(file).with_suffix("").parts)

    wrong = {used for used in imports(name, path) if top(used) not in sys.stdlib_module_names and used not in besides}

    assert set() == wrong


def test_the_worker_stands_alone() -> None:
    """It is installed beside the root helper, where nothing else of ours is."""
    found = [(name, used) for name, path in modules(WORKER.replace(".", "/")) for used in imports(name, path)]

    wrong = {f"{name} imports {used}" for name, used in found
             if top(used) not in sys.stdlib_module_names and not used.startswith(WORKER)}  # fmt: skip

    assert set() == wrong


def test_the_client_needs_nothing_of_the_service() -> None:
    """What notebooks and pipelines import speaks of a facility; the service's rooms may be rebuilt beneath it."""
    reached: set[str] = set()
    waiting = {name for name, _ in modules("facility/client")}
    while waiting:
        name = waiting.pop()
        reached.add(name)
        waiting |= {used for used in imports(name, ALL[name]) if used in ALL} - reached

    assert set() == {name for name in reached if name.startswith("facility.service")}


def test_bragg_kernels_import_numeric_libraries_only() -> None:
    """The kernels know arrays and nothing else, so that they run with Dask absent."""
    ours = "dask_hpc.bragg.kernels"
    kernels = list(modules("dask_hpc/bragg/kernels"))

    wrong = {f"{name} imports {used}" for name, path in kernels for used in imports(name, path)
             if top(used) not in NUMERIC | set(sys.stdlib_module_names) and not used.startswith(ours)}  # fmt: skip

    assert set() == wrong


@pytest.mark.parametrize("package", ["server_ext"])
def test_the_lab_server_never_imports_dask(package: str) -> None:
    """The panel's server starts clusters by running a command in the scientist's environment."""
    wrong = {f"{name} imports {used}" for name, path in modules(package) for used in imports(name, path)
             if top(used) in {"dask", "distributed", "dask_hpc"}}  # fmt: skip

    assert set() == wrong
