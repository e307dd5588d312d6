"""What runs take up in etcd, asked of etcd itself."""

from __future__ import annotations

import base64
import json
import urllib.request

from benchmarks.samples import Samples
from cluster import etcd

PREFIX = "/registry/ferryman.dev/taskruns/"


def bytes_per_run(namespace: str) -> Samples:
    """The length of the value that etcd keeps of each run of a namespace: managedFields and all."""
    start = f"{PREFIX}{namespace}/".encode()
    # The next key after all that begin so: '0' comes after '/'.
    body = {"key": _encoded(start), "range_end": _encoded(start[:-1] + b"0")}
    request = urllib.request.Request(f"{etcd.URL}/v3/kv/range", data=json.dumps(body).encode())
    with urllib.request.urlopen(request, timeout=60) as reply:
        found = json.load(reply).get("kvs", [])
    return Samples(tuple(float(len(base64.b64decode(one["value"]))) for one in found))


def _encoded(key: bytes) -> str:
    return base64.b64encode(key).decode()
