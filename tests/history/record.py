"""What is known of the runs of a namespace afterwards: values, whoever gathered them.

A revision is an etcd revision: the API server counts all objects by one counter, so that the write of a status
and the creation of a Job can be put in order without a clock.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One attempt in a ledger; `outcome` is "" while it goes on."""

    number: int
    job_uid: str
    outcome: str = ""


@dataclass(frozen=True)
class Version:
    """The status after one write. `base` is the revision that the writer had read, if it said so."""

    revision: int
    writer: str
    phase: str
    base: int | None = None
    reason: str = ""
    message: str = ""
    ledger: tuple[Row, ...] = ()
    hooks: str = ""
    """What it says of the run's hooks, which are called after its end."""


@dataclass(frozen=True)
class Job:
    """A Job that was created for an attempt. Without a revision it was only seen afterwards."""

    attempt: int
    uid: str
    name: str
    revision: int | None = None


@dataclass(frozen=True)
class Claim:
    """The claim of an attempt, and the Job whose pod made it."""

    attempt: int
    job_uid: str


@dataclass(frozen=True)
class Promise:
    """`status.result`: what the last status says that the store holds."""

    attempt: int
    sha256: str
    size: int


@dataclass(frozen=True)
class Blob:
    """A result as it is in the store."""

    attempt: int
    sha256: str
    size: int


@dataclass(frozen=True)
class Run:
    """All that one TaskRun left behind."""

    name: str
    uid: str
    executions_allowed: int
    """`retries + infrastructureRetries + 1`."""
    revisions: frozenset[int] = frozenset()
    """Of every write of it that is known, by anybody."""
    versions: tuple[Version, ...] = ()
    """By revision."""
    promise: Promise | None = None
    cached: bool = False
    jobs: tuple[Job, ...] = ()
    claims: tuple[Claim, ...] = ()
    blobs: tuple[Blob, ...] = ()
    events: int = 0
    """Created by the operator."""
    alive: tuple[str, ...] = ()
    """Jobs and pods that go on, such as `pod x-1-abc`."""

    @property
    def phase(self) -> str:
        return self.versions[-1].phase if self.versions else ""


@dataclass(frozen=True)
class History:
    """Everything about a namespace's runs. `operator` is the account that may write a status."""

    operator: str
    runs: tuple[Run, ...]
    unknown_claims: tuple[str, ...] = ()
    """Keys of claims of runs that nobody created."""
