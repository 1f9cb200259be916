"""The files that make heartwire a service of the system, made out for one bed. They lie in `files`, readable."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

FILES = Path(__file__).with_name("files")
COMMAND = "/opt/heartwire/bin/heartwire"
BED, BASE, BROKER = "bed4", "heartwire", "broker.ward"
"""As they stand in the files."""


@dataclass(frozen=True, slots=True)
class Usb:
    """A USB serial port: vendor and product number, and the serial number where it has one."""

    vid: int
    pid: int
    serial: str = ""


@dataclass(frozen=True, slots=True)
class Site:
    """Whom the files are made out for.

    Attributes
    ----------
    device : str
        Id of the bed.
    command : str
        How heartwire is called, with an absolute path.
    host : str
        The broker's name, as monitors call it.
    base : str
        Base topic.
    usb : Usb or None
        The bed's port; None where it is not known or none.
    """

    device: str = BED
    command: str = COMMAND
    host: str = BROKER
    base: str = BASE
    usb: Usb | None = None


@dataclass(frozen=True, slots=True)
class ServiceFile:
    """One file: where it belongs below ``/``, what to do with it, and its text for a site.

    `join` adds a site to what the file says already; None where beds have no part in it.
    """

    place: str
    hint: str
    text: Callable[[Site], str]
    join: Callable[[str, Site], str] | None = None


def unit(site: Site) -> str:
    """The systemd unit of a bed's monitor, a template: the bed is its instance."""
    return _read("heartwire@.service").replace(f"ExecStart={COMMAND} ", f"ExecStart={site.command} ")


def udev(site: Site) -> str:
    """Rules for serial ports, and for the bed's own port a name after the bed."""
    return _with_own_port(_read("70-heartwire.rules"), site)


def _with_own_port(text: str, site: Site) -> str:
    if site.usb is None:
        return text
    match = f'ATTRS{{idVendor}}=="{site.usb.vid:04x}", ATTRS{{idProduct}}=="{site.usb.pid:04x}"'
    if site.usb.serial:
        match += f', ATTRS{{serial}}=="{_literal(site.usb.serial)}"'
    own = (
        f'# The port of {site.device}.\nENV{{HEARTWIRE}}=="1", {match}, SYMLINK+="heartwire/{site.device}"\n'
    )
    end = 'LABEL="heartwire_end"'
    return text if own in text else text.replace(end, own + end)


def mosquitto(site: Site) -> str:
    """The broker's configuration."""
    try:
        ipaddress.ip_address(site.host)
    except ValueError:
        name = f"DNS:{site.host}"
    else:
        name = f"IP:{site.host}"
    return _read("mosquitto.conf").replace(f"DNS:{BROKER}", name).replace(BROKER, site.host)


def acl(site: Site) -> str:
    """Who may do what at the broker."""
    return _for_base(_read("mosquitto.acl"), site).replace(BED, site.device)


def _with_own_users(text: str, site: Site) -> str:
    """The users of a bed are added to those of the others."""
    if re.search(rf"^user {site.device}$", text, re.MULTILINE):
        return text
    blocks = [block for block in _read("mosquitto.acl").split("\n\n") if f"{BED}\n" in block]
    own = _for_base("\n\n".join(blocks), site).replace(BED, site.device)
    return f"{text.rstrip()}\n\n{own}\n"


def _for_base(text: str, site: Site) -> str:
    return re.sub(rf"^(topic \w+ ){BASE}/", rf"\g<1>{site.base}/", text, flags=re.MULTILINE)


def dockerfile(site: Site) -> str:
    """The recipe of a container, the same for all."""
    return _read("Dockerfile")


SERVICE_FILES = (
    ServiceFile(
        "etc/systemd/system/heartwire@.service",
        "systemctl daemon-reload && systemctl enable --now heartwire@{device}",
        unit,
    ),
    ServiceFile(
        "etc/udev/rules.d/70-heartwire.rules",
        "udevadm control --reload && udevadm trigger --action=add, or plug the device in again",
        udev,
        _with_own_port,
    ),
    ServiceFile(
        "etc/mosquitto/conf.d/heartwire.conf",
        "make certificates and passwords as it says, then systemctl restart mosquitto",
        mosquitto,
    ),
    ServiceFile("etc/mosquitto/heartwire.acl", "chown mosquitto, chmod 0600", acl, _with_own_users),
)
"""What `heartwire init --service` writes."""


def _literal(text: str) -> str:
    """`text` for a match of udev, where ``* ? [ |`` and quotes mean more than themselves."""
    return re.sub(r"[^\w .:/+-]", "?", text)


def _read(name: str) -> str:
    return (FILES / name).read_text(encoding="utf-8")
