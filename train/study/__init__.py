"""``python -m train study``: the CNN-or-RNN question, put to the test claim by claim."""

from __future__ import annotations


def main(argv: list[str] | None = None) -> int:
    """The command; see :mod:`train.study.cli`. Returns the exit status."""
    from train.study.cli import main as run

    return run(argv)
