from __future__ import annotations

from firmware_bridge.devices.asking import AGAIN_S, Opening


def asked(opening: Opening, times: list[float]) -> list[bytes]:
    return [opening.ask(t) for t in times]


def test_commands_when_nobody_speaks_then_one_after_the_other() -> None:
    opening = Opening((b"a", b"b"))
    assert asked(opening, [0.0, 0.1, 0.2, 0.3, 0.4, 1.0]) == [b"", b"", b"a", b"", b"b", b""]


def test_commands_when_still_nobody_speaks_then_again() -> None:
    opening = Opening((b"a", b"b"))
    asked(opening, [0.0, 0.25, 0.5])
    assert asked(opening, [0.5 + AGAIN_S, 0.75 + AGAIN_S]) == [b"a", b"b"]


def test_commands_when_the_device_speaks_already_then_none() -> None:
    opening = Opening((b"a",))
    opening.ask(0.0)
    opening.heard(0.1)
    assert asked(opening, [0.25, 1.0, 3.0]) == [b"", b"", b""]
    assert opening.ask(3.2) == b"a"


def test_commands_when_there_are_none_then_nothing_ever() -> None:
    assert asked(Opening(()), [0.0, 10.0]) == [b"", b""]


def test_commands_when_the_link_is_opened_again_then_from_the_beginning() -> None:
    opening = Opening((b"a", b"b"))
    asked(opening, [0.0, 0.25])
    opening.reset()
    assert asked(opening, [1.0, 1.25]) == [b"", b"a"]


def test_commands_when_told_to_take_their_time_then_they_do_and_good_bye_is_said() -> None:
    opening = Opening((b"a", b"b"), 2.0, b"bye")
    assert asked(opening, [0.0, 0.2, 1.0, 2.0, 2.2]) == [b"", b"a", b"", b"", b"b"]
    assert opening.leave() == b"bye"
    assert Opening((b"a",)).leave() == b""
