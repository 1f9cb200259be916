from __future__ import annotations

from edge.link_report import LinkReport
from firmware_bridge.types import LinkStats


def test_report_when_a_link_is_good_then_nothing() -> None:
    report = LinkReport()
    assert [report.push(LinkStats(n_bytes=1000 * k), False, float(k)) for k in range(100)] == [[]] * 100


def test_report_when_bytes_come_without_samples_then_rubbish_once_a_minute() -> None:
    report = LinkReport()
    report.push(LinkStats(n_bytes=5000), False, 0.0)
    said = [report.push(LinkStats(n_bytes=5000 + 400 * k), True, float(k)) for k in range(120)]
    assert [k for k, one in enumerate(said) if one] == [2, 62]
    assert said[2] == [("rubbish", "800 bytes and no sample in them: wrong --format or --baud?")]


def test_report_when_frames_are_damaged_then_their_counts_once_a_minute_and_only_if_there_are_more() -> None:
    report = LinkReport()
    ((kind, detail),) = report.push(LinkStats(n_crc=2, n_lost=3), False, 0.0)
    assert (kind, detail.partition(",")[0]) == ("link_errors", "so far: crc 2")
    assert report.push(LinkStats(n_crc=5), False, 59.0) == []
    assert len(report.push(LinkStats(n_crc=5), False, 61.0)) == 1
    assert report.push(LinkStats(n_crc=5), False, 200.0) == []
