"""``python -m train``: from databases to artefacts, a sub-command a step, each in the module of its name."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys

from firmware_bridge.types import BadInput

#: Sub-command to the module whose ``main(argv)`` it is, and what it does.
COMMANDS = {
    "download": ("train.download", "fetch the databases from PhysioNet"),
    "cache": ("train.dataset", "filter the databases once, for all trainings"),
    "fit": ("train.fit", "train a model"),
    "quantise": ("train.quantise", "make the int8 artefacts"),
    "card": ("train.card", "write the model card"),
    "strips": ("train.strips", "draw what the monitor is bad at, for the model card"),
    "ship": ("train.ship", "all of it: from the databases to the shipped artefacts"),
    "evaluate": ("train.cli_evaluate", "score the monitor on labelled records"),
    "export": ("train.export", "write the artefacts for other runtimes"),
    "parity": ("train.chip_parity", "hold the exported C against the monitor, for hours"),
    "study": ("train.study", "run the CNN-or-RNN experiments"),
}


def available() -> dict[str, str]:
    """The sub-commands whose module is there, and what each does. Nothing is imported."""
    return {
        name: text
        for name, (module, text) in COMMANDS.items()
        if importlib.util.find_spec(module) is not None
    }


def main(argv: list[str] | None = None) -> int:
    """Hand over to the sub-command named first. Returns the exit status; 2 for a user's mistake."""
    words = sys.argv[1:] if argv is None else argv
    known = available()
    usage = "usage: python -m train COMMAND ...\n" + "".join(
        f"  {name:<10} {known[name]}\n" for name in known
    )
    if not words or words[0] in ("-h", "--help"):
        print(usage, end="", file=sys.stdout if words else sys.stderr)
        return 0 if words else 2
    if words[0] not in known:
        print(f"train: unknown command {words[0]!r}: expected one of {', '.join(known)}", file=sys.stderr)
        return 2
    try:
        return int(importlib.import_module(COMMANDS[words[0]][0]).main(words[1:]) or 0)
    except BadInput as error:
        print(f"train: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # who read the output has heard enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


if __name__ == "__main__":
    sys.exit(main())
