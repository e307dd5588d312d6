"""A worker: a process that executes the runs of served tasks. The protocol is in docs/decisions/0006.

main        connects, forks the forge, runs the agent until a signal
  agent     the watches, what waits, how many run; draining
    errand  one run: claim it, have it executed, report
    hooks   one that ended without a word of its hooks: take them, have them called, report
  heartbeat the Lease, and the fence that follows from it
forge       a process without threads that has the tasks loaded: forks a supervisor for each run
  relay     how a run's child reaches the store: through the agent, whose connections are warm
protocol    which runs may be claimed, what is written: pure
cluster     the port, and the worker's rights; kube: its adapter
"""

from __future__ import annotations

from ferryman.worker.main import Options, serve

__all__ = ["Options", "serve"]
