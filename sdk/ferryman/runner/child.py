"""The child of the supervisor: everything that talks to the store, and the user's function.

Only this process loads cloudpickle and obstore, and starts threads. It tells the supervisor every
step before it begins it; what it cannot tell, because it died, the supervisor sees.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Mapping
from typing import NoReturn

from ferryman import context
from ferryman.api.reasons import Reason
from ferryman.api.runner_contract import Assignment, Env, Mode, decode_store
from ferryman.exceptions import FerrymanError
from ferryman.runner import aftermath, claim, payload
from ferryman.runner.channel import Sender
from ferryman.runner.ending import Ended, Ending, Terminated
from ferryman.runner.phases import Step
from ferryman.wire.obstore import ObstoreStore
from ferryman.wire.store import Store


def run(
    assignment: Assignment, environment: Mapping[str, str], sender: Sender, store: Store | None = None
) -> None:
    """Carry out the attempt and tell the supervisor how it ended. Raises nothing.

    `store`: instead of the one that the environment names.
    """
    signal.signal(signal.SIGTERM, _terminate)
    os.register_at_fork(after_in_child=_die_of_sigterm)
    try:
        with context.entered(_context_of(assignment), everywhere=True):
            sender.end(_carry_out(assignment, environment, sender, store))
    except Ended as ended:
        sender.end(ended.ending)
    except Terminated:
        sender.end(Ending(Reason.PROCESS_KILLED, "the process was ended by SIGTERM"))
    except FerrymanError as error:
        sender.end(Ending(payload.reason_of(error), str(error)))
    except ImportError as error:
        sender.end(Ending(Reason.MODULE_NOT_FOUND, f"the image lacks what the runner needs: {error}"))
    except BaseException as error:  # noqa: BLE001 - whatever it is, a report must follow.
        sender.end(Ending(Reason.INVALID_RUNNER_REPORT, f"the runner failed: {error!r}"))


def _carry_out(
    assignment: Assignment, environment: Mapping[str, str], sender: Sender, store: Store | None
) -> Ending:
    store = store or _open_store(environment)
    _refuse_if_late(assignment)
    if assignment.mode is Mode.HOOKS:
        # Deferred: few processes are for hooks alone.
        from ferryman.runner import hooks_only  # noqa: PLC0415

        claimant = _claimant(assignment, environment)
        return hooks_only.carry_out(store, assignment, environment, claimant, sender)
    sender.enter(Step.DOWNLOAD)
    downloads = payload.Downloads(store, assignment)
    # Not at the top: importing the codecs takes as long as the downloads, and goes on meanwhile.
    from ferryman.runner import execution  # noqa: PLC0415
    from ferryman.runner.invocation import Invocation  # noqa: PLC0415

    blobs = downloads.result()
    sender.enter(Step.VERIFY)
    payload.verify(blobs, assignment)
    _claim(store, assignment, environment, sender)
    invocation = Invocation(store, assignment, sender, environment)
    found = invocation.unpickle(blobs)
    # What was downloaded would otherwise stay in memory for as long as the function runs.
    del blobs, downloads
    ended = invocation.execute(found)
    if execution.has_hooks(found.task) and aftermath.is_last(assignment, ended.reason):
        # First, as nothing that hooks do changes it.
        sender.end(ended)
        invocation.call_hooks(found, ended, _claimant(assignment, environment))
    return ended


def _context_of(assignment: Assignment) -> context.RunContext:
    return context.RunContext(
        assignment.namespace, assignment.run, assignment.uid, assignment.attempt, assignment.task
    )


def _open_store(environment: Mapping[str, str]) -> ObstoreStore:
    try:
        location = decode_store(environment[Env.STORE])
    except (KeyError, ValueError) as error:
        message = f"{Env.STORE} cannot be read: {type(error).__name__}: {error}"
        raise Ended(Ending(Reason.STORE_NOT_CONFIGURED, message)) from None
    return ObstoreStore(location)


def _refuse_if_late(assignment: Assignment) -> None:
    limit = assignment.not_after
    if limit is not None and (late := time.time() - limit) > 0:
        message = f"the pod started {late:.1f} s too late; nothing was executed"
        raise Ended(Ending(Reason.START_TIMEOUT, message))


def _claim(store: Store, assignment: Assignment, environment: Mapping[str, str], sender: Sender) -> None:
    sender.enter(Step.CLAIM)
    # Asked again, because the downloads may have taken long.
    _refuse_if_late(assignment)
    allowed = environment.get(Env.STORE_ALLOW_UNCONDITIONAL) == "1"
    claim.take(store, assignment, _claimant(assignment, environment), allow_unconditional=allowed)


def _claimant(assignment: Assignment, environment: Mapping[str, str]) -> claim.Claimant:
    return claim.Claimant(
        job_uid=environment.get(Env.JOB_UID, ""),
        pod_uid=environment.get(Env.POD_UID, ""),
        pod_name=environment.get(Env.POD_NAME, ""),
        job=assignment.job,
        token=os.urandom(16).hex(),
        started=time.time(),
    )


def _terminate(*_: object) -> NoReturn:
    raise Terminated


def _die_of_sigterm() -> None:
    # A process that the function forks and terminates must not tell how the attempt ended.
    if signal.getsignal(signal.SIGTERM) is _terminate:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
