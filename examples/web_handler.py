"""A served task behind a web handler: answers in milliseconds, and work that outlives the request.

    ferryman dev run examples/web_handler.py

A worker, `ferryman serve web_handler:badge`, has the task's code loaded, and no pod is started for a call.
The handler creates runs with `delay`; each is an object of the cluster, so nothing is lost if the handler,
the worker or the operator restarts. `GET /badge/NAME` waits for the value; `POST /jobs/NAME` answers at
once with the name of the run, and `GET /jobs/RUN` says how far it is. Here the worker is started by this
program; in a cluster it is a Deployment: charts/ferryman/examples/worker.yaml.

It prints:

    GET  /badge/Ann     200 [ Ann ]
    POST /jobs/Bob      202 badge-...
    GET  /jobs/badge-...: 200 [ Bob ]
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import ferryman
from ferryman import task

PATIENCE = 60.0


@task(retries=2, retry_delay_seconds=1, timeout_seconds=10)
def badge(name: str) -> str:
    """What would take a library that takes seconds to import."""
    return f"[ {name} ]"


class Handler(BaseHTTPRequestHandler):
    """Two ways to use a task from a request."""

    def do_GET(self) -> None:
        _, kind, name = self.path.split("/")
        if kind == "badge":
            self.answer(HTTPStatus.OK, badge.delay(name).result(timeout=PATIENCE))
            return
        future = ferryman.get_run(name)
        if future.state.is_final():
            self.answer(HTTPStatus.OK, future.result(timeout=PATIENCE))
        else:
            self.answer(HTTPStatus.ACCEPTED, str(future.state))

    def do_POST(self) -> None:
        _, _, name = self.path.split("/")
        self.answer(HTTPStatus.ACCEPTED, badge.delay(name).name)

    def answer(self, status: HTTPStatus, text: str) -> None:
        self.send_response(status)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


@contextmanager
def a_worker() -> Iterator[None]:
    """`ferryman serve web_handler:badge`, until the end of the block."""
    command = [sys.executable, "-m", "ferryman", "serve", f"{Path(__file__).stem}:badge"]
    with subprocess.Popen(command, cwd=Path(__file__).parent, stderr=subprocess.DEVNULL) as worker:
        try:
            yield
        finally:
            worker.terminate()


@contextmanager
def a_server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def request(url: str, method: str, path: str) -> tuple[int, str]:
    with urllib.request.urlopen(urllib.request.Request(url + path, method=method)) as answer:
        return answer.status, answer.read().decode()


def main() -> None:
    with a_worker(), a_server() as url:
        print("GET  /badge/Ann    ", *request(url, "GET", "/badge/Ann"))
        status, run = request(url, "POST", "/jobs/Bob")
        print("POST /jobs/Bob     ", status, run)
        while (answer := request(url, "GET", f"/jobs/{run}"))[0] == HTTPStatus.ACCEPTED:
            time.sleep(0.05)
        print(f"GET  /jobs/{run}:", *answer)


if __name__ == "__main__":
    main()
