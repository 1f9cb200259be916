"""A configuration as a file for people: read back it is what it was, every key stands in it with its help."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.config import SECRETS, Config, keys, parse
from edge.config_text import WIDTH, text, toml


def test_file_when_nothing_is_set_then_every_key_is_a_comment_and_all_is_as_by_default() -> None:
    made = text({})
    assert parse(made, {}, {}) == Config()
    shown = set(re.findall(r"^#(\w+) = ", made, re.MULTILINE))
    assert shown == {path[-1] for path, _ in keys()} - set(SECRETS)
    assert max(len(line) for line in made.splitlines() if line.startswith("# ")) <= WIDTH + 1


def test_file_when_every_comment_is_put_in_force_then_still_valid() -> None:
    made = re.sub(r"^#(\w+ = )", r"\1", text({}), flags=re.MULTILINE)
    config = parse(made, {}, {})
    assert (config.baud, config.mqtt.port, config.leads) == (57600, 1883, ("II", "V5"))


def test_file_when_keys_are_set_then_read_back_the_same_with_their_notes() -> None:
    values: dict[tuple[str, ...], Any] = {
        ("source",): 'C:\\odd "name"',
        ("fs",): 250.0,
        ("leads",): ("II", "V5"),
        ("invert",): True,
        ("mqtt", "port"): 8883,
        ("alarms", "off"): ("couplet",),
    }
    made = text(values, ["a head", ""], {("fs",): "249.9 a second arrive"})
    assert made.startswith("# a head\n#\n")
    assert "\nfs = 250.0  # 249.9 a second arrive\n" in made
    config = parse(made, {}, {})
    assert (config.source, config.fs, config.leads, config.invert) == (
        'C:\\odd "name"',
        250.0,
        ("II", "V5"),
        True,
    )
    assert (config.mqtt.port, config.alarms.off) == (8883, ("couplet",))


@given(st.text(st.characters(exclude_categories=("Cs",))))
def test_text_when_anything_then_toml_reads_it_back(value: str) -> None:
    assert parse(f"models = {toml(value)}", {}, {}).models == value


@pytest.mark.parametrize(
    ("value", "written"),
    [(True, "true"), (2, "2"), (2.5, "2.5"), ("a", '"a"'), (("a", "b"), '["a", "b"]'), ((), "[]")],
)
def test_value_when_written_then_as_toml_has_it(value: Any, written: str) -> None:
    assert toml(value) == written
