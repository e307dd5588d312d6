"""The node and the Job controller on storage, without servers: what they do to objects, with real processes."""

from __future__ import annotations

import asyncio
import contextlib
import sys

from ferryman.dev.apiserver.builtin_resources import builtin_registry
from ferryman.dev.apiserver.objects import Objects, ref
from ferryman.dev.apiserver.storage import Storage
from ferryman.dev.jobs.controller import JobController
from ferryman.dev.node.node import Node
from ferryman.dev.processes.reaper import Reaper

PATIENCE = 12


class SmallCluster:
    def __init__(self, directory, *, max_pods=None):
        self.storage = Storage(builtin_registry())
        self.objects = Objects(self.storage)
        self.directory = directory
        self._max_pods = max_pods

    async def __aenter__(self):
        self.objects.create("namespaces", {"metadata": {"name": "default"}})
        self._stack = contextlib.ExitStack()
        reaper = self._stack.enter_context(Reaper(self.directory))
        self.node = Node(self.objects, self.directory, reaper, max_pods=self._max_pods)
        self._tasks = [asyncio.create_task(one.run()) for one in (self.node, JobController(self.objects))]
        return self

    async def __aexit__(self, *_):
        for task in self._tasks:
            task.cancel()
        await asyncio.wait(self._tasks)
        self._stack.close()

    def get(self, resource, name):
        return self.objects.get(resource, "default", name)

    def delete(self, resource, name, **options):
        self.objects.delete(ref(resource, self.get(resource, name)), **options)

    def pods_of(self, job):
        return self.objects.list("pods", "default", labels=f"job-name={job}")

    async def until(self, what, condition):
        """Wait until `condition(object)` of `what` = (resource, name) is true; None is an object that is gone."""
        async with asyncio.timeout(PATIENCE):
            while not condition(self.get(*what)):
                await asyncio.sleep(0.02)
        return self.get(*what)

    async def until_over(self, name):
        return await self.until(
            ("pods", name), lambda pod: pod.get("status", {}).get("phase") in ("Succeeded", "Failed")
        )

    async def until_waiting(self, name, reason):
        return await self.until(("pods", name), lambda pod: waiting_of(pod).get("reason") == reason)

    async def until_condition(self, job, kind):
        return await self.until(("jobs.batch", job), lambda found: kind in conditions_of(found))

    async def log(self, name, options):
        return [line.decode() async for line in self.node.read_log(self.get("pods", name), "runner", options)]


def python(code):
    return (sys.executable, "-S", "-c", code)


def conditions_of(obj):
    return {one["type"]: one for one in (obj.get("status") or {}).get("conditions", ())}


def terminated_of(pod):
    return pod["status"]["containerStatuses"][0]["state"]["terminated"]


def waiting_of(pod):
    statuses = pod.get("status", {}).get("containerStatuses") or [{}]
    return statuses[0].get("state", {}).get("waiting", {})
