"""A picture of a flow, in whatever form is asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ferryman.graphs import dot, svg, text
from ferryman.graphs.graph import Graph

_FORMS: Final[Mapping[str, Callable[[Graph], str]]] = {
    ".svg": svg.svg,
    ".dot": dot.dot,
    ".gv": dot.dot,
    ".txt": text.text,
}


@dataclass(frozen=True)
class Picture:
    """What `flow.visualize()` returns: shown by a notebook as SVG, printed as text."""

    graph: Graph

    @property
    def svg(self) -> str:
        """An SVG document."""
        return svg.svg(self.graph)

    @property
    def dot(self) -> str:
        """Graphviz source."""
        return dot.dot(self.graph)

    @property
    def text(self) -> str:
        """Lines for a terminal."""
        return text.text(self.graph)

    def save(self, path: str | Path) -> Path:
        """Write it as what the suffix says: .svg, .dot, .gv or .txt. Raises ValueError for any other."""
        target = Path(path)
        form = _FORMS.get(target.suffix)
        if form is None:
            raise ValueError(f"{target.name}: the suffix of a picture is one of {', '.join(_FORMS)}")
        target.write_text(form(self.graph), encoding="utf-8")
        return target

    def _repr_svg_(self) -> str:
        return self.svg

    def __str__(self) -> str:
        return self.text.removesuffix("\n")
