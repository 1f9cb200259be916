"""The files for other programs: whole, made out for the site, and saying only what is really published."""

from __future__ import annotations

import json
import re
import sys
from typing import Any

import pytest

from edge.integrations.catalogue import (
    FILES,
    INTEGRATIONS,
    Site,
    grafana,
    home_assistant,
    node_red,
    node_red_dashboard,
    telegraf,
)
from edge.integrations.scalars import COUNTS, NUMBERS
from edge.messages import Composer
from edge.types import Alarm, Beat, Note, RPeak, Status

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

WARD = Site("10.0.0.2", 1884, "ward/7", "bed4")
BEAT = Beat(1, RPeak(0, 1.0, 1.0), 0.8, "N", (1.0, 0.0, 0.0, 0.0, 0.0), 1.0, True, False, True, 0)
EVENTS = {
    "state": [Status(72.0, None, "sinus", 1.0, False, 800.0, 30.0, 0.0, 0, False, 0)],
    "beat": [BEAT],
    "event": [Alarm("vt", "active", "high", "patient", 0, True, False, "", 0), Note("gap", 0, 1, "", 1)],
}


def published(leaf: str) -> set[str]:
    """Every key that a message on this topic has."""
    composer = Composer("bed4", "b00t")
    made = [m for event in EVENTS[leaf] for m in composer.compose(event, lambda index: 1.8e9)]
    return {key for m in made if m.topic.endswith(f"/{leaf}") for key in json.loads(m.payload)}


def strings(tree: Any) -> list[str]:
    if isinstance(tree, dict):
        return [text for value in tree.values() for text in strings(value)]
    if isinstance(tree, list):
        return [text for value in tree for text in strings(value)]
    return [tree] if isinstance(tree, str) else []


@pytest.mark.parametrize("one", INTEGRATIONS, ids=lambda one: one.name)
def test_file_when_made_out_for_a_site_then_no_other_base_or_broker_stands_in_it(one: Any) -> None:
    text = one.text(WARD)
    assert re.search(r"\bheartwire/", text) is None
    assert "127.0.0.1" not in text
    assert "ward/7/" in text
    assert one.hint
    assert one.text(Site()) != text


def test_files_when_listed_then_each_is_used() -> None:
    assert {path.name for path in FILES.iterdir()} == {
        *("grafana.json", "node-red.json", "node-red-dashboard.json", "telegraf.conf"),
    }


@pytest.mark.parametrize("flow", [node_red, node_red_dashboard])
def test_flow_when_made_then_ids_are_unique_and_every_wire_and_reference_ends_at_a_node(flow: Any) -> None:
    nodes = json.loads(flow(WARD))
    by_id = {node["id"]: node for node in nodes}
    assert len(by_id) == len(nodes)
    for node in nodes:
        assert {target for port in node.get("wires", []) for target in port} <= set(by_id)
        for key in ("z", "broker", "group", "page", "ui", "theme"):
            if key in node and node["type"] != "mqtt-broker":
                assert node[key] in by_id, node["id"]
        assert "from" not in node
    broker = by_id["hw-broker"]
    assert (broker["broker"], broker["port"]) == ("10.0.0.2", "1884")
    assert by_id["hw-tab"]["env"] == [{"name": "BED", "value": "bed4", "type": "str"}]
    assert by_id["hw-button"]["topic"] == "ward/7/bed4/command/ack"
    assert by_id["hw-command"]["retain"] == "false"


def test_flow_when_for_everybody_then_only_node_reds_own_nodes_and_with_a_dashboard_a_gauge_more() -> None:
    own = {"tab", "mqtt-broker", "mqtt in", "mqtt out", "function", "debug", "inject"}
    plain, rich = json.loads(node_red(WARD)), json.loads(node_red_dashboard(WARD))
    assert {node["type"] for node in plain} == own
    assert {node["type"] for node in rich} - own == {
        *("ui-base", "ui-theme", "ui-page", "ui-group", "ui-gauge", "ui-text"),
    }
    (rate,) = (node for node in rich if node["id"] == "hw-rate")
    assert rate["wires"] == [["hw-rate-debug", "hw-face", "hw-rate-line"]]


@pytest.mark.parametrize("flow", [node_red, node_red_dashboard])
def test_functions_when_they_read_a_message_then_it_has_that_key(flow: Any) -> None:
    known = published("state") | published("event") | {"late"}
    named = set(re.findall(r"\b(?:state|event)\.(\w+)", "\n".join(strings(json.loads(flow(WARD))))))
    assert named >= {"hr_bpm", "boot_id", "seq", "what"}
    assert named <= known


def test_grafana_when_a_panel_shows_a_field_then_it_is_a_scalar_and_an_old_one_never_stands() -> None:
    board = json.loads(grafana(WARD))
    shown = set()
    for panel in board["panels"]:
        (target,) = panel["targets"]
        assert target["topic"] == "ward/7/${device}/scalars"
        (only,) = panel["transformations"]
        shown |= set(only["options"]["include"]["names"]) - {"Time"}
        if panel["type"] == "stat":
            assert panel["options"]["reduceOptions"]["calcs"] == ["last"]
        else:
            assert panel["fieldConfig"]["defaults"]["custom"]["spanNulls"] is False
    assert shown <= {*NUMBERS, *COUNTS}
    assert shown >= {"hr_bpm", "n_alarms", "lead_off", "rmssd_ms", "sqi", "pvc_per_min"}
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
    assert board["templating"]["list"][0]["current"]["value"] == "bed4"


def test_telegraf_when_read_then_valid_and_it_names_only_what_is_published() -> None:
    inputs = tomllib.loads(telegraf(WARD))["inputs"]["mqtt_consumer"]
    assert [one["topics"] for one in inputs] == [[f"ward/7/+/{leaf}"] for leaf in ("state", "event", "beat")]
    for one in inputs:
        assert one["servers"] == ["tcp://10.0.0.2:1884"]
        leaf = one["topics"][0].rpartition("/")[2]
        named = {one["json_time_key"], *one["json_string_fields"], *one.get("tag_keys", [])}
        assert named <= published(leaf)
        (parsing,) = one["topic_parsing"]
        assert parsing["topic"].count("/") == parsing["tags"].count("/") == one["topics"][0].count("/")
        assert parsing["tags"].split("/")[one["topics"][0].split("/").index("+")] == "device"


def test_home_assistant_when_shown_then_what_is_announced() -> None:
    assert json.loads(home_assistant(WARD))["stat_t"] == "ward/7/bed4/state"
