"""How fast runs end, beside how fast bare Jobs with the same pods end."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

from benchmarks import audit, manifests, operator_process
from benchmarks.audit import Request
from benchmarks.client import Object
from benchmarks.operator_process import Operator
from benchmarks.testbed import Testbed
from cluster import processes

JOB_CONTROLLER = "system:serviceaccount:kube-system:job-controller"

ENDED = frozenset({"Completed", "Failed", "Crashed", "TimedOut", "Cancelled"})


@dataclass(frozen=True)
class Burst:
    """So many objects were submitted as fast as they are taken, and have ended."""

    count: int
    seconds: float
    """From the first submission to the end of the last."""
    cpu: Mapping[str, float]
    """Seconds of the operator and of each of the cluster's daemons, by name."""
    writes: int
    """Of the operator in that namespace, without Events; refused ones count."""
    events: int
    namespace: str

    @property
    def rate(self) -> float:
        """Ended per second."""
        return self.count / self.seconds

    @property
    def cpu_per_1000(self) -> dict[str, float]:
        """Seconds per 1,000 objects, by process."""
        return {name: 1000 * seconds / self.count for name, seconds in self.cpu.items()}


class NotCompleted(Exception):
    """A run or Job that had to succeed did not; the message has its status."""


def account(one: Burst) -> str:
    """Where its CPU time went, in seconds per 1,000 objects, the most first."""
    spent = sorted(one.cpu_per_1000.items(), key=lambda part: -part[1])
    return ", ".join(f"{name} {seconds:.1f}" for name, seconds in spent if seconds >= 0.05)


def pod_template(bed: Testbed) -> Object:
    """What the operator makes of a run: the template for bare Jobs."""
    where = bed.new_namespace()
    bed.client.create(manifests.taskrun(where, 0))
    bed.client.until_all("TaskRun", where, 1, run_has_completed)
    (job,) = bed.client.items("Job", where)
    return manifests.template_of(job)


def of_runs(bed: Testbed, operator: Operator, count: int, namespace: str = "") -> Burst:
    where = namespace or bed.new_namespace()
    mark, cpu = bed.audit.mark(), _cpu(operator)
    bed.client.create_all(manifests.taskrun(where, number) for number in range(count))
    bed.client.until_all("TaskRun", where, count, run_has_completed)
    spent = _spent(cpu, _cpu(operator))
    return burst(_about(bed.audit.since(mark), where), "taskruns", count, spent)


def of_bare_jobs(bed: Testbed, operator: Operator, template: Object, count: int) -> Burst:
    where = bed.new_namespace()
    mark, cpu = bed.audit.mark(), _cpu(operator)
    bed.client.create_all(manifests.bare_job(where, number, template) for number in range(count))
    bed.client.until_all("Job", where, count, job_is_complete)
    spent = _spent(cpu, _cpu(operator))
    return burst(_about(bed.audit.since(mark), where), "jobs", count, spent)


def settle(bed: Testbed) -> None:
    """Wait until the Job controller has been quiet, and may ask in a burst again: every sample begins alike.

    Its Events wait behind its other requests, and those of one sample would take a part of what the next may ask.
    """
    while True:
        mark = bed.audit.mark()
        # Its burst is what it may ask in two seconds.
        time.sleep(3)
        if not any(one.user == JOB_CONTROLLER for one in bed.audit.since(mark)):
            return


def burst(requests: list[Request], resource: str, count: int, cpu: Mapping[str, float]) -> Burst:
    """What the audit log says about a namespace. Raises ValueError if it misses some of the objects."""
    begun, ended = audit.created(requests, resource), audit.finished(requests, resource)
    if len(begun) != count or len(ended) != count:
        raise ValueError(f"{count} {resource}: the audit log has {len(begun)} creations, {len(ended)} ends")
    ours = [one for one in requests if one.user == operator_process.ACCOUNT and one.is_write]
    events = sum(one.resource == "events" for one in ours)
    seconds = max(ended.values()) - min(begun.values())
    return Burst(count, seconds, cpu, len(ours) - events, events, requests[0].namespace)


def run_has_completed(run: Object) -> bool:
    """Raises NotCompleted if it ended otherwise."""
    phase = run.get("status", {}).get("phase")
    if phase in ENDED and phase != "Completed":
        raise NotCompleted(f"{run['metadata']['name']} is {phase}: {run['status']}")
    return phase == "Completed"


def job_is_complete(job: Object) -> bool:
    """Raises NotCompleted if it failed."""
    true = {one["type"] for one in job.get("status", {}).get("conditions", ()) if one["status"] == "True"}
    if "Failed" in true:
        raise NotCompleted(f"{job['metadata']['name']}: {job['status']}")
    return "Complete" in true


def _about(requests: list[Request], where: str) -> list[Request]:
    return [one for one in requests if one.namespace == where]


def _cpu(operator: Operator) -> dict[str, float]:
    spent = {name: operator_process.cpu_of(pid) for pid, name in processes.marked()}
    return {"operator": operator.cpu, **spent}


def _spent(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, float]:
    return {name: after[name] - before.get(name, 0.0) for name in after}
