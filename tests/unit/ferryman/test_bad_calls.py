"""What a caller can get wrong, or have against them, and what they are told."""

from __future__ import annotations

import ast
import http.server
import json
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import boto3
import pytest

import ferryman
from ferryman import as_completed, submission, task
from ferryman.api.runner_contract import StoreLocation
from ferryman.client import Client
from ferryman.exceptions import (
    ParameterBindError,
    PayloadTooLarge,
    PermissionDenied,
    SerializationError,
    StoreDenied,
)
from ferryman.testing import InMemoryCluster, InMemoryStore
from ferryman.wire.s3 import S3Store


@task
def add(x, y=1):
    return x + y


@task
def keyword_only(*, x):
    return x


@pytest.fixture
def idle():
    """A client whose runs nobody executes."""
    with Client(InMemoryCluster(), InMemoryStore(), namespace="default") as client:
        yield client


def is_untouched(client):
    return client.list_runs() == [] and not client.store.objects


# ---- arguments


@pytest.mark.parametrize(
    ("submit", "told"),
    [
        (add.submit, r"add\(\): missing a required argument: 'x'"),
        (lambda: add.submit(1, 2, 3), r"add\(\): too many positional arguments"),
        (lambda: add.submit(1, x=2), r"add\(\): multiple values for argument 'x'"),
        (lambda: add.submit(1, z=2), r"add\(\): got an unexpected keyword argument 'z'"),
        (lambda: keyword_only.submit(1), r"keyword_only\(\): .*positional"),
        (lambda: add.map([1, 2], [3, 4], [5, 6]), r"add\(\): too many positional arguments"),
        (lambda: add.map([1, 2], x=[3, 4]), r"add\(\): multiple values for argument 'x'"),
    ],
)
def test_a_call_that_does_not_fit_is_told_at_once_in_pythons_words(idle, submit, told):
    with pytest.raises(ParameterBindError, match=told) as caught:
        submit()
    assert isinstance(caught.value, TypeError)
    assert is_untouched(idle)


@pytest.mark.parametrize("is_code", [True, False], ids=["code", "arguments"])
def test_what_is_too_large_is_told_with_its_size_and_the_limit(idle, monkeypatch, is_code):
    monkeypatch.setattr(submission, "MAX_BLOB_BYTES", 1024**2)
    large = bytes(3 * 1024**2)
    what = r"the function of task 'captures'" if is_code else "the arguments"
    with pytest.raises(PayloadTooLarge, match=rf"{what} would be 3 MiB; at most 1 MiB.*object store"):
        task(name="captures")(lambda: large).submit() if is_code else add.submit(large)
    assert is_untouched(idle)


def test_a_captured_client_session_is_named_and_nothing_is_sent(idle):
    session = boto3.client(
        "s3", region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="s3cret"
    )
    with pytest.raises(
        SerializationError, match="'session'.*a boto3 client.*make it inside the task"
    ) as caught:
        task(lambda prefix: [one for one in session.list_buckets() if prefix in one]).submit("a")
    assert "s3cret" not in str(caught.value)
    assert is_untouched(idle)


def test_a_credential_that_could_be_pickled_is_refused_all_the_same(idle):
    from botocore.credentials import Credentials

    with pytest.raises(SerializationError, match=r"argument 1 .*credentials do not travel") as caught:
        add.submit(Credentials("a", "s3cret"))
    assert "s3cret" not in str(caught.value)
    assert is_untouched(idle)


def test_a_function_that_captures_much_is_told_by_the_name_and_the_size_of_it(ferryman_local, caplog):
    table, few = bytes(20 * 1024**2), bytes(1024)
    task(name="captures")(lambda: (table[0], few[0])).submit().result(60)
    assert "task 'captures' brings 20 MiB along, 20 MiB of which are the variable 'table'" in caplog.text


def test_a_captured_credential_travels_in_the_store_alone(ferryman_local):
    password = "correct horse battery staple"
    future = task(lambda: len(password)).submit()
    assert future.result(20) == len(password)
    assert password not in json.dumps(ferryman_local.cluster.get_run("default", future.name))
    assert any(password.encode() in blob for blob in ferryman_local.store.objects.values())


# ---- rights


class Unwatchable(InMemoryCluster):
    def watch_runs(self, namespace, **selection):
        raise PermissionDenied(f"cannot list TaskRuns: no one may in the namespace {namespace}")


def test_a_caller_who_may_not_watch_is_told_rather_than_left_waiting():
    with Client(Unwatchable(), InMemoryStore(), namespace="team"):
        future = add.submit(1)
        with pytest.raises(PermissionDenied, match="in the namespace team"):
            future.result(60)


# ---- waiting


@pytest.mark.parametrize("timeout", [-1, -0.001, float("nan")])
@pytest.mark.parametrize(
    "wait",
    [
        lambda future, timeout: future.result(timeout),
        lambda future, timeout: future.exception(timeout),
        lambda future, timeout: future.wait(timeout),
        lambda future, timeout: ferryman.TaskFutureList([future]).result(timeout),
        lambda future, timeout: ferryman.wait([future], timeout),
        lambda future, timeout: next(as_completed([future], timeout)),
    ],
    ids=["result", "exception", "wait", "results", "ferryman.wait", "as_completed"],
)
def test_a_timeout_that_is_none_is_refused(idle, wait, timeout):
    with pytest.raises(ValueError, match="timeout must not be negative"):
        wait(add.submit(1), timeout)


@pytest.fixture
def takes_ctrl_c():
    """As on a terminal: what a script starts in the background is born with SIGINT ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("takes_ctrl_c")
def test_ctrl_c_leaves_the_run_running_and_says_how_to_stop_it(idle):
    future = add.submit(1)
    main = threading.main_thread().ident

    def interrupt():
        while not future._waiters:
            time.sleep(0.005)
        signal.pthread_kill(main, signal.SIGINT)

    threading.Thread(target=interrupt, daemon=True).start()
    with pytest.raises(KeyboardInterrupt) as caught:
        future.result(60)
    assert f"ferryman cancel {future.name}" in caught.value.__notes__[0]
    assert "cancelRequested" not in idle.cluster.get_run("default", future.name)["spec"]
    assert not future.done()


# ---- where it is called

FORKS = """
import os, sys
from ferryman import client

ours = client.current()
with client.connect() as entered:
    child = os.fork()
    if child == 0:
        mine = client.current()
        os._exit(0 if mine is not ours and mine is not entered and mine.is_ours else 1)
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""

KUBECONFIG = """
{apiVersion: v1, kind: Config, current-context: c, users: [{name: u, user: {}}],
 clusters: [{name: c, cluster: {server: "http://127.0.0.1:1"}}],
 contexts: [{name: c, context: {cluster: c, user: u,
   extensions: [{name: ferryman.dev/store, extension: {bucket: b, accessKeyId: a, secretAccessKey: s}}]}}]}
"""


def test_a_forked_process_gets_a_client_of_its_own(tmp_path, monkeypatch):
    (tmp_path / "kubeconfig").write_text(KUBECONFIG)
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))
    for name in ("CONTEXT", "NAMESPACE", "STORE_BUCKET"):
        monkeypatch.delenv(f"FERRYMAN_{name}", raising=False)
    done = subprocess.run([sys.executable, "-c", FORKS], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


# ---- clocks

CLIENT_SIDE = [
    path for folder in ("", "wire", "api") for path in (Path(ferryman.__file__).parent / folder).glob("*.py")
]
WALL_CLOCKS = {"time", "time_ns", "now", "utcnow", "today", "localtime", "gmtime"}


def test_nothing_between_submit_and_result_reads_the_wall_clock():
    assert len(CLIENT_SIDE) > 40
    read = {
        f"{path.name}:{node.lineno}"
        for path in CLIENT_SIDE
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id in ("time", "datetime", "date")
        and node.func.attr in WALL_CLOCKS
    }
    assert read == set()


class Skewed(http.server.BaseHTTPRequestHandler):
    """S3, as it answers a request that was signed at another time of day."""

    def do_PUT(self):
        body = b"<Error><Code>RequestTimeTooSkewed</Code><Message>too large</Message></Error>"
        self.send_response(403)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        """Say nothing."""


def test_a_clock_that_the_store_does_not_accept_is_named():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Skewed) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        location = StoreLocation("b", endpoint=f"http://127.0.0.1:{server.server_address[1]}")
        store = S3Store(location, access_key_id="a", secret_access_key="s")
        with pytest.raises(StoreDenied, match="the clock of this machine is wrong"):
            store.put("key", b"")
        server.shutdown()
