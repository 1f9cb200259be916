"""The files of a service: systemd reads the unit, the rules give a board its name and rights, the recipe is whole."""

from __future__ import annotations

import fnmatch
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from edge.cli import verbs
from edge.doctor.usb import MAKERS
from edge.service.catalogue import FILES, SERVICE_FILES, Site, Usb, acl, dockerfile, mosquitto, udev, unit

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[3]
BY_PLACE = {Path(one.place).name: one for one in SERVICE_FILES}


# -- systemd -----------------------------------------------------------------------------------------------


@pytest.fixture
def analyze(tmp_path: Path) -> Any:
    """Runs systemd-analyze with these words in a folder with the unit, whose program is there."""
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("no systemd-analyze on this machine (apt-get install systemd)")
    text = unit(Site(command=f"{sys.executable} -m edge.cli"))
    (tmp_path / "heartwire@.service").write_text(text)
    (tmp_path / "heartwire-bed4.service").write_text(text)

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([program, *words], cwd=tmp_path, capture_output=True, text=True, timeout=60)

    return run


def test_unit_when_systemd_reads_it_then_it_has_nothing_to_say(analyze: Any, tmp_path: Path) -> None:
    done = analyze("verify", "--man=no", str(tmp_path / "heartwire@bed4.service"))
    ours = [line for line in done.stderr.splitlines() if "heartwire" in line]
    assert (done.returncode, ours) == (0, []), done.stderr


def test_unit_when_a_key_of_it_were_wrong_then_systemd_would_say_so(analyze: Any, tmp_path: Path) -> None:
    path = tmp_path / "heartwire@.service"
    path.write_text(path.read_text().replace("WatchdogSec=", "WatchdogSecs="))
    assert "WatchdogSecs" in analyze("verify", "--man=no", str(tmp_path / "heartwire@bed4.service")).stderr


def test_unit_when_its_sandbox_is_judged_then_little_is_exposed(analyze: Any, tmp_path: Path) -> None:
    words = ["security", "--offline=true", "--threshold=25", "--no-pager"]
    done = analyze(*words, str(tmp_path / "heartwire-bed4.service"))
    assert done.returncode == 0, done.stdout[-300:] + done.stderr


def test_unit_when_read_then_watched_never_given_up_and_each_of_its_words_is_a_verbs() -> None:
    lines = unit(Site(command="/usr/bin/heartwire")).splitlines()
    keys = dict(line.partition("=")[::2] for line in lines if line[:1].isupper())
    assert (keys["Type"], keys["WatchdogSec"], keys["Restart"]) == ("notify", "10", "always")
    assert keys["StartLimitIntervalSec"] == "0"
    assert keys["ExecStart"] == "/usr/bin/heartwire run -c /etc/heartwire/%i.toml"


# -- udev --------------------------------------------------------------------------------------------------

TOKEN = re.compile(r'([A-Z_]+)(?:\{([^}]+)\})?(==|!=|\+=|=)"([^"]*)"')
MATCHES = {"ACTION", "SUBSYSTEM", "KERNEL", "DRIVER", "ATTRS", "ENV"}
SETS = {"ATTR", "GROUP", "MODE", "ENV", "SYMLINK", "GOTO", "LABEL"}


def rules_of(text: str) -> list[list[tuple[str, str, str, str]]]:
    """The rules of a file, each as its tokens; fails on what udev would not read."""
    rules = []
    for line in text.splitlines():
        if not line or line.startswith("#"):
            continue
        tokens = [m.groups(default="") for m in TOKEN.finditer(line)]
        assert ", ".join(m[0] for m in TOKEN.finditer(line)) == line
        for key, _, op, _ in tokens:
            assert key in (MATCHES if op in ("==", "!=") else SETS), line
        rules.append(tokens)
    labels = {value for rule in rules for key, _, _, value in rule if key == "LABEL"}
    assert {value for rule in rules for key, _, _, value in rule if key == "GOTO"} <= labels
    return rules  # type: ignore[return-value]


def outcome(text: str, **device: str) -> dict[str, list[str]]:
    """What the rules do to a device (udev(7)): its properties as key=value, ATTRS_x its parents' attributes."""
    done: dict[str, list[str]] = {}
    env, skip = {key[4:]: value for key, value in device.items() if key.startswith("ENV_")}, ""
    for rule in rules_of(text):
        label = [value for key, _, _, value in rule if key == "LABEL"]
        if skip and skip not in label:
            continue
        skip = ""
        for key, name, op, value in rule:
            if op in ("==", "!="):
                there = (
                    env.get(name, "") if key == "ENV" else device.get(f"{key}_{name}" if name else key, "")
                )
                if any(fnmatch.fnmatchcase(there, one) for one in value.split("|")) is (op == "!="):
                    break
            elif key == "ENV":
                env[name] = value
            elif key == "GOTO":
                skip = value
            elif key != "LABEL":
                value = re.sub(r"\$env\{(\w+)\}", lambda m: env.get(m[1], ""), value)
                done.setdefault(f"{key}{name and '_' + name}", []).append(value)
    done["ENV"] = [f"{key}={value}" for key, value in env.items()]
    return done


def tty(vid: int, **more: str) -> dict[str, str]:
    known = {"ACTION": "add", "SUBSYSTEM": "tty", "KERNEL": "ttyUSB0", "ATTRS_idVendor": f"{vid:04x}"}
    return {**known, "ENV_ID_SERIAL": "Arduino_Uno_95", **more}


@pytest.mark.parametrize("vid", sorted(MAKERS), ids=lambda vid: MAKERS[vid][0])
def test_rules_when_a_known_maker_is_plugged_in_then_group_name_and_no_modem(vid: int) -> None:
    done = outcome(udev(Site()), **tty(vid))
    assert (done["GROUP"], done["MODE"]) == (["dialout"], ["0660"])
    assert done["SYMLINK"] == ["heartwire/Arduino_Uno_95"]
    assert {"ID_MM_DEVICE_IGNORE=1", "ID_MM_PORT_IGNORE=1"} <= set(done["ENV"])


@pytest.mark.parametrize(
    "device",
    [
        tty(0x046D),
        tty(0x0403, SUBSYSTEM="hidraw"),
        tty(0x0403, KERNEL="ttyS0"),
        tty(0x0403, ACTION="remove"),
    ],
    ids=["another maker", "no port", "no USB port", "pulled out"],
)
def test_rules_when_it_is_none_of_ours_then_nothing_is_done(device: dict[str, str]) -> None:
    assert set(outcome(udev(Site()), **device)) == {"ENV"}


def test_rules_when_an_ftdi_chip_comes_then_it_holds_nothing_back() -> None:
    chip = {"ACTION": "add", "SUBSYSTEM": "usb-serial", "DRIVER": "ftdi_sio"}
    assert outcome(udev(Site()), **chip)["ATTR_latency_timer"] == ["1"]
    assert "ATTR_latency_timer" not in outcome(udev(Site()), **{**chip, "DRIVER": "ch341"})


def test_rules_when_the_beds_port_is_known_then_it_has_the_beds_name_and_other_beds_keep_theirs() -> None:
    one = udev(Site("bed4", usb=Usb(0x2341, 0x43, "95,6\n")))
    both = BY_PLACE["70-heartwire.rules"].join
    assert both is not None
    text = both(one, Site("bed5", usb=Usb(0x0403, 0x6001)))
    assert both(text, Site("bed5", usb=Usb(0x0403, 0x6001))) == text
    assert both(text, Site("bed6")) == text
    uno = tty(0x2341, ATTRS_idProduct="0043", ATTRS_serial="95,6\n")
    assert outcome(text, **uno)["SYMLINK"] == ["heartwire/Arduino_Uno_95", "heartwire/bed4"]
    cable = tty(0x0403, ATTRS_idProduct="6001")
    assert outcome(text, **cable)["SYMLINK"][1:] == ["heartwire/bed5"]


def test_rules_when_udevadm_can_judge_then_it_finds_nothing(tmp_path: Path) -> None:
    """`udevadm verify` came with systemd 254; where it is missing the reader above is all there is."""
    path = tmp_path / "70-heartwire.rules"
    path.write_text(udev(Site("bed4", usb=Usb(0x2341, 0x43, "95"))))
    rules_of(path.read_text())
    program = shutil.which("udevadm", path="/usr/bin:/usr/sbin:/bin:/sbin")
    if program and subprocess.run([program, "verify", "--help"], capture_output=True).returncode == 0:
        done = subprocess.run([program, "verify", "--no-style", str(path)], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr


# -- the broker's files, made out ----------------------------------------------------------------------------


def test_acl_when_another_bed_comes_then_added_and_nobody_loses_anything() -> None:
    join = BY_PLACE["heartwire.acl"].join
    assert join is not None
    one = acl(Site("bed4", base="w/7"))
    both = join(one, Site("bed5", base="w/7"))
    assert both.startswith(one.rstrip())
    assert join(both, Site("bed5")) == both
    for bed in ("bed4", "bed5"):
        assert f"user {bed}\ntopic readwrite w/7/{bed}/#\n" in both
        assert both.count(f"user board-{bed}\ntopic write in/{bed}/#\n") == 1
    assert both.count("user viewer\n") == both.count("user nurse\n") == 1


def test_broker_when_it_has_a_name_or_an_address_then_its_certificate_says_which() -> None:
    assert 'printf "subjectAltName=DNS:mqtt.home"' in mosquitto(Site(host="mqtt.home"))
    assert 'printf "subjectAltName=IP:127.0.0.1"' in mosquitto(Site(host="127.0.0.1"))


# -- the container -----------------------------------------------------------------------------------------


def instructions() -> list[str]:
    """The recipe's instructions, each in one line."""
    text = dockerfile(Site()).replace("\\\n", " ")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def test_recipe_when_read_then_all_that_it_copies_is_there_and_is_all_that_is_needed() -> None:
    copied = [line.split()[1:-1] for line in instructions() if re.match(r"COPY (?!--from)", line)]
    names = {name for group in copied for name in group}
    assert [name for name in names if not (ROOT / name).exists()] == []
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert {project["project"]["readme"], "pyproject.toml"} <= names
    wanted = {pattern.rstrip("*") for pattern in project["tool"]["setuptools"]["packages"]["find"]["include"]}
    assert wanted <= names


def test_recipe_when_it_installs_then_as_the_readme_does() -> None:
    (install,) = re.findall(r"pip install (?:--no-cache-dir )?('\S+')", "\n".join(instructions()))
    assert f"pip install {install} " in (ROOT / "README.md").read_text()


def test_recipe_when_it_runs_then_nobody_special_runs_a_real_verb_and_a_real_check() -> None:
    lines = instructions()
    assert [line for line in lines if line.startswith("USER")] == ["USER heartwire"]
    assert lines.index("USER heartwire") < lines.index('ENTRYPOINT ["heartwire"]')
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    assert "heartwire" in scripts
    started = dockerfile(Site()).replace("\\\n#", "").split("FROM")[0].split("docker run ")[1:]
    assert [re.findall(r" heartwire (\w+) ", line)[-1] for line in started] == ["demo", "run"]
    assert {"demo", "run"} <= set(verbs())
    (check,) = [line for line in lines if line.startswith("HEALTHCHECK")]
    assert '["python3", "-m", "edge.io.health"]' in check
    assert all(line.startswith("FROM python:3.11-slim") for line in lines if line.startswith("FROM"))


def test_files_when_installed_then_each_is_among_the_packages_data() -> None:
    data = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]["edge"]
    assert "service/files/*" in data
    assert {path.name for path in FILES.iterdir()} == {
        *("heartwire@.service", "70-heartwire.rules", "mosquitto.conf", "mosquitto.acl", "Dockerfile"),
    }
