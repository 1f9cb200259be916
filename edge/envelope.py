"""MQTT messages as a stream of bytes, so that MQTT is a source like any other. Pure.

One envelope a message: u32 LE length of the payload, u8 length of the suffix, the suffix (last level of the
topic), the payload.
"""

from __future__ import annotations

import struct

from firmware_bridge.device import DecoderOptions
from firmware_bridge.mqtt_payload import MAX_BYTES, PayloadDecoder
from firmware_bridge.types import DeviceBeat, Firmware, Gap, LinkStats, SampleBlock

_HEAD = struct.Struct("<IB")


def wrap(suffix: str, payload: bytes) -> bytes:
    """The envelope of one message. The suffix is cut at 255 bytes, a payload over `MAX_BYTES` at one more."""
    name = suffix.encode("utf-8", "replace")[:255]
    cut = payload[: MAX_BYTES + 1]
    return _HEAD.pack(len(cut), len(name)) + name + cut


class EnvelopeDecoder:
    """Envelopes, cut anywhere, to samples. See `firmware_bridge.device.Decoder`."""

    def __init__(self, options: DecoderOptions) -> None:
        self._payloads = PayloadDecoder(options)
        self._buffer = bytearray()
        self.stats: LinkStats = self._payloads.stats

    def feed(self, data: bytes, t_s: float | None = None) -> list[SampleBlock | Gap]:
        """Take the next bytes, give what they complete."""
        buffer = self._buffer
        buffer += data
        out: list[SampleBlock | Gap] = []
        at = 0
        while len(buffer) - at >= _HEAD.size:
            n, n_name = _HEAD.unpack_from(buffer, at)
            begin = at + _HEAD.size + n_name
            if len(buffer) < begin + n:
                break
            name = buffer[at + _HEAD.size : begin].decode("utf-8", "replace")
            out += self._payloads.feed(name, bytes(buffer[begin : begin + n]), t_s)
            at = begin + n
        del buffer[:at]
        return out

    def told(self) -> list[DeviceBeat | Firmware]:
        """See `firmware_bridge.device.Teller`."""
        return self._payloads.told()

    def reset(self) -> None:
        """The link was opened again."""
        self._buffer.clear()
        self._payloads.reset()
