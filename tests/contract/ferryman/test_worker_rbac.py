"""What a worker is allowed is what it does: its `REQUIRED_RULES` against the requests it really makes."""

from __future__ import annotations

import contextlib
import inspect
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import pytest
from kubernetes import client

from ferryman.exceptions import ClusterError
from ferryman.kube_retry import Retries
from ferryman.worker.cluster import REQUIRED_RULES, WorkerCluster
from ferryman.worker.kube import KubeWorkerCluster

CALLS = {
    "watch_runs": ("ferryman.dev/served=x",),
    "watch_hooks": ("ferryman.dev/served=x",),
    "get_run": ("x",),
    "patch_status": ("x", {"status": {}}),
    "create_lease": ({"metadata": {"name": "x"}},),
    "renew_lease": ("x", {"spec": {}}),
    "delete_lease": ("x",),
}
VERBS = {"POST": "create", "PATCH": "patch", "DELETE": "delete"}


@pytest.fixture
def told():
    found: set[tuple[str, str]] = set()

    class Listener(BaseHTTPRequestHandler):
        def answer(self):
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            path = urlsplit(self.path)
            parts = path.path.split("/namespaces/default/")[1].split("/")
            resource = "/".join(parts[::2])
            listed = "watch" if "watch=true" in path.query else "list"
            verb = VERBS.get(self.command) or ("get" if len(parts) > 1 else listed)
            found.add((resource, verb))
            body = b'{"items": [], "metadata": {"resourceVersion": "1"}}' if verb == "list" else b"{}"
            # One watch is enough.
            self.send_response(403 if verb == "watch" else 200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PATCH = do_DELETE = answer  # noqa: N815

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Listener)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    configuration = client.Configuration(host=f"http://127.0.0.1:{server.server_port}")
    cluster = KubeWorkerCluster(client.ApiClient(configuration), "default", retries=Retries(most=0))
    try:
        for name, arguments in CALLS.items():
            keywords = {"within": 5.0} if name == "renew_lease" else {}
            with contextlib.suppress(ClusterError):
                answer = getattr(cluster, name)(*arguments, **keywords)
                if name.startswith("watch_"):
                    list(answer)
    finally:
        cluster.api_client.rest_client.pool_manager.clear()
        server.shutdown()
        thread.join()
        server.server_close()
    return found


def test_every_method_of_the_port_is_tried():
    methods = {name for name, _ in inspect.getmembers(WorkerCluster, inspect.isfunction) if name[0] != "_"}
    assert set(CALLS) == methods


def test_the_role_grants_what_is_used_and_nothing_else(told):
    assert told == {(rule.resource, verb) for rule in REQUIRED_RULES for verb in rule.verbs}


def test_the_role_never_grants_secrets_pods_or_the_runs_themselves():
    granted = {(rule.resource, verb) for rule in REQUIRED_RULES for verb in rule.verbs}
    assert not {resource for resource, _ in granted} & {"secrets", "pods", "jobs", "configmaps"}
    assert not {verb for resource, verb in granted if resource == "taskruns"} & {"create", "patch", "delete"}
