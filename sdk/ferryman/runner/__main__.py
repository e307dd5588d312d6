"""`python -m ferryman.runner`: the command of every pod."""

from __future__ import annotations

import gc
import signal
import sys

# As the first thing: in a container this is process 1, and to that a SIGTERM without a handler is lost
# rather than fatal. Blocked it is kept, and the supervisor gets it. The pod would else end only by SIGKILL.
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})

# Before the other imports: they make no garbage, and looking for it costs a tenth of a cold
# start. The worker enables it before it unpickles.
gc.disable()

from ferryman.runner.supervisor import main  # noqa: E402

if __name__ == "__main__":
    sys.exit(main())
