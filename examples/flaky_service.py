"""Retries against a service that is not always there.

    ferryman dev run examples/flaky_service.py

The operator waits between the attempts, not a pod: 0.2, 0.4, 0.8 seconds, each spread by up to 30 %. The
condition is asked in the pod, where the exception is: what the service does not have will not appear, so
that is not tried again.
The service is part of this program, and refuses its first two requests; set SERVICE_URL to one that the
pods of your cluster can reach.

It prints:

    /price/tea    4.20 after 3 attempts: UserException, UserException, Completed
    /price/gold   'there is no gold', after 1 attempt
"""

from __future__ import annotations

import json
import os
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import Any

from ferryman import State, Task, TaskFuture, TaskRun, exponential_backoff, task

REFUSALS = 2


def may_pass(task: Task[..., Any], task_run: TaskRun, state: State) -> bool:
    """Whether another attempt can help."""
    return not isinstance(state.data, LookupError)


@task(
    retries=5,
    retry_delay_seconds=exponential_backoff(0.2),
    retry_jitter_factor=0.3,
    retry_condition_fn=may_pass,
    timeout_seconds=30,
)
def price(service: str, item: str) -> float:
    """What the service asks for the item."""
    try:
        with urllib.request.urlopen(f"{service}/price/{item}", timeout=10) as answer:
            return float(json.load(answer)["price"])
    except urllib.error.HTTPError as error:
        if error.code == 404:
            raise LookupError(f"there is no {item}") from None
        raise


def endings(future: TaskFuture[Any]) -> list[str]:
    """How each attempt ended."""
    return [attempt.reason for attempt in future.run.attempts] if future.run else []


class Service(BaseHTTPRequestHandler):
    """Has one item, and bad days."""

    requests = count()

    def do_GET(self) -> None:
        if self.path != "/price/tea":
            self.send_error(404)
        elif next(self.requests) < REFUSALS:
            self.send_error(503)
        else:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'{"price": 4.2}')

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


@contextmanager
def service() -> Iterator[str]:
    if "SERVICE_URL" in os.environ:
        yield os.environ["SERVICE_URL"]
        return
    with ThreadingHTTPServer(("127.0.0.1", 0), Service) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def main() -> None:
    with service() as url:
        tea, gold = price.submit(url, "tea"), price.submit(url, "gold")
        asked = tea.result()
        print(f"/price/tea    {asked:.2f} after {len(endings(tea))} attempts: {', '.join(endings(tea))}")
        try:
            gold.result()
        except LookupError as error:
            print(f"/price/gold   {str(error)!r}, after {len(endings(gold))} attempt")


if __name__ == "__main__":
    main()
