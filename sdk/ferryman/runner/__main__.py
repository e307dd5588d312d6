"""`python -m ferryman.runner`: the command of every pod."""

from __future__ import annotations

import sys

from ferryman.runner.supervisor import main

if __name__ == "__main__":
    sys.exit(main())
