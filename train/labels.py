"""One table: WFDB beat symbol to AAMI class.

Source: ANSI/AAMI EC57 as the WFDB program ``bxb`` applies it (its mapping of MIT annotation codes to AAMI
test labels). Two places differ from other tables in print: escape beats ``e`` and ``j`` are S here
(de Chazal 2004 has them as N), and paced beats are Q (EC57 leaves paced records out of its reports).
"""

from __future__ import annotations

from types import MappingProxyType

AAMI = ("N", "S", "V", "F", "Q")

#: WFDB symbol to AAMI class.
TABLE = MappingProxyType(
    {
        "N": "N",  # normal
        "L": "N",  # left bundle branch block
        "R": "N",  # right bundle branch block
        "B": "N",  # bundle branch block, unspecified
        "A": "S",  # atrial premature
        "a": "S",  # aberrated atrial premature
        "J": "S",  # nodal premature
        "S": "S",  # supraventricular premature, unspecified
        "e": "S",  # atrial escape
        "j": "S",  # nodal escape
        "n": "S",  # supraventricular escape
        "V": "V",  # premature ventricular contraction
        "r": "V",  # R-on-T premature ventricular contraction
        "E": "V",  # ventricular escape
        "F": "F",  # fusion of ventricular and normal
        "/": "Q",  # paced
        "f": "Q",  # fusion of paced and normal
        "Q": "Q",  # unclassifiable
        "?": "Q",  # beat of the learning period
    }
)


def aami(symbol: str) -> str | None:
    """AAMI class of a WFDB annotation symbol.

    Parameters
    ----------
    symbol : str
        One WFDB annotation symbol, such as ``"A"``.

    Returns
    -------
    str or None
        One of N S V F Q, or None where the symbol marks no beat (rhythm, noise, VF waves, comments).
    """
    return TABLE.get(symbol)
