"""What the README shows and no cluster is needed for."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from builders.admission import faults_of_creating

README = (Path(__file__).resolve().parents[2] / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)


def test_the_manifest_is_one_that_the_api_server_accepts():
    (text,) = blocks("yaml")
    assert faults_of_creating(yaml.safe_load(text)) == []


def test_the_first_screen_has_a_program_of_at_most_ten_lines():
    assert README.index("```python") < 300
    assert len(blocks("python")[0].splitlines()) <= 10


def test_it_leads_to_every_page():
    for page in ("tutorial", "prefect", "flows", "caching", "hooks", "serving", "images", "benchmarks"):
        assert f"(docs/{page}.md)" in README
