"""What `ferryman serve` says of arguments that it cannot use: a line, and exit code 1."""

from __future__ import annotations

import pytest

from ferryman.cli import main


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param(["monthrange"], "is not of the form module:task", id="no_module"),
        pytest.param(
            ["calendar:monthrange"], "calendar:monthrange is no task: decorate it with @task", id="function"
        ),
        pytest.param(["calendar:fortnight"], "has no 'fortnight'", id="missing"),
        pytest.param(["no_such_module:f"], "No module named 'no_such_module'", id="missing_module"),
    ],
)
def test_what_cannot_be_served_is_said_in_a_line(arguments, said, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["serve", *arguments])
    assert (stopped.value.code, said in capsys.readouterr().err) == (1, True)


def test_a_lease_that_is_too_short_is_said_in_a_line(capsys, tmp_path, monkeypatch):
    (tmp_path / "leased.py").write_text("from ferryman import task\n@task\ndef f(): ...\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(SystemExit):
        main(["serve", "leased:f", "--lease", "1s"])
    assert "lease must be between 3 and 3600 seconds, not 1" in capsys.readouterr().err
