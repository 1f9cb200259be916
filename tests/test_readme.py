"""What the README says must be so: commands parse, files exist, tables are complete."""

from __future__ import annotations

import argparse
import importlib
import re
import shlex
from pathlib import Path

import pytest

from edge.alarms.state import MONITOR_SPECS, SPECS
from edge.cli import verbs
from edge.config import parse
from firmware_bridge import devices, profile
from train.__main__ import available

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PORTUGUESE = (ROOT / "edge" / "README.pt.md").read_text(encoding="utf-8")
PAGES = [README, *(page.read_text(encoding="utf-8") for page in sorted((ROOT / "edge").glob("*.md")))]
MAIN_JOB = "python3 -m venv .venv && .venv/bin/pip install '.[demo]' && .venv/bin/heartwire demo"
FIRST_SCREEN = 45


def blocks(language: str, text: str = README) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def test_readme_when_opened_then_the_first_screen_has_the_picture_and_the_two_commands() -> None:
    screen = README.split("\n")[:FIRST_SCREEN]
    assert MAIN_JOB in screen
    assert "./tests/run" in screen
    assert any("GRU" in line and "->" in line for line in screen)
    assert sum("not a medical device" in line for line in README.split("\n")) == 1


@pytest.mark.parametrize(
    "line",
    [
        line
        for text in PAGES
        for block in blocks("sh", text)
        for line in block.split("\n")
        if re.search(r"(^|/)heartwire ", line)
    ],
)
def test_command_when_shown_then_its_verb_takes_those_flags(line: str) -> None:
    words = shlex.split(line.split("&&")[-1].split(" > ")[0].removesuffix(" &"), comments=True)
    assert words[0].endswith("heartwire")
    module = importlib.import_module(verbs()[words[1]])
    parser = argparse.ArgumentParser(allow_abbrev=False)
    module.add_arguments(parser)
    parser.parse_args(words[2:])


def test_wiring_when_drawn_then_the_same_pins_in_both_pages_and_in_the_sketch() -> None:
    pins = [
        re.findall(r"\| +([\w.+-]+) +o-+ (\w+) -+ ((?:GPIO )?\w+)", text) for text in (README, PORTUGUESE)
    ]
    assert pins[0] == pins[1]
    wired = {board: (uno, esp32) for board, uno, esp32 in pins[0]}
    sketch = (ROOT / "firmware_bridge/firmware/arduino/heartwire_ad8232.ino").read_text(encoding="utf-8")
    found = re.findall(r"PIN_ECG = (\w+), PIN_LO_PLUS = (\w+), PIN_LO_MINUS = (\w+);", sketch)
    esp32, uno = found
    assert [wired[name][0].removeprefix("D") for name in ("OUTPUT", "LO+", "LO-")] == list(uno)
    assert [wired[name][1] for name in ("OUTPUT", "LO+", "LO-")] == [f"GPIO {pin}" for pin in esp32]


def test_pages_when_they_point_at_each_other_then_what_they_point_at_is_there() -> None:
    for page in sorted((ROOT / "edge").glob("*.md")):
        text = page.read_text(encoding="utf-8")
        for link in re.findall(r"\]\(([^)\s]+)\)", text):
            if "://" in link:
                continue
            name, _, part = link.partition("#")
            target = (page.parent / name).resolve() if name else page
            assert target.exists(), (page.name, link)
            if part and target.suffix == ".md":
                heads = re.findall(r"^#+ (.*)$", target.read_text(encoding="utf-8"), re.MULTILINE)
                anchors = {re.sub(r"[^\w -]", "", head.lower()).replace(" ", "-") for head in heads}
                assert part in anchors, (page.name, link)


def test_verbs_when_they_exist_then_the_table_has_each_and_no_other() -> None:
    assert set(re.findall(r"^\| `heartwire (\w+)` \|", README, re.MULTILINE)) == set(verbs())
    assert set(re.findall(r"`heartwire ([a-z]+)", README)) <= set(verbs())


def test_train_commands_when_shown_then_they_exist() -> None:
    shown = set(re.findall(r"python -m train (\w+)", README))
    assert shown
    assert shown <= set(available())


def test_config_when_shown_then_it_is_valid() -> None:
    _, text = blocks("toml")
    config = parse(text, {}, {}, "README.md")
    assert config.device == "bed4"
    assert config.mqtt.tls
    assert config.alarms.limits.extreme_brady_bpm == 30.0


def test_profile_when_shown_then_it_is_valid() -> None:
    text, _ = blocks("toml")
    made = profile.parse(text, "my-board", "README.md")
    assert (made.fs, made.baud, made.has_counter) == (250.0, 115200, True)


def test_formats_when_shown_then_they_exist_and_none_is_missing() -> None:
    section = README.split("## Connecting a device")[1].split("**Over MQTT**")[0]
    assert {name for name in devices.names() if f"`{name}`" in section} == set(devices.names())


def test_alarms_when_they_can_be_raised_then_the_table_has_each_with_its_priority() -> None:
    rows = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \|.*\| (high|medium|low|technical) \|$", README, re.MULTILINE)
    shown = {name: priority for names, priority in rows for name in re.findall(r"`(\w+)`", names)}
    assert shown == {spec.name: spec.priority for spec in SPECS + MONITOR_SPECS}


def test_portuguese_page_when_read_then_commands_and_alarms_are_the_readmes() -> None:
    assert MAIN_JOB in PORTUGUESE
    words = {"alta": "high", "média": "medium", "baixa": "low", "técnica": "technical"}
    rows = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \|.*\| (\w+) \|$", PORTUGUESE, re.MULTILINE)
    shown = {name: words[priority] for names, priority in rows for name in re.findall(r"`(\w+)`", names)}
    assert shown == {spec.name: spec.priority for spec in SPECS + MONITOR_SPECS}
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", PORTUGUESE) if "://" not in link]
    assert [link for link in links if not (ROOT / "edge" / link).exists()] == []


def test_dependencies_when_declared_then_each_has_its_reason() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    wanted = set(re.findall(r'^ {2}"([a-zA-Z][\w-]*)[><=;]', text, re.MULTILINE))
    reasons = README.split("| dependency | why |")[1].split("\n\n")[0]
    assert wanted
    assert {name for name in wanted if name not in reasons} <= {"pytest-timeout"}


def test_picture_when_shown_then_in_both_pages_small_and_a_png() -> None:
    picture = ROOT / "edge" / "page.png"  # python tests/picture.py edge/page.png
    assert re.search(r"!\[[^\]]{20,}\]\(edge/page\.png\)", README)
    assert re.search(r"!\[[^\]]{20,}\]\(page\.png\)", PORTUGUESE)
    data = picture.read_bytes()
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    assert len(data) < 150_000
    assert int.from_bytes(data[16:20], "big") >= 800  # IHDR: the width


def test_links_when_local_then_their_files_exist() -> None:
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", README) if "://" not in link]
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []
