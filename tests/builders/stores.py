"""The store of the cluster that a kubeconfig leads to, seen from the tests."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import botocore.config
import yaml

SECRET = "ferryman-store"


@dataclass(frozen=True)
class StoreOfCluster:
    """`settings` is what the extension `ferryman.dev/store` of the kubeconfig's first context says."""

    settings: dict[str, Any]

    @classmethod
    def of(cls, kubeconfig: Path) -> StoreOfCluster:
        context = yaml.safe_load(kubeconfig.read_text())["contexts"][0]["context"]
        return cls(context["extensions"][0]["extension"])

    @property
    def location(self) -> dict[str, Any]:
        """As the operator's configuration has it."""
        known = ("bucket", "prefix", "endpoint", "region", "allowHttp", "allowUnconditional")
        return {name: self.settings[name] for name in known if name in self.settings}

    def secret(self, namespace: str) -> dict[str, Any]:
        """With the credentials of runners."""
        values = {
            "AWS_ACCESS_KEY_ID": self.settings["accessKeyId"],
            "AWS_SECRET_ACCESS_KEY": self.settings["secretAccessKey"],
        }
        meta = {"name": SECRET, "namespace": namespace}
        return {"apiVersion": "v1", "kind": "Secret", "metadata": meta, "stringData": values}

    def objects_of_runs(self, namespace: str) -> dict[str, bytes]:
        """Claims and results of a namespace, by key without the store's prefix."""
        prefix = self.settings.get("prefix") or ""
        root = f"{prefix}/" if prefix else ""
        client, bucket = self._client(), self.settings["bucket"]
        pages = client.get_paginator("list_objects_v2").paginate(
            Bucket=bucket, Prefix=f"{root}{namespace}/runs/"
        )
        found = [one["Key"] for page in pages for one in page.get("Contents", [])]

        def content(key: str) -> bytes:
            return client.get_object(Bucket=bucket, Key=key)["Body"].read()

        with ThreadPoolExecutor(8) as pool:
            return {
                key.removeprefix(root): body
                for key, body in zip(found, pool.map(content, found), strict=True)
            }

    def _client(self) -> Any:
        return boto3.Session().client(
            "s3",
            endpoint_url=self.settings.get("endpoint"),
            region_name=self.settings.get("region", "us-east-1"),
            aws_access_key_id=self.settings["accessKeyId"],
            aws_secret_access_key=self.settings["secretAccessKey"],
            config=botocore.config.Config(s3={"addressing_style": "path"}),
        )


def restricted(namespace: str) -> dict[str, Any]:
    """A namespace that holds pods to the Pod Security level `restricted`."""
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace, "labels": labels}}
