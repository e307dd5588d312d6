"""Executions of a function, counted where they happen: each leaves an object of its own in the store."""

from __future__ import annotations

import collections
from dataclasses import asdict
from typing import Any

import boto3
import botocore.config

from ferryman.api.runner_contract import StoreLocation


def leave_mark(where: dict[str, Any], folder: str, name: str) -> None:
    """Called in the pod, which has the store's credentials."""
    import uuid

    from ferryman.wire.obstore import ObstoreStore

    ObstoreStore(StoreLocation(**where)).create(f"{folder}/{name}.{uuid.uuid4().hex}", b"")


class Executions:
    """The marks in a folder of a cluster's store."""

    def __init__(self, location: StoreLocation, credentials: dict[str, str], namespace: str) -> None:
        self.where = asdict(location)
        self.folder = f"{namespace}/executions"
        self._root = f"{location.prefix}/{self.folder}/" if location.prefix else f"{self.folder}/"
        self._bucket = location.bucket
        self._client: Any = boto3.Session().client(
            "s3",
            endpoint_url=location.endpoint,
            region_name=location.region,
            aws_access_key_id=credentials["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=credentials["AWS_SECRET_ACCESS_KEY"],
            config=botocore.config.Config(s3={"addressing_style": "path"}),
        )

    def count(self) -> collections.Counter[str]:
        """How often each name was marked."""
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=self._root)
        keys = [one["Key"] for page in pages for one in page.get("Contents", [])]
        return collections.Counter(key.removeprefix(self._root).rpartition(".")[0] for key in keys)
