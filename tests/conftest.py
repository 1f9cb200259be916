"""Rules for the whole suite: nothing may be lost on the way, and on the build machine nothing may skip itself."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
FIRMWARE = ROOT / "firmware_bridge" / "firmware"

REQUIRE_ALL = os.environ.get("HEARTWIRE_REQUIRE_ALL", "") not in ("", "0")
DATA_NOT_GIVEN = ("HEARTWIRE_DATA is not set", "HEARTWIRE_GOLDEN is not set")
"""Skips that stay skips: the databases are not part of the project, and are named by a variable."""


def pytest_collection_finish(session: pytest.Session) -> None:
    """Refuse to run fewer tests than the project has: a file that is no longer collected fails nobody else."""
    least = int(os.environ.get("HEARTWIRE_MIN_TESTS", "0"))
    if len(session.items) < least:
        raise pytest.UsageError(f"{len(session.items)} tests collected, expected at least {least}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, Any]:
    """Fail what skipped itself for want of a tool, where everything is required."""
    return _required((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Generator[None, Any, Any]:
    """The same for a whole file that skipped itself while it was imported."""
    return _required((yield))


def _required(report: Any) -> Any:
    if REQUIRE_ALL and report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        if not any(text in reason for text in DATA_NOT_GIVEN):
            report.outcome = "failed"
            report.longrepr = f"skipped where everything is required: {reason}"
    return report


def built(folder: Path, board: str, *more: str) -> Path:
    """What the Makefile of a board makes, every warning an error."""
    words = ["make", "-s", "-C", str(FIRMWARE / board), f"BUILD={folder}", *more]
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    environment = {**os.environ, "PYTHONPATH": path}
    run = subprocess.run(words, capture_output=True, text=True, check=False, env=environment)
    assert run.returncode == 0, run.stderr
    return folder


@pytest.fixture(scope="session")
def uno(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """The Uno as a program, out of simavr, and its firmware: words to which records and pace are added."""
    if None in (shutil.which("avr-gcc"), shutil.which("make"), shutil.which("cc")):
        pytest.skip("no avr-gcc, make or cc (apt-get install gcc-avr avr-libc make)")
    if not Path("/usr/include/simavr").is_dir():
        pytest.skip("no simavr (apt-get install libsimavr-dev libelf-dev)")
    folder = built(tmp_path_factory.mktemp("uno"), "atmega328p")
    source = Path(__file__).parent / "firmware_bridge" / "firmware" / "uno.c"
    words = ["cc", "-std=gnu99", "-O2", "-Wall", "-Wextra", "-Werror", str(source), "-o", str(folder / "uno")]
    subprocess.run([*words, "-lsimavr", "-lelf"], check=True)
    return str(folder / "uno"), str(folder / "heartwire-uno.elf")


@pytest.fixture(scope="session")
def arduino(uno: tuple[str, str], tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """As `uno`, with the sketch that `train export --arduino` lays out, linked with the real Arduino core."""
    core = Path("/usr/share/arduino/hardware/arduino/avr")
    if not core.is_dir():
        pytest.skip("no Arduino core (apt-get install arduino-core-avr)")
    room = _sketch(tmp_path_factory.mktemp("arduino"))
    flags = ["-Os", "-flto", "-mmcu=atmega328p", "-DF_CPU=16000000L", "-DARDUINO=10819", "-DARDUINO_ARCH_AVR"]
    flags += [f"-I{core}/cores/arduino", f"-I{core}/variants/standard", f"-I{room}"]
    own = [room / "sketch.cpp", room / "hw_frame.c"]
    for words, sources in (
        (["-Wall", "-Wextra", "-Werror"], own),
        (["-w"], list((core / "cores/arduino").iterdir())),
    ):
        for suffix, language in (
            (".c", ()),
            (".S", ()),
            (".cpp", ("-std=gnu++11", "-fno-exceptions", "-DDECIMAL_DIG=9")),
        ):
            some = [str(path) for path in sources if path.suffix == suffix]
            words_ = ["avr-gcc", *flags, *words, *language, "-c", *some]
            subprocess.run(words_, cwd=room, check=True) if some else None
    objects = [str(p) for p in room.glob("*.o")]
    subprocess.run(["avr-g++", *flags, *objects, "-o", "sketch.elf"], cwd=room, check=True)
    return uno[0], str(room / "sketch.elf")


def _sketch(folder: Path) -> Path:
    """The sketch as it is laid out for its users, and `sketch.cpp`, what the Arduino IDE makes of it."""
    subprocess.run([sys.executable, "-m", "train", "export", "--arduino", str(folder)], check=True, cwd=ROOT)
    room = folder / "heartwire_ad8232"
    (room / "sketch.cpp").write_text('#include <Arduino.h>\n#include "heartwire_ad8232.ino"\n')
    return room


@pytest.fixture(scope="session")
def esp32(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The sketch's ESP32 half as a program of this machine, and the folder that it was built in."""
    if None in (shutil.which("cc"), shutil.which("c++")):
        pytest.skip("no cc or c++ (apt-get install gcc g++)")
    room = _sketch(tmp_path_factory.mktemp("esp32"))
    flags = ["-O2", "-Wall", "-Wextra", "-Werror", "-fsanitize=undefined", "-fno-sanitize-recover=all"]
    stand_in = ROOT / "tests" / "firmware_bridge" / "firmware"
    cpp = ["-std=gnu++11", "-DESP32", f"-I{stand_in / 'esp32'}", f"-I{room}"]
    subprocess.run(["cc", "-std=c99", *flags, "-c", "hw_frame.c"], cwd=room, check=True)
    sources = ["sketch.cpp", str(stand_in / "esp32.cpp"), "hw_frame.o"]
    subprocess.run(["c++", *cpp, *flags, *sources, "-o", "esp32"], cwd=room, check=True)
    return room / "esp32", room


@pytest.fixture(scope="session")
def m4f(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Cortex-M4F's firmware, the shipped models in it; `models` beside it holds what they were exported to."""
    if None in map(shutil.which, ("arm-none-eabi-gcc", "make", "qemu-system-arm")):
        pytest.skip("no arm-none-eabi-gcc, make or qemu-system-arm")
    folder = tmp_path_factory.mktemp("m4f")
    return built(folder, "cortex_m4f", f"PYTHON={sys.executable}") / "heartwire-m4f.elf"
