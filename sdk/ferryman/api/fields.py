"""What the models of the TaskRun are made of: their base, and the texts that several of them hold."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from ferryman.api import durations


def _duration(text: str) -> str:
    durations.parse(text)
    return text


Duration = Annotated[
    str,
    Field(pattern=durations.PATTERN, min_length=durations.MIN_LENGTH, max_length=durations.MAX_LENGTH),
    AfterValidator(_duration),
]
"""A Go duration: `1.5s`, `2h`."""

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", max_length=64)]
Name = Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$", min_length=1, max_length=253)]
RunUid = Annotated[str, Field(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", max_length=36)]
Line = Annotated[str, Field(max_length=1024)]


class Model(BaseModel):
    """A frozen part of a TaskRun; refuses what it does not know."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        alias_generator=to_camel,
        populate_by_name=True,
        use_attribute_docstrings=True,
    )
