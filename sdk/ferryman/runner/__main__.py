"""`python -m ferryman.runner`: the command of every pod."""

from __future__ import annotations

import gc
import signal
import sys

# As the first thing: a SIGTERM that comes before the supervisor has its handlers is kept for it, so that
# even then a report is left. To a process 1 without handlers it would be lost, and only SIGKILL end the pod.
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})

# Before the other imports: they make no garbage, and looking for it costs a tenth of a cold
# start. The child enables it before it unpickles.
gc.disable()

from ferryman.runner.supervisor import main  # noqa: E402

if __name__ == "__main__":
    sys.exit(main())
