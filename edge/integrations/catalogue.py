"""The files that other programs need, made out for one broker. They lie in `files`, as anybody may read them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge.integrations.homeassistant import Discovery
from edge.messages import Composer

FILES = Path(__file__).with_name("files")
BASE = "heartwire"
"""The base topic as it stands in the files."""


@dataclass(frozen=True, slots=True)
class Site:
    """Whom a file is made out for: the broker, the base topic, and one bed where a file speaks of one."""

    host: str = "127.0.0.1"
    port: int = 1883
    base: str = BASE
    device: str = "demo"


@dataclass(frozen=True, slots=True)
class Integration:
    """One file: what to do with it, in words, and its text for a site."""

    name: str
    hint: str
    text: Callable[[Site], str]


def home_assistant(site: Site) -> str:
    """The announcement of one bed, readable: what `mqtt.homeassistant` publishes."""
    message = Discovery(Composer(site.device, "none", site.base)).message
    return _written(json.loads(message.payload))


def node_red(site: Site) -> str:
    """A flow of Node-RED's own nodes: heart rate, alarms, the decoder of a chunk, the button to acknowledge."""
    return _written(_flow(site))


def node_red_dashboard(site: Site) -> str:
    """The same with a gauge and two lines on a page of Dashboard 2.0."""
    nodes = _flow(site)
    by_id = {node["id"]: node for node in nodes}
    for node in _nodes("node-red-dashboard.json"):
        source = node.pop("from", None)
        if source is not None:
            by_id[source]["wires"][0].append(node["id"])
        nodes.append(node)
    return _written(nodes)


def grafana(site: Site) -> str:
    """A dashboard of the numbers in ``scalars``, for Grafana's MQTT data source."""
    board = json.loads(_read("grafana.json"))
    for panel in board["panels"]:
        for target in panel.get("targets", []):
            target["topic"] = _below(site.base, target["topic"])
    for variable in board["templating"]["list"]:
        if variable["name"] == "device":
            variable["query"] = site.device
            variable["current"] = {"text": site.device, "value": site.device}
    return _written(board)


def telegraf(site: Site) -> str:
    """Inputs of Telegraf: states, events, beats."""
    n_more = site.base.count("/")
    text = _read("telegraf.conf").replace("127.0.0.1:1883", f"{site.host}:{site.port}")
    text = text.replace(f'"{BASE}/+/', f'"{site.base}/+/')
    return text.replace('topic = "+/', 'topic = "+/' + "+/" * n_more).replace(
        '"_/device', '"_/' + "_/" * n_more + "device"
    )


INTEGRATIONS = (
    Integration(
        "home-assistant",
        "nothing to install: set mqtt.homeassistant = 'homeassistant' and the bed appears; this is what it announces",
        home_assistant,
    ),
    Integration("node-red", "import it in Node-RED's editor (menu, Import)", node_red),
    Integration(
        "node-red-dashboard",
        "the same with a gauge; install @flowfuse/node-red-dashboard first (menu, Manage palette)",
        node_red_dashboard,
    ),
    Integration(
        "grafana",
        "set mqtt.scalars = true, install grafana-mqtt-datasource, import it (Dashboards, New, Import)",
        grafana,
    ),
    Integration("telegraf", "save it as /etc/telegraf/telegraf.d/heartwire.conf", telegraf),
)
"""All of them, as they are listed."""


def _flow(site: Site) -> list[dict[str, Any]]:
    nodes = _nodes("node-red.json")
    for node in nodes:
        if node["type"] == "mqtt-broker":
            node["broker"], node["port"] = site.host, str(site.port)
        elif node["type"] == "tab":
            node["env"] = [{"name": "BED", "value": site.device, "type": "str"}]
            node["info"] = node["info"].replace(f"'{BASE}'", f"'{site.base}'")
        elif node["type"] == "inject":
            node["topic"] = f"{site.base}/{site.device}/command/ack"
        elif "topic" in node:
            node["topic"] = _below(site.base, node["topic"])
    return nodes


def _nodes(name: str) -> list[dict[str, Any]]:
    """A flow's nodes; what a function does stands in the file as lines."""
    nodes: list[dict[str, Any]] = json.loads(_read(name))
    for node in nodes:
        if node["type"] == "function":
            node["func"] = "\n".join(node["func"])
    return nodes


def _below(base: str, topic: str) -> str:
    """A topic of the files, below another base."""
    return base + topic.removeprefix(BASE) if topic.startswith(f"{BASE}/") else topic


def _read(name: str) -> str:
    return (FILES / name).read_text(encoding="utf-8")


def _written(tree: Any) -> str:
    return json.dumps(tree, indent=2, ensure_ascii=False) + "\n"
