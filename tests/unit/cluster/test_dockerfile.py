"""Reading a Dockerfile's last stage."""

from __future__ import annotations

from pathlib import Path

import pytest

from cluster import dockerfile

START = "ARG BASE=debian:12\nFROM ${BASE} AS build\nENV A=1\nFROM ${BASE}\n"


def written(folder: Path, *instructions: str) -> str:
    file = folder / "Dockerfile"
    file.write_text(START + "".join(f"{line}\n" for line in instructions))
    return str(file)


def test_only_the_last_stage_counts(tmp_path):
    assert dockerfile.settings(written(tmp_path, "COPY --from=build / /")) == {}


def test_lines_can_go_on_and_comments_can_stand_between(tmp_path):
    file = written(tmp_path, "ENV B=2 \\", "# why C", "    C=3", 'LABEL x="a title"', "USER 1:1", "WORKDIR /")
    assert dockerfile.settings(file) == {
        "Env": ["B=2", "C=3"],
        "Labels": {"x": "a title"},
        "User": "1:1",
        "WorkingDir": "/",
    }


def test_an_entrypoint_is_a_list_of_words(tmp_path):
    assert dockerfile.settings(written(tmp_path, 'ENTRYPOINT ["python", "-m", "x"]')) == {
        "Entrypoint": ["python", "-m", "x"]
    }


def test_an_instruction_that_it_does_not_know_is_refused_and_not_dropped(tmp_path):
    with pytest.raises(dockerfile.UnknownInstruction, match="STOPSIGNAL SIGINT"):
        dockerfile.settings(written(tmp_path, "STOPSIGNAL SIGINT"))


def test_the_base_is_the_default_of_the_first_argument(tmp_path):
    assert dockerfile.base(written(tmp_path)) == "debian:12"


def test_a_file_without_one_is_refused(tmp_path):
    (tmp_path / "Dockerfile").write_text("FROM debian:12\n")
    with pytest.raises(dockerfile.UnknownInstruction, match="the first instruction is not"):
        dockerfile.base(str(tmp_path / "Dockerfile"))
