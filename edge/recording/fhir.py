"""A recording as FHIR Observation, R4 or R5, with each lead as SampledData. Pure.

The lead's codes are those of ISO/IEEE 11073-10101 (MDC_ECG_ELEC_POTL and after), the units UCUM's. Values are whole
microvolts; "E" stands where there is no sample, as SampledData has it.
"""

from __future__ import annotations

from typing import Any

from edge.io.recordings import Recording
from edge.messages import iso
from edge.recording.marks import read_alarm
from edge.recording.segments import GAIN, I16, INVALID, baselines, quantised
from edge.shown import shown

RELEASES = ("r4", "r5")
_MDC = "urn:oid:2.16.840.1.113883.6.24"
_UCUM = "http://unitsofmeasure.org"
_POTENTIAL = 131328
_CODES = {"I": 1, "II": 2, "V1": 3, "V2": 4, "V3": 5, "V4": 6, "V5": 7, "V6": 8}
_CODES |= {"III": 61, "aVR": 62, "aVL": 63, "aVF": 64}
MOST_NOTES = 1000


def observation(recording: Recording, release: str) -> dict[str, Any]:
    """The resource as what JSON is made of.

    Parameters
    ----------
    recording : Recording
        What to tell. Its alarms become notes, the first `MOST_NOTES` of them.
    release : str
        ``r4`` or ``r5``.
    """
    baseline = baselines(recording.mv)
    adc = quantised(recording.mv, baseline)
    out: dict[str, Any] = {
        "resourceType": "Observation",
        "status": "final",
        "category": [
            {
                "coding": [
                    {
                        "system": "http://terminology.hl7.org/CodeSystem/observation-category",
                        "code": "procedure",
                    }
                ]
            }
        ],
        "code": {
            "coding": [{"system": "http://loinc.org", "code": "11524-6", "display": "EKG study"}],
            "text": "ECG recording",
        },
    }
    if recording.device:
        out["device"] = {"display": shown(recording.device)}
    if recording.utc_s is not None:
        out["effectivePeriod"] = {
            "start": iso(recording.utc_s),
            "end": iso(recording.utc_s + recording.seconds),
        }
    out["component"] = [
        {"code": _code(lead), "valueSampledData": _sampled(adc[:, k], baseline[k], recording.fs, release)}
        for k, lead in enumerate(recording.leads)
    ]
    if notes := _notes(recording):
        out["note"] = notes
    return out


def _code(lead: str) -> dict[str, Any]:
    name = next((known for known in _CODES if known.lower() == lead.lower().removeprefix("ml")), None)
    suffix = "" if name is None else f"_{name.upper()}"
    code = _POTENTIAL + (0 if name is None else _CODES[name])
    coding = {"system": _MDC, "code": str(code), "display": f"MDC_ECG_ELEC_POTL{suffix}"}
    return {"coding": [coding], "text": shown(lead) or "ECG"}


def _sampled(adc: I16, baseline: int, fs: float, release: str) -> dict[str, Any]:
    quantity = {"value": -baseline / GAIN, "unit": "mV", "system": _UCUM, "code": "mV"}
    period_ms = round(1000.0 / fs, 9)
    timing = {"period": period_ms} if release == "r4" else {"interval": period_ms, "intervalUnit": "ms"}
    data = " ".join("E" if value == INVALID else str(value) for value in adc.tolist())
    return {"origin": quantity, **timing, "factor": 1.0 / GAIN, "dimensions": 1, "data": data}


def _notes(recording: Recording) -> list[dict[str, str]]:
    notes: list[dict[str, str]] = []
    for mark in recording.marks:
        if len(notes) == MOST_NOTES:
            break
        if read_alarm(mark) is None:
            continue
        note = {"text": shown(mark.aux, 255)}
        if recording.utc_s is not None:
            note["time"] = iso(recording.utc_s + mark.sample / recording.fs)
        notes.append(note)
    return notes
