"""The command line: finds the verb, imports only that, and turns a user's mistake into one line.

A verb is a module with ``HELP``, ``add_arguments(parser)`` and ``run(args) -> int``, named by an entry point
of the group ``heartwire.verbs`` (in a checkout that is not installed: by pyproject.toml's lines for them).
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from firmware_bridge.types import BadInput

GROUP = "heartwire.verbs"


def verbs() -> dict[str, str]:
    """Name of every verb -> module path: what is installed, and what a checkout has beside it."""
    return {**_installed(), **_of_checkout()} or _of_folder()


def _installed() -> dict[str, str]:
    from importlib.metadata import entry_points

    return {point.name: point.value for point in entry_points(group=GROUP)}


def _of_checkout() -> dict[str, str]:
    """The verbs of a checkout, from its pyproject.toml, which may know more than when it was installed."""
    path = Path(__file__).parents[2] / "pyproject.toml"
    if not path.is_file():
        return {}
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    try:
        named: dict[str, str] = tomllib.loads(path.read_text(encoding="utf-8"))["project"]["entry-points"][
            GROUP
        ]
    except (OSError, KeyError, tomllib.TOMLDecodeError):
        return {}
    return named


def _of_folder() -> dict[str, str]:
    """This folder's files, where neither was found."""
    import pkgutil

    found = [module.name for module in pkgutil.iter_modules(__path__)]
    return {name: f"{__name__}.{name}" for name in found if not name.startswith("_")}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb; gives the exit status: 0 well, 1 a verb's own, 2 a user's mistake, 130 interrupted."""
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        return _main(words)
    except BadInput as error:
        from edge.log_lines import mistake

        print(mistake(str(error), _wants_json(words, os.environ), time.time()), file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _main(words: list[str]) -> int:
    if not words or words[0] in ("-h", "--help"):
        print(_overview(verbs()))
        return 0 if words else 2
    if words[0] == "--version":
        print(_version())
        return 0
    name, known = words[0], _installed()
    known = known if name in known else verbs()
    if name not in known:
        from difflib import get_close_matches

        near = get_close_matches(name, known, 1)
        hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(sorted(known))}"
        raise BadInput(f"got verb {name!r}; {hint}")
    module = _load(name, known[name])
    parser = argparse.ArgumentParser(prog=f"heartwire {name}", description=module.HELP, allow_abbrev=False)
    module.add_arguments(parser)
    status = module.run(parser.parse_args(words[1:]))
    sys.stdout.flush()
    return int(status or 0)


def _load(name: str, path: str) -> Any:
    from importlib import import_module

    try:
        return import_module(path)
    except ModuleNotFoundError as error:
        raise BadInput(
            f"{name}: {error.name} is not installed; reinstall heartwire with the extra it needs"
        ) from None


def _overview(known: dict[str, str]) -> str:
    lines = ["usage: heartwire VERB [options]      (heartwire VERB --help tells more)", ""]
    for name in sorted(known):
        try:
            text = _load(name, known[name]).HELP
        except (BadInput, ImportError) as error:
            text = f"({error})"
        lines.append(f"  {name:10} {text}")
    return "\n".join(lines)


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return f"heartwire {version('heartwire')}"
    except PackageNotFoundError:
        return "heartwire (from a checkout)"


def _wants_json(words: Sequence[str], environ: Mapping[str, str]) -> bool:
    """Whether what goes to stderr is read by a program."""
    return "--log-json" in words or environ.get("HEARTWIRE_LOG_JSON", "").lower() in ("1", "true")
