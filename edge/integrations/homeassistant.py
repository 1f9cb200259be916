"""A bed as one device of Home Assistant, by its MQTT device discovery. Pure.

One retained message announces the device and all of its entities (Home Assistant 2024.11 or later; abbreviated keys
as in its documentation). Every value but the event's expires: a monitor that is gone shows nothing, not its last
heart rate. Whether the device's signal arrives decides for the values, whether the monitor runs for the alarms,
so that "no signal" is not hidden by itself.
"""

from __future__ import annotations

import math
import random
from typing import Any

import msgspec

import edge
from edge.alarms.state import MONITOR_SPECS, SPECS, AlarmSpec
from edge.messages import ONLINE, Composer, Message
from edge.types import AAMI, RHYTHMS

ANNOUNCE_S = (0.5, 3.0)
EXPIRE_S = 15
"""A live monitor gives a state a second."""
ALARMS = SPECS + MONITOR_SPECS
"""The bed's and the monitor's own."""
RHYTHM_OPTIONS = (*RHYTHMS, "other", "unknown")


class Discovery:
    """The announcement of one bed.

    Parameters
    ----------
    composer : Composer
        Knows the bed's base topic and device id.
    prefix : str
        Home Assistant's discovery prefix.

    Attributes
    ----------
    message : Message
        To be published, retained.
    birth_topic : str
        Where Home Assistant says ``online`` when it starts; then `message` must be published again, a little
        later, since every device hears that.
    """

    def __init__(self, composer: Composer, prefix: str = "homeassistant") -> None:
        self.birth_topic = f"{prefix}/status"
        name = object_id(composer.base, composer.device)
        payload = msgspec.json.encode(device_payload(composer.base, composer.device))
        self.message = Message(f"{prefix}/device/{name}/config", payload, True, 1)
        self._again_at_s = math.inf

    def hear(self, topic: str, payload: bytes, now_s: float) -> bool:
        """Take a message; gives whether it was Home Assistant's."""
        if topic == self.birth_topic and payload == ONLINE:
            self._again_at_s = now_s + random.uniform(*ANNOUNCE_S)
        return topic == self.birth_topic

    def due(self, now_s: float) -> bool:
        """Whether `message` must be published again now; True once."""
        due = now_s >= self._again_at_s
        if due:
            self._again_at_s = math.inf
        return due


def object_id(base: str, device: str) -> str:
    """What makes the bed one of its kind at Home Assistant: ``heartwire_bed4``."""
    return f"{base.replace('/', '_')}_{device}"


def device_payload(base: str, device: str, specs: tuple[AlarmSpec, ...] = ALARMS) -> dict[str, Any]:
    """The payload that announces the bed `device` below the topic `base`, with the alarms `specs`."""
    uid, root = object_id(base, device), f"{base}/{device}"
    runs = {"avty": [{"t": f"{base}/bridge/state"}]}
    parts = {**_values(root), **_alarms(root, runs, specs), "ack": _ack(root, runs)}
    for key, part in parts.items():
        part["uniq_id"] = f"{uid}_{key}"
    return {
        "dev": {
            "ids": [uid],
            "name": f"ECG {device}",
            "mf": "heartwire",
            "mdl": "ECG edge monitor (no medical device)",
            "sw": edge.__version__,
        },
        "o": {"name": "heartwire", "sw": edge.__version__},
        "avty": [*runs["avty"], {"t": f"{root}/availability"}],
        "avty_mode": "all",
        "stat_t": f"{root}/state",
        "qos": 1,
        "cmps": parts,
    }


def _values(root: str) -> dict[str, dict[str, Any]]:
    """Sensors of what the state and the beats say; `None` in a template is Home Assistant's unknown."""
    quality = "{{ (value_json.sqi * 100) | round(0) if value_json.sqi is number else None }}"
    lead = "{{ 'ON' if value_json.lead_off else 'OFF' }}"
    beat = "{{ value_json.aami if value_json.readable else None }}"
    return {
        "hr": _number("Heart rate", "hr_bpm", "bpm", "mdi:heart-pulse"),
        "rhythm": _one_of("Rhythm", "{{ value_json.rhythm }}", RHYTHM_OPTIONS, "mdi:pulse"),
        "sqi": _sensor("Signal quality", quality, unit_of_meas="%", stat_cla="measurement", ic="mdi:signal"),
        "lead_off": {
            "p": "binary_sensor",
            "name": "Lead off",
            "dev_cla": "problem",
            "val_tpl": lead,
            "exp_aft": EXPIRE_S,
        },
        "rmssd": _number("HRV (RMSSD)", "rmssd_ms", "ms", "mdi:heart-settings"),
        "pvc": _number("PVC per minute", "pvc_per_min", "1/min", "mdi:heart-flash"),
        "beat": {**_one_of("Last beat", beat, AAMI, "mdi:heart"), "stat_t": f"{root}/beat", "qos": 0},
        "reason": _sensor("Why no heart rate", "{{ value_json.reason or 'none' }}", ent_cat="diagnostic"),
    }


def _alarms(root: str, runs: dict[str, Any], specs: tuple[AlarmSpec, ...]) -> dict[str, dict[str, Any]]:
    """A binary sensor an alarm, from the list in the state (so that it expires), and one event for all."""
    raised = "value_json.what == 'alarm' and value_json.state == 'active' and not value_json.acked"
    parts: dict[str, dict[str, Any]] = {
        "alarm": {
            "p": "event",
            "name": "Alarm",
            "stat_t": f"{root}/event",
            "evt_typ": [spec.name for spec in specs],
            "val_tpl": f"{{{{ value if {raised} else '' }}}}",
            "ic": "mdi:alarm-light",
            **runs,
        }
    }
    for spec in specs:
        stands = f"'{spec.name}' in (value_json.alarms or '').split(',')"
        parts[f"alarm_{spec.name}"] = {
            "p": "binary_sensor",
            "name": f"Alarm {spec.name.replace('_', ' ')}",
            "dev_cla": "problem" if spec.kind == "technical" else "safety",
            "val_tpl": f"{{{{ 'ON' if {stands} else 'OFF' }}}}",
            "json_attr_t": f"{root}/alarm/{spec.name}",
            "exp_aft": EXPIRE_S,
            **runs,
        }
    return parts


def _ack(root: str, runs: dict[str, Any]) -> dict[str, Any]:
    return {
        "p": "button",
        "name": "Acknowledge alarms",
        "cmd_t": f"{root}/command/ack",
        "pl_prs": "",
        "ic": "mdi:check",
        **runs,
    }


def _sensor(name: str, template: str, **more: Any) -> dict[str, Any]:
    return {"p": "sensor", "name": name, "val_tpl": template, "exp_aft": EXPIRE_S, **more}


def _number(name: str, key: str, unit: str, icon: str) -> dict[str, Any]:
    template = f"{{{{ value_json.{key} }}}}"
    return _sensor(name, template, unit_of_meas=unit, stat_cla="measurement", ic=icon)


def _one_of(name: str, template: str, options: tuple[str, ...], icon: str) -> dict[str, Any]:
    return _sensor(name, template, dev_cla="enum", ops=list(options), ic=icon)
