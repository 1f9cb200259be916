"""What is wrong with the bytes of a link, in words, at most once a minute. Pure: time is an argument."""

from __future__ import annotations

from edge.throttle import Throttle
from firmware_bridge.types import LinkStats

RUBBISH_BYTES = 500
"""More bytes than this without a sample are worth a line."""


class LinkReport:
    """Follows a decoder's counts."""

    def __init__(self) -> None:
        self._rarely = Throttle(1, 60.0)
        self._n_bytes_heard = self._n_errors_told = 0

    def push(self, stats: LinkStats, silent: bool, now_s: float) -> list[tuple[str, str]]:
        """The counts as they stand; gives (kind, detail) of bytes that are no frames and frames that are damaged."""
        out = []
        if not silent:
            self._n_bytes_heard = stats.n_bytes
        elif (
            stats.n_bytes - self._n_bytes_heard > RUBBISH_BYTES
            and self._rarely.push("rubbish", now_s) is not None
        ):
            n = stats.n_bytes - self._n_bytes_heard
            out.append(("rubbish", f"{n} bytes and no sample in them: wrong --format or --baud?"))
        bad = stats.n_crc + stats.n_resync + stats.n_unknown + stats.n_rejected + stats.n_duplicate
        if bad > self._n_errors_told and self._rarely.push("link_errors", now_s) is not None:
            self._n_errors_told = bad
            detail = f"crc {stats.n_crc}, resync {stats.n_resync}, unknown {stats.n_unknown}"
            rest = f"rejected {stats.n_rejected}, duplicate {stats.n_duplicate}, lost {stats.n_lost}"
            out.append(("link_errors", f"so far: {detail}, {rest}"))
        return out
