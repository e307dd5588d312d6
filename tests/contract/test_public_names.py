"""Every public name says what it is, and is somewhere in the documentation."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

import ferryman

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
CODE = re.compile(r"^```.*?^```|`[^`\n]+`", re.DOTALL | re.MULTILINE)
WORDS = {
    word for page in PAGES for code in CODE.findall(page.read_text()) for word in re.findall(r"\w+", code)
}
NAMES = [name for name in ferryman.__all__ if not name.startswith("_")]
SHORT = 120


@pytest.mark.parametrize("name", NAMES)
def test_the_docstring_is_more_than_a_phrase(name):
    told = inspect.getdoc(getattr(ferryman, name)) or ""
    assert told[:1].isupper() or told.startswith("`")
    assert len(told) >= SHORT or told.count(". ") + told.count(".\n") >= 1, told


@pytest.mark.parametrize("name", NAMES)
def test_the_docstring_is_the_names_own(name):
    found = getattr(ferryman, name)
    assert "See `" not in (inspect.getdoc(found) or "")
    if inspect.isclass(found):
        assert "__doc__" in vars(found)
        assert vars(found)["__doc__"] is not None


@pytest.mark.parametrize("name", NAMES)
def test_the_documentation_mentions_the_name(name):
    assert name in WORDS
