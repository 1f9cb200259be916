"""``heartwire watch``: all beds in a terminal, or as lines where nobody looks at a screen."""

from __future__ import annotations

import argparse
import getpass
import os
import secrets
import signal
import socket
import sys
import time
from typing import TYPE_CHECKING

from edge import config as configuration
from edge.cli.run import as_json, seconds
from edge.config_flags import add_reader_arguments
from edge.io.log import Log
from edge.io.subscription import LinkWord, Subscription
from edge.io.terminal import can_draw, read_keys, whole_screen
from edge.log_lines import Line
from edge.ward.asking import Asking
from edge.ward.beds import Ward
from edge.ward.keys import Keys
from edge.ward.lines import WardLines
from edge.ward.screen import WardScreen
from firmware_bridge.types import BadInput

if TYPE_CHECKING:
    from edge.config import MqttConfig
    from edge.io.log import Say
    from edge.io.terminal import Terminal
    from edge.ward.beds import Change

HELP = "watch all beds in a terminal: ECG, beats, numbers and alarms, read from the broker"
FRAME_S = 0.1
TICK_S = 0.25
MOST = 5000
"""Messages taken in one turn."""
STEPS = {"tab": 1, "down": 1, "n": 1, "j": 1, "back-tab": -1, "up": -1, "p": -1, "k": -1}
"""How far a key goes in the list of beds."""
START_S = 15.0
"""A refusal by the broker ends it only this soon after its start; later it keeps trying."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    add_reader_arguments(parser)
    parser.add_argument("--seconds", type=seconds, metavar="N", help="stop after N seconds")
    parser.add_argument(
        "--read-only", action="store_true", help="no key acknowledges an alarm or pauses the sound"
    )
    parser.add_argument("--plain", action="store_true", help="lines, as into a pipe, even on a terminal")
    parser.add_argument("--json", action="store_true", help="print every message as a JSON line")


def run(args: argparse.Namespace) -> int:
    """Watch until interrupted, ``q``, or for `--seconds`."""
    whole = configuration.load(args, os.environ)
    config = whole.mqtt
    if not config.host:
        raise BadInput("--mqtt none: there is nothing to watch without a broker; expected HOST:PORT")
    log = Log(whole.log_json, (config.password,))
    watch = Watch(config, log, args.read_only or not sys.stdin.isatty())
    signal.signal(signal.SIGTERM, lambda *_: watch.stop())
    end_s = None if args.seconds is None else time.monotonic() + args.seconds
    try:
        if args.json:
            watch.print_messages(end_s)
        elif args.plain or not can_draw(os.environ):
            watch.print_lines(end_s)
        else:
            with whole_screen("heartwire watch") as terminal:
                watch.draw(terminal, end_s, "NO_COLOR" not in os.environ)
    finally:
        watch.close()
    return 0


class Watch:
    """A ward that is fed from a broker, a turn at a time.

    Parameters
    ----------
    config : MqttConfig
        The broker and the base topic.
    log : callable
        Takes a line about the broker.
    read_only : bool
        Whether no key may change anything.
    """

    def __init__(self, config: MqttConfig, log: Say, read_only: bool = False) -> None:
        self._config, self._log, self._read_only = config, log, read_only
        self._ward = Ward(config.base)
        self._begun_s = time.monotonic()
        self._stop = False
        self._told = LinkWord(False)
        self._subscription = Subscription(config, self._ward.topics, lambda: None)
        self._subscription.start()

    def stop(self) -> None:
        """End at the next turn. May be called from a signal handler."""
        self._stop = True

    def close(self) -> None:
        """End the connection."""
        self._subscription.close()

    def draw(self, terminal: Terminal, end_s: float | None, colour: bool) -> None:
        """Draw all beds until it is time to end."""
        screen, keys = WardScreen(self._ward), Keys()
        asking = Asking(self._config.base, who(), secrets.token_hex(4))
        while self._goes_on(end_s):
            for key in keys.push(read_keys(FRAME_S)):
                self._stop |= key in ("q", "Q")
                screen.choose(STEPS.get(key, 0))
                if not self._read_only:
                    self._ask(key, screen, asking)
            now_s = time.monotonic()
            changes = self._changes(now_s)
            screen.push(changes)
            asking.push(changes, now_s)
            word = asking.word(now_s)
            foot = [*([word] if word else []), self._help(screen)]
            terminal.draw(screen.lines(*terminal.size(), now_s, self._head(), colour, foot))

    def _ask(self, key: str, screen: WardScreen, asking: Asking) -> None:
        """A person asks the chosen bed's monitor for something."""
        now_s, up = time.monotonic(), self._subscription.word.up
        commands = []
        if key == "a":
            commands = asking.acknowledge(screen.chosen, screen.unseen, up, now_s)
        elif key == "s":
            commands = asking.pause(screen.chosen, up, now_s)
        for topic, payload in commands:
            self._subscription.send(topic, payload)

    def _help(self, screen: WardScreen) -> str:
        """What the keys do."""
        bed = screen.chosen
        ask = "" if bed is None else f"a acknowledge alarms of {bed.name}   s its sound off, on   "
        return ("read only   " if self._read_only else ask) + "Tab next bed   q quit"

    def print_lines(self, end_s: float | None) -> None:
        """Print what happens, a line at a time."""
        lines = WardLines()
        while self._goes_on(end_s):
            time.sleep(TICK_S)
            self._tell_link()
            for line in lines.push(self._changes(time.monotonic()), time.time()):
                print(line)
            sys.stdout.flush()

    def print_messages(self, end_s: float | None) -> None:
        """Print every message as it came."""
        while self._goes_on(end_s):
            time.sleep(TICK_S)
            self._tell_link()
            for message in self._subscription.take(MOST):
                print(as_json(message.topic, message.payload, message.retain))
            sys.stdout.flush()

    def _tell_link(self) -> None:
        """A line, beside what goes into a pipe, when the broker comes or goes."""
        word = self._subscription.word
        if word not in (self._told, LinkWord(False)):
            self._told = word
            level = "info" if word.up else "warning"
            self._log(Line("broker", f"{self._where()}: {word.why or 'connected'}", level))

    def _goes_on(self, end_s: float | None) -> bool:
        """Whether there is another turn.

        Raises
        ------
        BadInput
            The broker refuses us at start.
        """
        word, now_s = self._subscription.word, time.monotonic()
        if word.refused and now_s - self._begun_s < START_S:
            raise BadInput(
                f"mqtt: the broker refused us ({word.why.removeprefix('refused: ')}); "
                "check mqtt.username and HEARTWIRE_MQTT_PASSWORD or mqtt.password_file"
            )
        return not self._stop and (end_s is None or now_s < end_s)

    def _changes(self, now_s: float) -> list[Change]:
        out: list[Change] = []
        for message in self._subscription.take(MOST):
            out += self._ward.push(message.topic, message.payload, message.retain, now_s)
        return out + self._ward.tick(now_s)

    def _head(self) -> str:
        """Where from, and whether it is there; a clock, for a screen that stands still is to be seen as one."""
        word, clock = self._subscription.word, time.strftime("%H:%M:%S")
        return f"{clock}  {self._where()}" if word.up else f"{clock}  {self._where()} BROKER AWAY: {word.why}"

    def _where(self) -> str:
        return self._config.place


def who() -> str:
    """The person at this terminal, as far as the system knows: user@host."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a user without a name
        user = f"user {os.getuid()}"
    return f"{user}@{socket.gethostname()}"
