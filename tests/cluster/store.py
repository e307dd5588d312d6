"""The object store: versitygw, an S3 server on a folder, on the bridge."""

from __future__ import annotations

import base64
import secrets
from typing import Any

import boto3
import botocore.config
import botocore.exceptions

from cluster import binaries, network
from cluster.paths import STATE, STORE_LOG
from cluster.processes import Process, answers

ENDPOINT = f"http://{network.HOST}:7070"
BUCKET = "ferryman"
REGION = "us-east-1"
SECRET = "ferryman-store"
"""The Secret, in namespace `default`, by which runners get the credentials."""

FOLDER = STATE / "store"
_KEY = STATE / "store-key"


class UnfitStore(Exception):
    """The server does not do what Ferryman relies on."""


def server() -> Process:
    FOLDER.mkdir(parents=True, exist_ok=True)
    access_key, secret_key = credentials()
    command = (
        str(binaries.path(binaries.OBJECT_STORE)),
        f"--port={network.HOST}:7070",
        f"--region={REGION}",
        "--health=/health",
        "--keep-alive",
        "--quiet",
        f"--access-log={STORE_LOG}",
        "posix",
        str(FOLDER),
    )
    # In the environment, where only root can read it.
    env = {"ROOT_ACCESS_KEY_ID": access_key, "ROOT_SECRET_ACCESS_KEY": secret_key}
    return Process("object-store", command, lambda: answers(f"{ENDPOINT}/health"), env)


def credentials() -> tuple[str, str]:
    """Its access key, made anew for every cluster."""
    if not _KEY.exists():
        _KEY.touch(mode=0o600)
        _KEY.write_text(secrets.token_hex(32))
    return "ferryman-test", _KEY.read_text()


def prepare() -> None:
    """Make the bucket, and make sure that the server honours conditional writes. Raises UnfitStore."""
    access_key, secret_key = credentials()
    client = boto3.client(
        "s3", endpoint_url=ENDPOINT, region_name=REGION, aws_access_key_id=access_key,
        aws_secret_access_key=secret_key, config=botocore.config.Config(s3={"addressing_style": "path"}),
    )  # fmt: skip
    try:
        client.create_bucket(Bucket=BUCKET)
    except (client.exceptions.BucketAlreadyOwnedByYou, client.exceptions.BucketAlreadyExists):
        return
    client.put_object(Bucket=BUCKET, Key="probe", Body=b"first", IfNoneMatch="*")
    try:
        client.put_object(Bucket=BUCKET, Key="probe", Body=b"second", IfNoneMatch="*")
    except botocore.exceptions.ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] != 412:
            raise UnfitStore(f"a second conditional PUT was answered with {error}") from error
    else:
        raise UnfitStore("the store ignores If-None-Match: a second conditional PUT replaced the first")
    client.delete_object(Bucket=BUCKET, Key="probe")


def extension() -> dict[str, Any]:
    """What a kubeconfig's context says of the store."""
    access_key, secret_key = credentials()
    return {
        "bucket": BUCKET,
        "prefix": "",
        "endpoint": ENDPOINT,
        "region": REGION,
        "accessKeyId": access_key,
        "secretAccessKey": secret_key,
        "allowHttp": True,
    }


def secret() -> dict[str, Any]:
    """The Secret for runners."""
    access_key, secret_key = credentials()
    values = {"AWS_ACCESS_KEY_ID": access_key, "AWS_SECRET_ACCESS_KEY": secret_key}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": SECRET},
        "data": {name: base64.b64encode(value.encode()).decode() for name, value in values.items()},
    }
