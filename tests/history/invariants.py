"""What has to be true of every history, whatever happened to whom: DESIGN's promises as a function.

History in, violations out, one sentence each. No I/O.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterator

from ferryman.api.phases import TERMINAL
from history.record import History, Row, Run, Version

WRITES_PER_ATTEMPT = 3
"""The Job, status Running, and the status that says how it ended."""

ILLEGAL = {
    ("Running", "Waiting"),
    ("Running", "Pending"),
    ("Pending", "Waiting"),
}
"""Steps between live phases that nothing may cause: an attempt that has begun has to end first."""


def violations(history: History) -> list[str]:
    """Sentences, each naming the run; [] where all is well."""
    strays = [f"{key} claims an attempt of a run that nobody created" for key in history.unknown_claims]
    written = [fault for run in history.runs for fault in statuses(run, history.operator)]
    return [*strays, *written, *(fault for run in history.runs for rule in RULES for fault in rule(run))]


def statuses(run: Run, operator: str) -> Iterator[str]:
    """Only the operator says how a run is, and only what it has not said; a worker says that it has it."""
    for before, after in zip((None, *run.versions), run.versions, strict=False):
        tells = before is None or said(before) != said(after)
        if tells and after.writer != operator:
            yield f"{run.name}: {after.writer} wrote its status, which only {operator} may"
        elif before is not None and not tells and after.writer == operator == before.writer:
            yield f"{run.name}: revision {after.revision} of its status says what {before.revision} said"


def gaps(run: Run) -> Iterator[str]:
    """Attempts are numbered from 1 on."""
    known = {job.attempt for job in run.jobs} | {row.number for row in ledger(run)}
    missing = sorted(set(range(1, max(known, default=0) + 1)) - known)
    if missing:
        yield f"{run.name}: attempts {missing} are missing before attempt {max(known)}"


def jobs_per_attempt(run: Run) -> Iterator[str]:
    for attempt, number in sorted(Counter(job.attempt for job in run.jobs).items()):
        if number > 1:
            yield f"{run.name}: {number} Jobs were created for attempt {attempt}"


def jobs_in_the_ledger(run: Run) -> Iterator[str]:
    """A row names the Job that was created for its attempt."""
    rows = {(row.number, row.job_uid) for row in ledger(run) if row.job_uid}
    for job, (number, uid) in itertools.product(run.jobs, sorted(rows)):
        if job.attempt == number and job.uid != uid:
            yield f"{run.name}: the ledger has Job {uid} for attempt {number}, which is {job.uid}"


def order_of_attempts(run: Run) -> Iterator[str]:
    """The Job of attempt n + 1 comes after the status that says how n ended."""
    for job in run.jobs:
        if job.attempt == 1 or job.revision is None:
            continue
        ended = first_version_with_the_end_of(run, job.attempt - 1)
        if ended is None:
            yield f"{run.name}: attempt {job.attempt} has a Job, and attempt {job.attempt - 1} never ended"
        elif ended.revision > job.revision and is_known_to_follow(run, ended):
            yield (
                f"{run.name}: the Job of attempt {job.attempt} (revision {job.revision}) came before "
                f"the status that ended attempt {job.attempt - 1} (revision {ended.revision})"
            )


def claims_per_attempt(run: Run) -> Iterator[str]:
    for attempt, number in sorted(Counter(claim.attempt for claim in run.claims).items()):
        if number > 1:
            yield f"{run.name}: attempt {attempt} was claimed {number} times"


def claims_by_our_jobs(run: Run) -> Iterator[str]:
    """A claim was made by the attempt's own Job, or by a later one's that found it unclaimed."""
    of = {job.uid: job.attempt for job in run.jobs} | {row.job_uid: row.number for row in ledger(run)}
    for claim in run.claims:
        if of.get(claim.job_uid, 0) < claim.attempt:
            yield f"{run.name}: attempt {claim.attempt} was claimed by Job {claim.job_uid}, not by one of its own"


def executions(run: Run) -> Iterator[str]:
    of = {job.uid: job.attempt for job in run.jobs} | {row.job_uid: row.number for row in ledger(run)}
    number = sum(of.get(claim.job_uid) == claim.attempt for claim in run.claims)
    if number > run.executions_allowed:
        yield f"{run.name}: it was started {number} times, of {run.executions_allowed} that its budgets allow"


def end_is_final(run: Run) -> Iterator[str]:
    for before, after in itertools.pairwise(run.versions):
        if before.phase in TERMINAL and after.phase != before.phase:
            yield f"{run.name}: it was {before.phase} and became {after.phase}"


def steps(run: Run) -> Iterator[str]:
    for before, after in itertools.pairwise(run.versions):
        known = after.base is None or after.base in run.revisions
        if known and (before.phase, after.phase) in ILLEGAL:
            yield f"{run.name}: it went from {before.phase} to {after.phase}"


def result(run: Run) -> Iterator[str]:
    """Who is told that a run completed can read its result."""
    if run.phase != "Completed" or run.cached:
        return
    if run.promise is None:
        yield f"{run.name}: it is Completed and has no result"
        return
    stored = next((blob for blob in run.blobs if blob.attempt == run.promise.attempt), None)
    if stored is None:
        yield f"{run.name}: the result of attempt {run.promise.attempt} is not in the store"
    elif (stored.sha256, stored.size) != (run.promise.sha256, run.promise.size):
        yield (
            f"{run.name}: its status promises {run.promise.size} bytes with SHA-256 {run.promise.sha256}, "
            f"and the store has {stored.size} with {stored.sha256}"
        )


def writes(run: Run) -> Iterator[str]:
    """A run that went straight through and has no hooks costs three writes."""
    number = len(run.jobs) + len(run.versions)
    if went_straight_through(run) and number > WRITES_PER_ATTEMPT:
        yield f"{run.name}: it succeeded at once and cost {number} writes instead of {WRITES_PER_ATTEMPT}"


def events(run: Run) -> Iterator[str]:
    if run.events > 1:
        yield f"{run.name}: the operator wrote {run.events} Events about it"


def nothing_alive(run: Run) -> Iterator[str]:
    if run.phase in TERMINAL and run.alive:
        yield f"{run.name}: it is {run.phase}, and there still are {', '.join(run.alive)}"


RULES: tuple[Callable[[Run], Iterator[str]], ...] = (
    gaps, jobs_per_attempt, jobs_in_the_ledger, order_of_attempts, claims_per_attempt, claims_by_our_jobs,
    executions, end_is_final, steps, result, writes, events, nothing_alive,
)  # fmt: skip


def ledger(run: Run) -> list[Row]:
    """Every row that a version ever had."""
    return [row for version in run.versions for row in version.ledger]


def first_version_with_the_end_of(run: Run, attempt: int) -> Version | None:
    for version in run.versions:
        if any(row.number == attempt and row.outcome for row in version.ledger):
            return version
    return None


def is_known_to_follow(run: Run, version: Version) -> bool:
    """Whether no write is missing before it: an API server that is killed leaves no record of its last ones."""
    return version.base is None or version.base in run.revisions


def said(version: Version) -> tuple[object, ...]:
    return version.phase, version.reason, version.message, version.ledger, version.hooks


def went_straight_through(run: Run) -> bool:
    phases = {version.phase for version in run.versions}
    plain = not any(version.hooks or version.reason == "NodeUnreachable" for version in run.versions)
    return plain and run.phase == "Completed" and phases <= {"Running", "Completed"} and len(run.jobs) <= 1
