"""Rows of the table of accuracy about atrial fibrillation from RR intervals alone.

The network that is shipped has learned from all patients of afdb, so its own figures would flatter. These are of the
networks that were fitted for the purpose, each without the patient that it was asked about: ``python -m train fit af``
makes them and leaves what they scored in the manifest.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from edge.artefact import load_networks
from firmware_bridge.types import BadInput


def table(artefacts: Path) -> dict[str, Any]:
    """The rows, by what was asked, as the manifest of ``af`` has them: percent, and who was asked.

    Raises
    ------
    BadInput
        When the manifest holds none.
    """
    manifest = load_networks(artefacts).manifests["af"]
    rows = next(iter(manifest.results.values()), None)
    if not isinstance(rows, dict) or any("se_interval_95" not in row for row in rows.values()):
        raise BadInput(
            f"{artefacts / 'af'}: no scores by patient in its manifest; fit it with python -m train fit af"
        )
    return {"patients": len(manifest.trained_on["patients"]), "rows": rows}


def cells(row: Mapping[str, Any]) -> list[str]:
    """Se and Sp: mean over seeds, 95 % interval over patients, and from seed to seed."""
    out = []
    for rate in ("se", "sp"):
        (low, high), (least, most) = row[f"{rate}_interval_95"], row[f"{rate}_seeds"]
        out.append(f"{row[rate]:.2f} [{low:.2f}, {high:.2f}], seeds {least:.2f} to {most:.2f}")
    return out


def lines(found: Mapping[str, Any]) -> Iterable[str]:
    """The rows for people."""
    yield f"AF from RR intervals, afdb, {found['patients']} patients, each by networks fitted on the others:"
    for name, row in found["rows"].items():
        se, sp = cells(row)
        yield f"  {name}: Se {se}; Sp {sp}; {row['windows']} windows"
