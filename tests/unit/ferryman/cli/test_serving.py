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


@pytest.mark.parametrize(
    ("option", "said"),
    [
        (("--lease", "1s"), "lease must be between 3 and 3600 seconds, not 1"),
        (("--store", "My Store"), "store must be a name of lower-case letters, digits and -, not 'My Store'"),
    ],
)
def test_an_option_that_cannot_be_is_said_in_a_line(option, said, capsys, tmp_path, monkeypatch):
    (tmp_path / "leased.py").write_text("from ferryman import task\n@task\ndef f(): ...\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(SystemExit):
        main(["serve", "leased:f", *option])
    assert said in capsys.readouterr().err
