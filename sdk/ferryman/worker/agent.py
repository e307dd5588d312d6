"""The worker's heart: its watches, the runs that may be claimed, and those that are being executed."""

from __future__ import annotations

import itertools
import logging
import random
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterator
from typing import Final

from ferryman.cluster import Object, WatchEvent
from ferryman.exceptions import ClusterError
from ferryman.worker import errand, protocol
from ferryman.worker.errand import Desk, Errand
from ferryman.worker.hooks import HooksErrand
from ferryman.worker.protocol import Claim, Standing

_log: Final = logging.getLogger("ferryman.worker")

_RETRY_SECONDS: Final = 1.0

_MOST_UNSETTLED: Final = 10_000


class Agent:
    """Executes at most `limit` runs of these entrypoints at a time. Thread-safe."""

    def __init__(
        self,
        desk: Desk,
        entrypoints: Collection[str],
        *,
        limit: int | None,
        holds: Callable[[], bool] = lambda: True,
    ) -> None:
        self._desk = desk
        self._entrypoints = frozenset(entrypoints)
        self._limit = limit
        self._holds = holds
        self._lock = threading.Condition()
        self._waiting: dict[str, Object] = {}
        self._ended: dict[str, Object] = {}
        """Runs that have ended, whose hooks wait to be called."""
        self._active: dict[str, Errand] = {}
        self._calling: dict[str, Errand] = {}
        self._unsettled: OrderedDict[str, Claim] = OrderedDict()
        self._numbers = itertools.count(1)
        self._accepts = True
        self._watches: list[Iterator[WatchEvent]] = []

    # ---- the watches

    def follow(self) -> None:
        """Take in every change, for ever. Raises ClusterError where watching is refused for good."""
        self._take_in_all(self._desk.cluster.watch_runs(protocol.selector(self._entrypoints)), self.see)

    def follow_hooks(self) -> None:
        """The same, of runs that have ended and whose hooks wait."""
        self._take_in_all(
            self._desk.cluster.watch_hooks(protocol.selector(self._entrypoints)), self.see_ended
        )

    def _take_in_all(self, watch: Iterator[WatchEvent], see: Callable[..., None]) -> None:
        self._watches.append(watch)
        for event in watch:
            if event.type != "SYNCED":
                see(event.object, is_gone=event.type == "DELETED")

    def see(self, run: Object, *, is_gone: bool = False) -> None:
        """A version of a run, or that it has ended or was deleted."""
        with self._lock:
            self._take_in(run, is_gone=is_gone)
        self.fill()

    def see_ended(self, run: Object, *, is_gone: bool = False) -> None:
        """A version of a run that has ended, or that its hooks do not wait any more."""
        with self._lock:
            self._take_in_ended(run, is_gone=is_gone)
        self.fill()

    def _take_in_ended(self, run: Object, *, is_gone: bool) -> None:
        uid = run["metadata"]["uid"]
        self._ended.pop(uid, None)
        calling = self._calling.get(uid)
        if calling is not None:
            calling.latest = None if is_gone else run
        elif not is_gone and self._accepts and self._have_hooks_to_call(run):
            self._ended[uid] = run

    def _have_hooks_to_call(self, run: Object) -> bool:
        return protocol.have_hooks_to_call(run, self._entrypoints, self._desk.store_name, time.time())

    def _take_in(self, run: Object, *, is_gone: bool) -> None:
        name, uid = run["metadata"]["name"], run["metadata"]["uid"]
        self._waiting.pop(name, None)
        active = self._active.get(uid)
        if active is not None:
            self._mind(active, run, is_gone=is_gone)
        elif not is_gone:
            self._consider(name, run)

    def _mind(self, active: Errand, run: Object, *, is_gone: bool) -> None:
        active.latest = None if is_gone else run
        standing = Standing.LOST if is_gone else protocol.standing(run, active.claim)
        if standing is not Standing.HELD and active.is_news(run):
            active.stop()

    def _consider(self, name: str, run: Object) -> None:
        left = self._unsettled.pop(protocol.unreported(run), None)
        if left is not None:
            self._start(Errand(self._desk, run, left, next(self._numbers)), Errand.give_back)
        elif self._accepts and self._attempt_to_claim(run) is not None:
            self._waiting[name] = run

    def _attempt_to_claim(self, run: Object) -> int | None:
        return protocol.attempt_to_claim(run, self._entrypoints, self._desk.store_name)

    # ---- the work

    def fill(self) -> None:
        """Claim what may be, if there is room; also to be called when the lease was renewed."""
        with self._lock:
            while self._ended and self._has_room():
                run = _drawn(self._ended)
                if self._have_hooks_to_call(run):
                    claim = self._claim_of(run, 0)
                    self._start(HooksErrand(self._desk, run, claim, next(self._numbers)), Errand.go)
            while self._waiting and self._has_room():
                run = _drawn(self._waiting)
                attempt = self._attempt_to_claim(run)
                if attempt is not None:
                    claim = self._claim_of(run, attempt)
                    self._start(Errand(self._desk, run, claim, next(self._numbers)), Errand.go)

    def _claim_of(self, run: Object, attempt: int) -> Claim:
        meta = run["metadata"]
        return Claim(meta["name"], meta["uid"], attempt, errand.token())

    def _has_room(self) -> bool:
        is_free = self._limit is None or self._busy < self._limit
        return is_free and self._accepts and self._holds()

    @property
    def _busy(self) -> int:
        return len(self._active) + len(self._calling)

    def _place_of(self, one: Errand) -> dict[str, Errand]:
        # A run may have ended, and its hooks be ours to call, before our errand knows of it.
        return self._calling if one.is_of_hooks else self._active

    def _start(self, one: Errand, what: Callable[[Errand], None]) -> None:
        self._place_of(one)[one.claim.uid] = one
        name = f"ferryman-{one.claim.name}"
        threading.Thread(target=self._do, args=(one, what), name=name, daemon=True).start()

    def _do(self, one: Errand, what: Callable[[Errand], None]) -> None:
        try:
            what(one)
        except ClusterError as error:
            _log.warning("%s: %s", one.claim.name, error)
            time.sleep(_RETRY_SECONDS)
        except Exception:  # noqa: BLE001 - one bad run never stops the others.
            _log.exception("%s", one.claim.name)
        finally:
            self._finish(one)
        self.fill()

    def _finish(self, one: Errand) -> None:
        with self._lock:
            self._place_of(one).pop(one.claim.uid, None)
            if not one.is_settled and not one.is_of_hooks:
                # Not ours, as far as we know. If a later version shows our token after all, it is given back.
                self._unsettled[one.claim.token] = one.claim
                if len(self._unsettled) > _MOST_UNSETTLED:
                    self._unsettled.popitem(last=False)
            if one.latest is not None:
                # The next attempt may have been offered before this one was out of our hands.
                take_in = self._take_in_ended if one.is_of_hooks else self._take_in
                take_in(one.latest, is_gone=False)
            self._lock.notify_all()

    # ---- the end

    @property
    def active(self) -> int:
        """How many runs are in its hands."""
        with self._lock:
            return self._busy

    def drain(self, grace: float, stopped: Callable[[], bool] = lambda: False) -> None:
        """Claim no more; wait for what runs, at most `grace` seconds; then have it stopped and reported."""
        with self._lock:
            self._accepts = False
            self._waiting.clear()
            self._ended.clear()
        self._await_idle(grace, stopped)
        with self._lock:
            left = [*self._active.values(), *self._calling.values()]
        for one in left:
            _log.warning("%s is given back: it did not end in time", one.claim.name)
            one.stop()

    def await_idle(self, seconds: float) -> bool:
        """Whether nothing is left in its hands, after at most so many seconds."""
        self._await_idle(seconds, lambda: False)
        return self.active == 0

    def close(self) -> None:
        """End the watches."""
        for watch in self._watches:
            close = getattr(watch, "close", None)
            if close is not None:
                close()

    def _await_idle(self, seconds: float, stopped: Callable[[], bool]) -> None:
        end = time.monotonic() + seconds
        with self._lock:
            while self._busy and not stopped() and (left := end - time.monotonic()) > 0:
                self._lock.wait(min(left, 0.2))


def _drawn(waiting: dict[str, Object]) -> Object:
    # In a random order, so that several workers seldom reach for the same one.
    return waiting.pop(random.choice(list(waiting)))  # noqa: S311 - no secret
