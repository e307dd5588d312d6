"""`python -m ferryman.runner`: the command of every pod."""

from __future__ import annotations

import gc
import sys

# Before the other imports: they make no garbage, and looking for it costs a tenth of a cold
# start. The worker enables it before it unpickles.
gc.disable()

from ferryman.runner.supervisor import main  # noqa: E402

if __name__ == "__main__":
    sys.exit(main())
