"""``python -m train.ec57 bxb|rxr|epicmp|mxm|sumstats``; see :mod:`train.ec57.cli`."""

from __future__ import annotations

import sys

from train.ec57.cli import main

if __name__ == "__main__":
    sys.exit(main())
