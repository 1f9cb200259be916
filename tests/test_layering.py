"""Who may import whom, read from the source: firmware_bridge <- edge <- train, and no I/O in the core."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FORBIDDEN = {
    "firmware_bridge": {"edge", "train", "tests"},
    "edge": {"train", "tests"},
    "train": {"tests"},
}
TOUCHES_THE_WORLD = {
    "asyncio", "fcntl", "multiprocessing", "paho", "pty", "select", "selectors", "serial", "signal", "socket",
    "ssl", "subprocess", "termios", "threading", "time", "tty",
}  # fmt: skip
SHELLS = ("edge/cli/", "edge/bench/", "train/")
MODULES = sorted(p.relative_to(ROOT).as_posix() for name in FORBIDDEN for p in (ROOT / name).rglob("*.py"))


def imported(source: str) -> Iterator[tuple[int, str]]:
    """Line and dotted name of every import, those inside functions and by `import_module("...")` too."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.lineno, "." * node.level + (node.module or "")
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called in ("import_module", "__import__", "find_spec"):
                yield node.lineno, str(node.args[0].value)


def test_imported_when_an_import_hides_then_it_is_found() -> None:
    source = (
        "import a.b\n"
        "def f():\n"
        "    from c.d import e\n"
        "    importlib.import_module('g.h')\n"
        "    __import__('i')\n"
        "if TYPE_CHECKING:\n"
        "    import j\n"
    )
    assert sorted(name for _, name in imported(source)) == ["a.b", "c.d", "g.h", "i", "j"]


def test_modules_when_listed_then_every_room_is_there() -> None:
    assert {name.split("/")[0] for name in MODULES} == set(FORBIDDEN)
    assert len(MODULES) > 60


def test_modules_when_they_import_then_never_from_a_room_above() -> None:
    wrong = [
        f"{module}:{line} imports {name}"
        for module in MODULES
        for line, name in imported((ROOT / module).read_text(encoding="utf-8"))
        if name.split(".")[0] in FORBIDDEN[module.split("/")[0]] or name.startswith(".")
    ]
    assert wrong == []


def test_modules_when_they_touch_the_world_then_their_first_word_is_io() -> None:
    wrong = []
    for module in MODULES:
        source = (ROOT / module).read_text(encoding="utf-8")
        touched = {name.split(".")[0] for _, name in imported(source)} & TOUCHES_THE_WORLD
        marked = (ast.get_docstring(ast.parse(source)) or "").startswith("[io]")
        if touched and not marked and not module.startswith(SHELLS):
            wrong.append(f"{module} imports {', '.join(sorted(touched))}")
    assert wrong == []
