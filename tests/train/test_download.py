from __future__ import annotations

from pathlib import Path

import pytest

from firmware_bridge.types import BadInput
from train import download


def test_main_when_database_is_unknown_then_nothing_is_fetched(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="unknown database 'ptbdb'"):
        download.main([str(tmp_path), "ptbdb"])
    assert list(tmp_path.iterdir()) == []
