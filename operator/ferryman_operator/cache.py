"""What is known of all runs and Jobs: the last version seen of each, from watches, lists and own writes.

Older versions never replace newer ones, whatever order they arrive in, and what was deleted does not
come back. Every change says so by its return value; who is told of it is the intake's business.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Iterator
from typing import Final

from ferryman_operator import finished, projection
from ferryman_operator.finished import Finished
from ferryman_operator.reconcile import hooks
from ferryman_operator.reconcile.observed import Job, Key, Run

_MAX_DELETED: Final = 20_000


class Cache:
    """Runs by key, Jobs by owner, and who waits for whom."""

    def __init__(self) -> None:
        self._runs: dict[Key, Run | Finished] = {}
        self._keys: dict[str, Key] = {}
        self._jobs: dict[tuple[str, str], Job] = {}
        self._owned: dict[str, tuple[Job, ...]] = {}
        self._dependants: dict[Key, set[Key]] = {}
        self._deleted: OrderedDict[str, None] = OrderedDict()

    def run(self, key: Key) -> Run | None:
        """The run, if it exists. Of one that has ended only what `Finished` keeps."""
        held = self._runs.get(key)
        return held.run if isinstance(held, Finished) else held

    def version_of_run(self, key: Key) -> str | None:
        """The resourceVersion of the run, if it exists."""
        held = self._runs.get(key)
        return None if held is None else held.resource_version

    def key_of(self, uid: str) -> Key | None:
        """The key of the run with this UID."""
        return self._keys.get(uid)

    def jobs_of(self, uid: str) -> tuple[Job, ...]:
        """The Jobs of the run with this UID, by attempt."""
        return self._owned.get(uid, ())

    def dependants_of(self, key: Key) -> frozenset[Key]:
        """The live runs that wait for this one, and its children."""
        return frozenset(self._dependants.get(key, ()))

    def live_runs(self) -> Iterator[Run]:
        """The runs of which something is to be done, as they are now."""
        return iter([run for run in self._runs.values() if isinstance(run, Run)])

    def runs(self) -> Iterator[Run | Finished]:
        """All runs, as they are now, for their key, UID and version."""
        return iter(list(self._runs.values()))

    def jobs(self) -> Iterator[Job]:
        """All Jobs, as they are now."""
        return iter(list(self._jobs.values()))

    def phases(self) -> Counter[str]:
        """How many runs are in each phase."""
        return Counter(
            run.phase.value if isinstance(run, Finished) else run.status.phase.value
            for run in self._runs.values()
        )

    def is_deleted(self, uid: str) -> bool:
        """Whether the object with this UID is known to be gone."""
        return uid in self._deleted

    @property
    def sizes(self) -> tuple[int, int]:
        """How many runs and Jobs there are."""
        return len(self._runs), len(self._jobs)

    def put_run(self, run: Run) -> bool:
        """Remember a version of a run; False if a newer one is known, or it is gone."""
        known = self._runs.get(run.key)
        if run.uid in self._deleted or (
            known and not _is_newer(run.resource_version, known.resource_version)
        ):
            return False
        if known is not None:
            self._forget_run(known)
        self._runs[run.key] = _held(run)
        self._keys[run.uid] = run.key
        if not run.status.phase.is_terminal:
            self._watch_upstreams(run)
        return True

    def drop_run(self, key: Key, uid: str) -> bool:
        """Forget a run that is gone; False if it was not known."""
        self._bury(uid)
        known = self._runs.get(key)
        if known is None or known.uid != uid:
            return False
        self._forget_run(known)
        del self._runs[key]
        return True

    def put_job(self, job: Job) -> bool:
        """Remember a version of a Job; False if a newer one is known, or it is gone."""
        known = self._jobs.get((job.namespace, job.name))
        if job.uid in self._deleted or (
            known and not _is_newer(job.resource_version, known.resource_version)
        ):
            return False
        if known is not None:
            self._forget_job(known)
        self._jobs[job.namespace, job.name] = job
        self._own(job)
        return True

    def drop_job(self, namespace: str, name: str, uid: str) -> bool:
        """Forget a Job that is gone; False if it was not known."""
        self._bury(uid)
        known = self._jobs.get((namespace, name))
        if known is None or known.uid != uid:
            return False
        self._forget_job(known)
        return True

    def mark_run(self, run: Run) -> None:
        """Replace the version that is known of a run, after a write that did not return one."""
        if run.key in self._runs:
            self._runs[run.key] = _held(run)

    def mark_job(self, job: Job) -> None:
        """Replace the version that is known of a Job, after a write that did not return one."""
        if (job.namespace, job.name) in self._jobs:
            self._jobs[job.namespace, job.name] = job
            self._own(job)

    def job(self, namespace: str, name: str) -> Job | None:
        """The Job, if it exists."""
        return self._jobs.get((namespace, name))

    def _watch_upstreams(self, run: Run) -> None:
        for upstream in relatives(run):
            self._dependants.setdefault(upstream, set()).add(run.key)

    def _forget_run(self, run: Run | Finished) -> None:
        self._keys.pop(run.uid, None)
        if isinstance(run, Finished):
            return
        for upstream in relatives(run):
            waiting = self._dependants.get(upstream)
            if waiting is not None:
                waiting.discard(run.key)
                if not waiting:
                    del self._dependants[upstream]

    def _own(self, job: Job) -> None:
        others = [one for one in self._owned.get(job.owner_uid, ()) if one.name != job.name]
        self._owned[job.owner_uid] = tuple(sorted((*others, job), key=lambda one: one.attempt))

    def _forget_job(self, job: Job) -> None:
        del self._jobs[job.namespace, job.name]
        others = tuple(one for one in self._owned.get(job.owner_uid, ()) if one.name != job.name)
        if others:
            self._owned[job.owner_uid] = others
        else:
            self._owned.pop(job.owner_uid, None)

    def _bury(self, uid: str) -> None:
        # A UID never comes back; what still arrives of it is an echo of a list or a reply.
        self._deleted[uid] = None
        if len(self._deleted) > _MAX_DELETED:
            self._deleted.popitem(last=False)


def relatives(run: Run) -> tuple[Key, ...]:
    """The runs whose life decides about this one's: those that it waits for, and its parent."""
    if run.spec is None:
        return ()
    named = [one.name for one in run.spec.depends_on]
    if run.spec.parent is not None:
        named.append(run.spec.parent.name)
    return tuple(Key(run.key.namespace, name) for name in named)


def _held(run: Run) -> Run | Finished:
    # One whose hooks are still to be called is not done with: the Job that calls them is made from its spec.
    return run if not run.status.phase.is_terminal or hooks.are_pending(run.status) else finished.of(run)


def _is_newer(candidate: str, known: str) -> bool:
    ours, theirs = projection.version(candidate), projection.version(known)
    return ours > theirs if ours >= 0 and theirs >= 0 else candidate != known
