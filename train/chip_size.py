"""How large the exported C is: compiled with what is on this machine, and measured."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from firmware_bridge.types import BadInput

WARNINGS = ("-std=c99", "-Wall", "-Wextra", "-Wconversion", "-Wdouble-promotion", "-Werror")
"""The export compiles without a word under these."""

CORTEX_M4F = ("-mcpu=cortex-m4", "-mthumb", "-mfpu=fpv4-sp-d16", "-mfloat-abi=hard")

COMPILERS = (
    ("this machine", "cc", "size", ()),
    ("Cortex-M4F", "arm-none-eabi-gcc", "arm-none-eabi-size", CORTEX_M4F),
)
"""Target, compiler, its `size`, and flags."""

OPTIONS = {"fusion": "-DHW_FUSION=1", "rhythm": "-DHW_RHYTHM=1"}
"""What can be compiled in, and how."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """Bytes on one target: kernels and tables (flash), a patient's state and the shared scratch (RAM).

    `options` are those of :data:`OPTIONS` that are compiled in.
    """

    target: str
    code: int
    weights: int
    state: int
    scratch: int
    options: tuple[str, ...] = ()

    @property
    def flash(self) -> int:
        """Kernels and tables."""
        return self.code + self.weights


def measure(folder: Path) -> list[Sizes]:
    """Sizes of the export in `folder` with every compiler that is here, optimised for size; the chip's options too.

    Raises
    ------
    BadInput
        When a compiler refuses it.
    """
    return [
        replace(
            _measure(folder, target, compiler, size, flags + tuple(OPTIONS[o] for o in options)),
            options=options,
        )
        for target, compiler, size, flags in COMPILERS
        if shutil.which(compiler) and shutil.which(size)
        for options in ((), ("fusion",), ("rhythm",), ("fusion", "rhythm"))
        if flags or not options
    ]


def _measure(folder: Path, target: str, compiler: str, size: str, flags: tuple[str, ...]) -> Sizes:
    with tempfile.TemporaryDirectory() as name:
        room = Path(name)
        for kind in ("state", "scratch"):
            (room / f"{kind}.c").write_text(f'#include "heartwire.h"\nhw_{kind} the_{kind};\n')
        sources = [*sorted(folder.resolve().glob("*.c")), room / "state.c", room / "scratch.c"]
        command = [compiler, *WARNINGS, *flags, "-Os", f"-I{folder.resolve()}", "-c", *map(str, sources)]
        _run(command, room)
        parts = {path.stem: _sizes(size, path) for path in room.glob("*.o")}
    code = sum(text + data for stem, (text, data, _) in parts.items() if stem.startswith("hw_"))
    text, data, _ = parts["heartwire_weights"]
    return Sizes(target, code, text + data, parts["state"][2], parts["scratch"][2])


def _sizes(size: str, path: Path) -> tuple[int, int, int]:
    """Text, data and bss of an object."""
    text, data, bss = _run([size, path.name], path.parent).splitlines()[1].split()[:3]
    return int(text), int(data), int(bss)


def _run(command: list[str], where: Path) -> str:
    run = subprocess.run(command, cwd=where, capture_output=True, text=True, check=False)
    if run.returncode:
        lines = run.stderr.strip().splitlines() or [f"status {run.returncode}"]
        raise BadInput(f"{command[0]}: {lines[0]}")
    return run.stdout
