"""How a container of an image is started, as its Dockerfile says: the archives say the same, and need no Docker."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

from cluster.paths import ROOT

_COPIES = ("FROM", "COPY")
"""What of a last stage concerns the layers and not the settings."""


class UnknownInstruction(Exception):
    """A Dockerfile's last stage has an instruction of which this module cannot tell what it sets."""


def base(file: str) -> str:
    """The image that a Dockerfile builds on, unless it is told another: the default of its first ARG."""
    word, _, value = _instructions(file)[0][1].partition("=")
    if word != "BASE":
        raise UnknownInstruction(f"{file}: the first instruction is not `ARG BASE=...`")
    return value


def settings(file: str) -> dict[str, Any]:
    """What the last stage sets, as an image's configuration writes it. Raises UnknownInstruction."""
    config: dict[str, Any] = {}
    instructions = _instructions(file)
    last = max(index for index, (name, _) in enumerate(instructions) if name == "FROM")
    for name, value in instructions[last:]:
        match name:
            case "ENV":
                config["Env"] = shlex.split(value)
            case "LABEL":
                config["Labels"] = dict(word.split("=", 1) for word in shlex.split(value))
            case "WORKDIR":
                config["WorkingDir"] = value
            case "USER":
                config["User"] = value
            case "ENTRYPOINT":
                config["Entrypoint"] = json.loads(value)
            case _ if name not in _COPIES:
                raise UnknownInstruction(f"{file}: {name} {value}")
    return config


def _instructions(file: str) -> list[tuple[str, str]]:
    text = re.sub(r"^\s*#.*\n", "", Path(ROOT, file).read_text(), flags=re.MULTILINE)
    lines = re.sub(r"\\\n\s*", " ", text).splitlines()
    pairs = (line.partition(" ") for line in lines if line.strip())
    return [(name, value.strip()) for name, _, value in pairs]
