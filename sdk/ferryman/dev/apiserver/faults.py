"""Faults to order: rules that delay, refuse, cut or falsify what the server answers."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Any

from ferryman.dev.apiserver.errors import BadRequest
from ferryman.dev.apiserver.requests import Target


class Action(StrEnum):
    """What a rule does to a request."""

    DELAY = "delay"
    """Answer after `delay` seconds."""
    ERROR = "error"
    """Answer `status` instead (409, 429, 5xx), with Retry-After if `retry_after` is set; nothing is done."""
    RESET = "reset"
    """Break the connection; nothing is done."""
    LOSE_REPLY = "lose-reply"
    """Do it, then break the connection."""
    DROP_WATCH = "drop-watch"
    """Break a watch after `after_events` events."""
    LAG_WATCH = "lag-watch"
    """Tell every event of a watch `delay` seconds late: a stale cache."""
    EXPIRE_WATCH = "expire-watch"
    """Answer a watch with 410."""
    STALE_LIST = "stale-list"
    """Answer a list as it was `versions_back` changes ago."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One rule. Empty selectors fit everything; names are globs.

    `resource` is `jobs.batch` or `taskruns.ferryman.dev/status`; `agent` is a part of the user agent.
    The rule passes over the first `skip` requests that fit, then fires `count` times (None: always),
    each time with `probability`.
    """

    action: Action
    verb: str = "*"
    resource: str = "*"
    namespace: str = "*"
    name: str = "*"
    agent: str = ""
    skip: int = 0
    count: int | None = None
    probability: float = 1.0
    delay: float = 0.0
    status: int = 500
    message: str = "injected by a fault rule"
    retry_after: int | None = None
    versions_back: int = 1
    after_events: int = 1

    @classmethod
    def parse(cls, body: Mapping[str, Any]) -> Fault:
        """From JSON with these field names. Raises BadRequest."""
        unknown = sorted(set(body) - {each.name for each in fields(cls)})
        if unknown:
            raise BadRequest(f"a fault has no field {unknown[0]!r}")
        try:
            return cls(**{**body, "action": Action(body["action"])})
        except (KeyError, ValueError, TypeError) as error:
            raise BadRequest(f"this is no fault: {error}") from None

    def fits(self, target: Target, name: str, agent: str) -> bool:
        """Whether it is about this request; `name` is the object's, also where only the body has it."""
        whole = f"{target.resource.qualified}/{target.subresource}".rstrip("/")
        pairs = ((target.verb, self.verb), (whole, self.resource), (target.namespace or "", self.namespace))
        return (
            all(fnmatchcase(value, pattern) for value, pattern in pairs)
            and fnmatchcase(name, self.name)
            and self.agent in agent
        )


class Faults:
    """The rules in force. `fired` counts, for each rule in the order given, how often it did its work."""

    def __init__(self, rules: Iterable[Fault] = (), *, seed: int = 0) -> None:
        self.set(rules, seed=seed)

    def set(self, rules: Iterable[Fault], *, seed: int = 0) -> None:
        """Put these in force, in the place of all others."""
        self._rules = list(rules)
        self.fired = [0] * len(self._rules)
        # Reproducible, not secret.
        self._random = random.Random(seed)  # noqa: S311

    def add(self, rule: Fault) -> None:
        """One more."""
        self._rules.append(rule)
        self.fired.append(0)

    def clear(self) -> None:
        """None."""
        self.set(())

    def firing(self, target: Target, name: str, agent: str) -> list[Fault]:
        """The rules that fire for a request, in order; each is counted."""
        return [
            rule
            for index, rule in enumerate(self._rules)
            if rule.fits(target, name, agent) and self._fires(index)
        ]

    def _fires(self, index: int) -> bool:
        rule = self._rules[index]
        if rule.skip:
            self._rules[index] = replace(rule, skip=rule.skip - 1)
            return False
        spent = rule.count is not None and self.fired[index] >= rule.count
        if spent or (rule.probability < 1 and self._random.random() >= rule.probability):
            return False
        self.fired[index] += 1
        return True

    def as_json(self) -> list[dict[str, Any]]:
        """For `GET /faults`: the rules, each with how often it has fired."""
        return [asdict(rule) | {"fired": fired} for rule, fired in zip(self._rules, self.fired, strict=True)]
