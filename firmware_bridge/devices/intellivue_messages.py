"""The messages of Philips' IntelliVue Data Export protocol, both ways: frames, association, polls, sample arrays. Pure.

On the serial line a message goes as ``C0 | 11 01 length | message | check, low byte first | C1``; of what is between,
C0, C1 and 7D are sent as 7D and the byte with bit 5 turned over. The check is that of PPP (RFC 1662), over header and
message. Inside all is big-endian, every list being a count, a length in bytes, and its parts.

Sources: xeonfusion/VSCaptureMP (Class1.cs to Class3.cs); the constants and the page numbers named here are those of
Philips' Data Export Interface Programming Guide, as quoted there and by other programs.
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from firmware_bridge.checksums import KINDS

START, END, ESCAPE = b"\xc0", b"\xc1", b"\x7d"
LINE_HEADER = struct.Struct(">BBH")
PROTOCOL, DATA_EXPORT = 0x11, 0x01
MAX_MESSAGE = 1500
"""The longest are 1456 bytes."""
MAX_ESCAPED = 2 * (MAX_MESSAGE + LINE_HEADER.size + 2) + 2
_CHECK = KINDS["crc16-x25"].over
_ESCAPED = re.compile(b"\x7d(.)", re.DOTALL)
_SPECIAL = re.compile(b"[\x7d\xc0\xc1]")

ASSOCIATE, ACCEPT, REFUSE, RELEASE, RELEASED, ABORT = 0x0D, 0x0E, 0x0C, 0x09, 0x0A, 0x19
"""First bytes of the messages that begin and end an association."""
DATA = 0xE1
INVOKE, RESULT, ERROR, LINKED = 1, 2, 3, 5
EVENT, GET, SET, ACTION = 1, 3, 5, 7
CREATED, POLL, EXTENDED_POLL = 0x0D06, 0x0C16, 0xF13B
MDS, SAMPLES, ALERTS = 0x21, 0x09, 0x36
"""Classes of objects: the monitor, its real-time sample arrays, its alerts."""
STATIC_GROUP = 0x0811
LABEL, SPEC, SCALE, FIXED, PERIOD = 0x0924, 0x096D, 0x096F, 0x0A16, 0x098D
OBSERVED, COMPOUND = 0x096E, 0x0967
POLL_PERIOD, PRIORITIES, PROFILE = 0xF13E, 0xF23A, 0xF001
WAVES_GRANTED = 0x08000000
"""Bit of the extended poll profile: waves may be polled (p. 71)."""
INVALID_MASK, PACER_MASK, SATURATION = 1, 2, 4
"""What bits of a sample may mean (p. 83)."""
TICKS_HZ = 8000
"""The monitor's clock counts 125 us."""

REQUEST = bytes.fromhex(
    "0dff01280508130100160102800014020002c1ff01163180a0808001010000a2"
    "80a003000001a480308002010106045201000130800602510100000000308002"
    "0102060c2a8648ce14020100000001013080060c2a8648ce1402010000000201"
    "00000000000061803080020101a0806080a180060c2a8648ce14020100000003"
    "010000be802880060c2a8648ce14020100000001010201028182008080000000"
    "4000000000000000800000002000000000000000000200640001002880000000"
    "00000fa0000005b0000005b0ffffffff600000000001000cf00100088e000000"
    "000000000102003400060030000100210000000100010006000000c900010009"
    "0000003c00010005000000100001002a00000001000100360000000100000000"
    "000000000000000000000000"
)
"""The request for an association with numerics and waves, as VSCaptureMP sends it."""
RELEASE_REQUEST = bytes.fromhex("0918c11661803080020101a08062808001000000000000000000")
RELEASE_RESPONSE = bytes.fromhex("0a18c11661803080020101a08063808001000000000000000000")
ABORT_REQUEST = bytes.fromhex(
    "192e110103c129a080a0803080020101060251010000000061803080020101a08064808001010000000000000000"
)
REFUSAL = bytes.fromhex("0c020000")
_RESPONSE = bytes.fromhex(
    "3180a0808001010000a280a003000001a58030808001008102510100003080800100810c2a8648ce140201000000"
    "02010000000061803080020101a0806180a180060c2a8648ce14020100000003010000a203020100a305a1030201"
    "00be80288002010281"
)
"""Head of the answer that accepts (p. 299)."""
_SESSION = bytes.fromhex("0508130100160102800014020002")


# -- frames ----------------------------------------------------------------------------------------------


def framed(message: bytes) -> bytes:
    """`message` as it goes over the serial line."""
    content = LINE_HEADER.pack(PROTOCOL, DATA_EXPORT, len(message)) + message
    content += _CHECK(content).to_bytes(2, "little")
    return START + _SPECIAL.sub(lambda found: bytes([0x7D, found[0][0] ^ 0x20]), content) + END


def unframed(content: bytes) -> bytes | None:
    """The message in what stands between start and end; None for what is damaged or was broken off."""
    if ESCAPE in content:
        if content.endswith(ESCAPE):
            return None
        content = _ESCAPED.sub(lambda found: bytes([found[1][0] ^ 0x20]), content)
    if len(content) <= LINE_HEADER.size + 2:
        return None
    protocol, kind, length = LINE_HEADER.unpack_from(content)
    if (protocol, kind, length + LINE_HEADER.size + 2) != (PROTOCOL, DATA_EXPORT, len(content)):
        return None
    if _CHECK(content[:-2]) != content[-2] | content[-1] << 8:
        return None
    return content[LINE_HEADER.size : -2]


# -- messages --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Operation:
    """A message within an association: request, result or linked result; its number, command and body."""

    kind: int
    invoke: int
    command: int
    body: bytes

    def to_bytes(self) -> bytes:
        """The message."""
        inner = struct.pack(">HHH", self.invoke, self.command, len(self.body)) + self.body
        if self.kind == LINKED:
            inner = b"\x01\x01" + inner
        return b"\xe1\x00\x00\x02" + struct.pack(">HH", self.kind, len(inner)) + inner


def read_operation(message: bytes) -> Operation | None:
    """The operation in `message`; None where it is none, or contradicts itself."""
    if len(message) < 14 or message[0] != DATA:
        return None
    kind, length = struct.unpack_from(">HH", message, 4)
    at = 10 if kind == LINKED else 8
    if length != len(message) - 8 or len(message) < at + 6:
        return None
    if kind == ERROR:
        invoke, code = struct.unpack_from(">HH", message, at)
        return Operation(kind, invoke, code, message[at + 4 :])
    invoke, command, length = struct.unpack_from(">HHH", message, at)
    body = message[at + 6 :]
    return Operation(kind, invoke, command, body) if len(body) == length else None


def listed(parts: Iterable[bytes]) -> bytes:
    """A list: count, length, and its parts."""
    made = list(parts)
    content = b"".join(made)
    return struct.pack(">HH", len(made), len(content)) + content


def attributes(pairs: Iterable[tuple[int, bytes]]) -> bytes:
    """A list of attributes."""
    return listed(struct.pack(">HH", kind, len(value)) + value for kind, value in pairs)


def read_attributes(data: bytes, at: int) -> tuple[dict[int, bytes], int]:
    """The attributes of the list at `at`, and where it ends. Raises struct.error where it is cut short."""
    n, length = struct.unpack_from(">HH", data, at)
    at += 4
    end = at + length
    found: dict[int, bytes] = {}
    for _ in range(n):
        kind, size = struct.unpack_from(">HH", data, at)
        at += 4 + size
        if at > end or end > len(data):
            raise struct.error("an attribute is longer than its list")
        found[kind] = data[at - size : at]
    return found, end


_MONITOR = struct.pack(">HHH", MDS, 0, 0)


def _action(invoke: int, kind: int, body: bytes) -> bytes:
    return Operation(
        INVOKE, invoke, ACTION, _MONITOR + struct.pack(">IHH", 0, kind, len(body)) + body
    ).to_bytes()


def poll_waves(seconds: int, invoke: int = 4, number: int = 3) -> bytes:
    """Ask for all waves of the priority list for so many seconds (p. 59), with what describes them."""
    period = attributes([(POLL_PERIOD, struct.pack(">I", seconds * TICKS_HZ))])
    return _action(invoke, EXTENDED_POLL, struct.pack(">HHHH", number, 1, SAMPLES, 0) + period)


def keep_alive(invoke: int = 7) -> bytes:
    """A poll with a short answer, which tells the monitor that somebody listens (p. 63)."""
    return _action(invoke, POLL, struct.pack(">HHHH", 1, 1, ALERTS, STATIC_GROUP))


def set_priorities(labels: Iterable[int], invoke: int = 0) -> bytes:
    """Choose the waves (p. 64)."""
    value = listed(struct.pack(">I", label) for label in labels)
    entry = struct.pack(">HHH", 0, PRIORITIES, len(value)) + value
    body = _MONITOR + struct.pack(">I", 0) + listed([entry])
    return Operation(INVOKE, invoke, SET, body).to_bytes()


def read_priorities(body: bytes) -> list[int]:
    """The labels that a `set_priorities` chooses."""
    return [label for (label,) in struct.iter_unpack(">I", body[24 : 24 + (len(body) - 24) // 4 * 4])]


def created_result(event: Operation) -> bytes:
    """The answer that the monitor waits for after it has told that its object is there (p. 111)."""
    body = event.body[:10] + struct.pack(">HH", CREATED, 0)
    return Operation(RESULT, event.invoke, EVENT, body).to_bytes()


def created_event(ticks: int, invoke: int = 1) -> bytes:
    """The monitor's object is there (p. 111), with as few attributes as it can have."""
    info = _MONITOR + attributes([(0x098F, struct.pack(">I", ticks))])
    body = _MONITOR + struct.pack(">IHH", ticks, CREATED, len(info)) + info
    return Operation(INVOKE, invoke, EVENT, body).to_bytes()


def acceptance() -> bytes:
    """The monitor's answer that accepts an association with waves (p. 73)."""
    extension = attributes([(PROFILE, struct.pack(">IHH", 0x80000000 | WAVES_GRANTED, 0, 0))])
    profile = struct.pack(">IIIIII", 0x80000000, 4000, 1456, 1456, 0xFFFFFFFF, 0x60000000) + extension
    info = struct.pack(">IIIII", 0x80000000, 0x40000000, 0, 0x00800000, 0x20000000)
    info += attributes([]) + attributes([(1, profile)])
    inner = _RESPONSE + bytes([len(info)]) + info + bytes(16)
    content = _SESSION + b"\xc1" + bytes([len(inner)]) + inner
    return bytes([ACCEPT, len(content)]) + content


def grants_waves(message: bytes) -> bool:
    """Whether an acceptance lets waves be polled; also where it does not say."""
    at = message.find(struct.pack(">HH", PROFILE, 8))
    if at < 0 or len(message) < at + 8:
        return True
    return bool(struct.unpack_from(">I", message, at + 4)[0] & WAVES_GRANTED)


# -- results of a poll -----------------------------------------------------------------------------------

_REPLY = struct.Struct(">HHI8sHHH")
_REPLY_AT = 10
_POLLED = struct.Struct(">HH")


@dataclass(frozen=True, slots=True)
class Polled:
    """Result of an extended poll: its number, the clock at its first sample [1/8000 s], the objects' attributes."""

    sequence: int
    ticks: int
    objects: tuple[dict[int, bytes], ...]


def read_polled(operation: Operation) -> Polled | None:
    """The waves in a result, or no object at all in one about something else; None where it is damaged."""
    body = operation.body
    if len(body) < _REPLY_AT + _REPLY.size + 4:
        return None
    if _POLLED.unpack_from(body, 6)[0] != EXTENDED_POLL:
        return Polled(0, 0, ())
    _, sequence, ticks, _, _, kind, _ = _REPLY.unpack_from(body, _REPLY_AT)
    if kind != SAMPLES:
        return Polled(sequence, ticks, ())
    try:
        return Polled(sequence, ticks, tuple(_objects(body, _REPLY_AT + _REPLY.size)))
    except struct.error:
        return None


def _objects(body: bytes, at: int) -> Iterator[dict[int, bytes]]:
    n_contexts = struct.unpack_from(">H", body, at)[0]
    at += 4
    for _ in range(n_contexts):
        _, n, _ = struct.unpack_from(">HHH", body, at)
        at += 6
        for _ in range(n):
            found, at = read_attributes(body, at + 2)
            yield found


def polled(sequence: int, ticks: int, objects: Iterable[Iterable[tuple[int, bytes]]]) -> bytes:
    """A result with the attributes of `objects`, which share a handle as all ECG waves do (p. 286)."""
    observations = [struct.pack(">H", 1) + attributes(pairs) for pairs in objects]
    contexts = [struct.pack(">H", 0) + listed(observations)] if observations else []
    reply = _REPLY.pack(3, sequence & 0xFFFF, ticks & 0xFFFFFFFF, b"\xff" * 8, 1, SAMPLES, 0) + listed(
        contexts
    )
    body = _MONITOR + struct.pack(">HH", EXTENDED_POLL, len(reply)) + reply
    return Operation(RESULT, 4, ACTION, body).to_bytes()


@dataclass(frozen=True, slots=True)
class Wave:
    """Samples of one lead: what they are of, the state of the measurement, and their bytes."""

    source: int
    state: int
    data: bytes

    def to_bytes(self) -> bytes:
        """An observed value (p. 87)."""
        return struct.pack(">HHH", self.source, self.state, len(self.data)) + self.data


def read_waves(found: dict[int, bytes]) -> list[Wave]:
    """The waves among an object's attributes. Raises struct.error where one is cut short."""
    waves = [_wave(found[OBSERVED], 0)] if OBSERVED in found else []
    if COMPOUND in found:
        data, at = found[COMPOUND], 4
        for _ in range(struct.unpack_from(">H", data)[0]):
            waves.append(_wave(data, at))
            at += 6 + len(waves[-1].data)
    return waves


def _wave(data: bytes, at: int) -> Wave:
    source, state, n = struct.unpack_from(">HHH", data, at)
    if len(data) < at + 6 + n:
        raise struct.error("a wave is cut short")
    return Wave(source, state, data[at + 6 : at + 6 + n])


def read_float(data: bytes, at: int) -> float:
    """The number at `at`: an exponent of ten (i8) and a mantissa (i24); its four words are not numbers (p. 40)."""
    mantissa = int.from_bytes(data[at + 1 : at + 4], "big", signed=True)
    if abs(mantissa) >= 0x7FFFFD:
        return math.nan
    exponent = data[at] - 256 if data[at] > 127 else data[at]
    return float(mantissa) * 10.0**exponent


def write_float(value: float, exponent: int) -> bytes:
    """`value` with an exponent of ten."""
    mantissa = round(value / 10.0**exponent)
    return struct.pack(">b", exponent) + mantissa.to_bytes(3, "big", signed=True)
