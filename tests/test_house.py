"""The house rules that a program can check: sizes, docstrings, what must not be in it, and a light start."""

from __future__ import annotations

import ast
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("firmware_bridge", "edge", "train")
TOP_LEVEL = {"LICENSE", "README.md", "edge", "firmware_bridge", "pyproject.toml", "tests", "train"}
MAX_LINES = 400
MAX_FUNCTION_LINES = 60
MODULES = sorted(p.relative_to(ROOT).as_posix() for room in ROOMS for p in (ROOT / room).rglob("*.py"))
PYTHON = sorted([*MODULES, *(p.relative_to(ROOT).as_posix() for p in (ROOT / "tests").rglob("*.py"))])
HEAVY = (
    "amqtt",
    "matplotlib",
    "pandas",
    "scipy",
    "tensorflow",
    "torch",
    "tqdm",
    "train",
    "websockets",
    "wfdb",
)


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def tracked() -> list[str]:
    """What git holds, or, where this is no checkout, what a package of the source would."""
    git = shutil.which("git")
    if git is None:
        return PYTHON
    run = subprocess.run([git, "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    return [name for name in run.stdout.split("\0") if name] if run.returncode == 0 else PYTHON


def functions(tree: ast.Module) -> Iterator[tuple[str, int, int]]:
    """Name, first line, and length in lines without the docstring, of every function."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if ast.get_docstring(node) is not None:
                length -= (node.body[0].end_lineno or 0) - node.body[0].lineno + 1
            yield node.name, node.lineno, length


def test_files_when_measured_then_each_is_one_subject_long() -> None:
    long = {name: text.count("\n") for name in PYTHON if (text := read(name)).count("\n") > MAX_LINES}
    assert long == {}


def test_functions_when_measured_then_none_hides_a_second_one() -> None:
    long = [
        f"{name}:{line} {function} {length}"
        for name in PYTHON
        for function, line, length in functions(ast.parse(read(name)))
        if length > MAX_FUNCTION_LINES
    ]
    assert long == []


def test_modules_when_they_show_something_then_they_document_it() -> None:
    bare = []
    for name in MODULES:
        tree = ast.parse(read(name))
        if not ast.get_docstring(tree):
            bare.append(f"{name} itself")
        bare += [
            f"{name}:{node.lineno} {node.name}"
            for node in tree.body
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
            and not node.name.startswith("_")
            and not ast.get_docstring(node)
        ]
    assert bare == []


def test_modules_when_they_exist_then_a_test_is_named_for_them_or_imports_them() -> None:
    tests = sorted((ROOT / "tests").rglob("*.py"))
    named = {(path.relative_to(ROOT).parts[1], path.stem.removeprefix("test_")) for path in tests}
    used = set().union(*(_used(path) for path in tests))
    unknown = [
        name
        for name in MODULES
        if not Path(name).stem.startswith("__")
        and (Path(name).parts[0], Path(name).stem) not in named
        and not {name.removesuffix(".py").replace("/", "."), name} & used
    ]
    assert not unknown, "\n".join(unknown)


def _used(path: Path) -> set[str]:
    """Modules that a file imports (`from a import b` may mean a or a.b), and verbs that it calls by name."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            names.add(f"edge/cli/{node.value}.py")
    return names


def test_tests_when_listed_then_each_is_collected_by_its_name() -> None:
    lost = []
    for path in (ROOT / "tests").rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        has_tests = any(isinstance(n, ast.FunctionDef) and n.name.startswith("test_") for n in tree.body)
        if has_tests != path.name.startswith("test_"):
            lost.append(path.name)
    assert lost == []
    assert list((ROOT / "tests").rglob("__init__.py")) == []


def test_top_level_when_listed_then_nothing_is_there_that_nobody_expects() -> None:
    strays = {name.split("/")[0] for name in tracked()} - TOP_LEVEL
    assert {name for name in strays if not name.startswith(".")} == set()


def test_repository_when_searched_then_no_machine_of_its_builders_is_named() -> None:
    hosts = ["python" + "hosted", "py" + r"pi\.org", r"npm" + r"js\.(org|com)", r"deb\." + "debian"]
    folders = ["/" + name + "/" for name in ("work", "farm", "root", "home/[a-z]")] + ["/tmp/" + "hw"]
    words = ["sub" + "agent", r"\." + "library/", "co-authored" + "-by"]
    wrong = re.compile("|".join([*hosts, *folders, *words]), re.IGNORECASE)
    found = []
    for name in tracked():
        if name.endswith((".tflite", ".png")) or not (ROOT / name).is_file():
            continue
        for number, line in enumerate(read(name).split("\n"), 1):
            if wrong.search(line):
                found.append(f"{name}:{number}: {line.strip()[:80]}")
    assert found == []


def test_shared_folder_when_named_then_only_by_the_build_machine() -> None:
    name = "../" + "shared"
    holders = [
        path
        for path in tracked()
        if (ROOT / path).is_file() and not path.endswith((".tflite", ".png")) and name in read(path)
    ]
    assert set(holders) <= {".ci/run"}


def test_monitor_when_imported_then_nothing_heavy_comes_along() -> None:
    code = (
        "import json, sys, edge.monitor, edge.pipeline, edge.cli.run\n"
        "print(json.dumps(sorted(sys.modules)))\n"
    )
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = {name.split(".")[0] for name in json.loads(run.stdout)}
    assert "numpy" in loaded
    assert loaded & set(HEAVY) == set()
