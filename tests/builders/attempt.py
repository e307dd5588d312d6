"""One attempt, carried out by the real runner process against a real store."""

import dataclasses
import itertools
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass

from ferryman.api.runner_contract import (
    Assignment,
    BlobRef,
    Env,
    Report,
    decode_report,
    encode_assignment,
    encode_store,
    encode_upstreams,
)
from ferryman.tasks import Task
from ferryman.wire import codecs, envelope, keys
from ferryman.wire.obstore import ObstoreStore

NAMESPACE = "team-a"
JOB_UID = "job-uid-1"

_uids = itertools.count(1)

# Short graces, so that tests of what ignores SIGTERM do not wait for the real ones.
IMPATIENT = (
    "import ctypes, os, sys; from ferryman.runner import supervisor, watch;"
    "os.environ.pop('TEST_SUBREAPER', None) and ctypes.CDLL(None).prctl(36, 1, 0, 0, 0);"
    "sys.exit(supervisor.main(graces=watch.Graces(timeout=0.3, termination=0.3, exit=0.3, hooks={hooks}, phase={phase})))"
)


@dataclass(frozen=True)
class Outcome:
    """What is left when the runner has ended."""

    exit_code: int
    report: Report | None
    output: str
    errors: str


class RunnerLab:
    """Seeds a bucket and runs attempts on it: `lab.run(function, 1, 2, timeout=0.5)`."""

    def __init__(self, server, location, folder):
        self.server = server
        self.location = location
        self.folder = folder
        keys = server.environment()
        self.store = ObstoreStore(
            location, access_key_id=keys["AWS_ACCESS_KEY_ID"], secret_access_key=keys["AWS_SECRET_ACCESS_KEY"]
        )

    def seal(self, function, *args, retry_condition=None, reference=lambda _: None, by_value=(), **kwargs):
        """The assignment fields of a call whose blobs are in the store."""
        task = function
        if callable(function) and not isinstance(function, Task):
            task = Task(function, retry_condition_fn=retry_condition)
        code = codecs.seal_code(codecs.Code(task), by_value=by_value)
        arguments = codecs.seal_arguments(args, kwargs, reference=reference)
        return {"code": self.put_code(code.body), "arguments": self.put_arguments(arguments.body)}

    def put_code(self, body):
        reference = reference_of(body)
        self.store.put(keys.code(NAMESPACE, reference.sha256), body)
        return reference

    def put_arguments(self, body):
        reference = reference_of(body)
        self.store.put(keys.arguments(NAMESPACE, reference.sha256), body)
        return reference

    def assignment(self, **fields):
        base = Assignment(
            namespace=NAMESPACE, run="a-run", uid=f"uid-{next(_uids)}", attempt=1, job="a-job", task="a-task"
        )
        return dataclasses.replace(base, **fields)

    def run(
        self,
        function,
        *args,
        environment=None,
        upstreams=(),
        impatient=True,
        reference=lambda _: None,
        **fields,
    ):
        """Run one attempt of a function to its end."""
        retry_condition = fields.pop("retry_condition", None)
        blobs = self.seal(function, *args, retry_condition=retry_condition, reference=reference)
        return self.finish(self.start(self.assignment(**blobs, **fields), environment, upstreams, impatient))

    def run_assignment(self, assignment, environment=None, *, impatient=False):
        return self.finish(self.start(assignment, environment, impatient=impatient))

    def start(self, assignment, environment=None, upstreams=(), impatient=True, phase=300.0, hooks=3.0):
        """The running runner process; `phase` is the least time of the phases beside the function."""
        self.log = self.folder / f"termination-{time.monotonic_ns()}"
        runner = (
            ["-c", IMPATIENT.format(phase=phase, hooks=hooks)] if impatient else ["-m", "ferryman.runner"]
        )
        return subprocess.Popen(
            [sys.executable, *runner],
            env=self.environment(assignment, upstreams) | (environment or {}),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            cwd=self.folder,
            text=True,
        )

    def finish(self, process):
        """Wait for its end."""
        try:
            output, errors = process.communicate(timeout=60)
        finally:
            process.kill()
        report = decode_report(self.log.read_text()) if self.log.exists() else None
        return Outcome(process.returncode, report, output, errors)

    def environment(self, assignment, upstreams=()):
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        return {
            **kept,
            **self.server.environment(),
            **encode_upstreams(tuple(upstreams)),
            Env.ASSIGNMENT: encode_assignment(assignment),
            Env.STORE: encode_store(self.location),
            Env.POD_UID: "pod-uid-1",
            Env.POD_NAME: "pod-1",
            Env.JOB_UID: JOB_UID,
            Env.TERMINATION_LOG: str(self.log),
        }

    def delete_bucket(self):
        client, name = self.server.client(), self.location.bucket
        for entry in client.list_objects_v2(Bucket=name)["Contents"]:
            client.delete_object(Bucket=name, Key=entry["Key"])
        client.delete_bucket(Bucket=name)

    def value(self, outcome, *, trust_pickle=True):
        """What the function returned."""
        return codecs.open_result(self.blob(outcome), trust_pickle=trust_pickle)

    def blob(self, outcome):
        """The result or failure blob that the report names."""
        return self.store.get(keys.result(NAMESPACE, outcome.report.uid, outcome.report.attempt))

    def requests(self):
        """What the server was asked on objects since the bucket was made, verb and kind only."""
        kinds = ("/code/", "/args/", "/claim", "/result")
        found = []
        for request in self.server.requests(self.location):
            verb, _, path = request.partition(" ")
            found.append(f"{verb} {next((kind.strip('/') for kind in kinds if kind in path), path)}")
        return found


def reference_of(body: bytes) -> BlobRef:
    """The reference to a blob that is a whole object."""
    return BlobRef(envelope.digest(body), len(body))


def wait_for(condition, *, seconds=30):
    """Return once the condition holds."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise AssertionError("it did not happen in time")
        time.sleep(0.02)


def terminate(process):
    process.send_signal(signal.SIGTERM)
