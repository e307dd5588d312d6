"""What the documentation points at exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "SECURITY.md",
    # Not the reference: it is generated, and full of regular expressions that look like links.
    *sorted(page for page in (ROOT / "docs").rglob("*.md") if page.parent.name != "reference"),
]
ARCHITECTURE = ROOT / "docs" / "architecture.md"
HOMES = ("", "sdk", "operator", "operator/ferryman_operator", "operator/ferryman_operator/reconcile")
LINK = re.compile(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)")
FILE = re.compile(r"`((?:[a-z_]+/)*[a-z_]+\.py|(?:[a-z_]+/)+)`")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path):
    assert [link for link in LINK.findall(page.read_text()) if not (page.parent / link).exists()] == []


def test_every_file_that_the_architecture_names_exists():
    gone, near = [], ""
    for name in FILE.findall(ARCHITECTURE.read_text()):
        places = [ROOT / home / name for home in HOMES] + [ROOT / near / name]
        found = next((place for place in places if place.exists()), None)
        if found is None:
            gone.append(name)
        elif "/" in name:
            # `ferryman/wire/codecs.py`, `failures.py`: the second one lies beside the first.
            near = str(found.parent.relative_to(ROOT))
    assert gone == []
