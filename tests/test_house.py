"""The house holds up: rooms import only what the table allows, files and functions stay small, start-up stays cheap."""

from __future__ import annotations

import ast
import functools
import os
import statistics
from collections.abc import Iterator

import pytest

SRC = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "src")

# docs/design/architecture.md, section 2. `errors` and `values` are open to all.
FLOOR0 = {"oci", "kernel", "wire"}
MAY: dict[str, set[str]] = {
    "oci": set(),
    "kernel": set(),
    "wire": set(),
    "store": FLOOR0,
    "registry": {"oci", "wire"},
    "runtime": FLOOR0,
    "build": FLOOR0 | {"store", "runtime", "trust"},
    "engine": FLOOR0 | {"store", "registry", "runtime", "trust", "build"},
    "cli": {"engine", "oci", "wire"},
}
CHEAP = set(
    "__future__ os sys errno struct time json re stat fcntl signal socket select ctypes sqlite3 collections functools "
    "itertools contextlib threading enum hashlib bisect binascii mmap math zlib array tty termios resource io builtins "
    "operator string _thread posix _json _socket _sqlite3 gc".split()
)
# Rooms of slow jobs, imported by nothing else: what they need may stand at the top.
COLD = ("scow/engine/bootstrap/",)
ROOT_MODULES = {"errors", "values", "light", "__init__", "__main__"}


@functools.cache
def modules() -> dict[str, ast.Module]:
    found = {}
    for folder, _, files in os.walk(os.path.join(SRC, "scow")):
        for name in files:
            if name.endswith(".py"):
                path = os.path.join(folder, name)
                with open(path) as f:
                    found[os.path.relpath(path, SRC)] = ast.parse(f.read(), path)
    return found


def dotted(path: str) -> str:
    return path.removesuffix(".py").replace("/", ".").removesuffix(".__init__")


def is_typing_guard(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def imports(tree: ast.AST, *, top_only: bool = False, typing_too: bool = True) -> Iterator[str]:
    """Dotted names of what a module imports; relative imports are not used in this project."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from (a.name for a in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "no relative imports"
            assert node.module
            yield node.module
            yield from (f"{node.module}.{a.name}" for a in node.names)
        elif is_typing_guard(node):
            if typing_too:
                yield from imports(node, top_only=top_only)
        elif not (top_only and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)):
            yield from imports(node, top_only=top_only, typing_too=typing_too)


def room(name: str) -> str:
    return name.split(".")[1] if name.count(".") else ""


def test_rooms_import_only_lower_floors() -> None:
    wrong = []
    for path, tree in modules().items():
        here = room(dotted(path))
        if here in ROOT_MODULES or not here:
            continue
        for name in imports(tree):
            if name.startswith("scow.") and room(name) in set(MAY) - {here} - MAY[here]:
                wrong.append(f"{path}: {name}")
    assert not wrong, wrong


def test_module_level_imports_are_cheap() -> None:
    wrong = []
    for path, tree in modules().items():
        if path.startswith(COLD):
            continue
        for name in imports(tree, top_only=True, typing_too=False):
            if name.split(".")[0] not in CHEAP | {"scow"} and not (name.startswith("collections")):
                wrong.append(f"{path}: {name}")
    assert not wrong, wrong


def test_no_import_cycles() -> None:
    known = {dotted(p) for p in modules()}

    def needed(tree: ast.Module) -> set[str]:
        names = {n for n in imports(tree, typing_too=False) if n in known}
        # `from package import module` needs the module; that the package's own file runs first is no knot.
        return {n for n in names if not any(other.startswith(n + ".") for other in names)}

    graph = {dotted(p): needed(t) - {dotted(p)} for p, t in modules().items()}
    done: set[str] = set()

    def visit(name: str, trail: tuple[str, ...]) -> None:
        assert name not in trail, " -> ".join([*trail[trail.index(name) :], name])
        if name not in done:
            for other in sorted(graph[name]):
                visit(other, (*trail, name))
            done.add(name)

    for name in sorted(graph):
        visit(name, ())


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef))


def test_file_and_function_sizes() -> None:
    tables = {"scow/kernel/syscall_numbers.py", "scow/runtime/seccomp_default.py"}
    lengths = {p: (t.body[-1].end_lineno or 0) for p, t in modules().items() if t.body}
    too_long = {p: n for p, n in lengths.items() if n > 500 and p not in tables}
    assert not too_long, too_long
    sizes = {f"{p}:{f.name}": (f.end_lineno or 0) - f.lineno + 1 for p, t in modules().items() for f in functions(t)}
    too_big = {n: size for n, size in sizes.items() if size > 80}
    assert not too_big, too_big
    assert statistics.median(sizes.values()) <= 13


def test_arguments_are_few() -> None:
    wrong = [
        f"{p}:{f.name}"
        for p, t in modules().items()
        for f in functions(t)
        if len([a for a in f.args.posonlyargs + f.args.args + f.args.kwonlyargs if a.arg not in ("self", "cls")]) > 7
    ]
    assert not wrong, wrong


@pytest.mark.parametrize("path", sorted(modules()))
def test_modules_say_what_they_are(path: str) -> None:
    doc = ast.get_docstring(modules()[path])
    assert doc and len(doc) > 10, f"{path} has no module docstring"


def test_broad_excepts_are_only_at_the_doors() -> None:
    doors = (
        "scow/cli/",
        "scow/api/",
        "scow/runtime/init.py",
        "scow/runtime/supervisor",
        "scow/runtime/zygote_main.py",
        "scow/runtime/workers.py",
        "scow/runtime/execs.py",
    )
    wrong = [
        f"{p}:{n.lineno}"
        for p, t in modules().items()
        if not p.startswith(doors)
        for n in ast.walk(t)
        if isinstance(n, ast.ExceptHandler)
        and (n.type is None or (isinstance(n.type, ast.Name) and n.type.id in ("Exception", "BaseException")))
        and not any(isinstance(x, ast.Raise) for x in ast.walk(n))
    ]
    assert not wrong, wrong
