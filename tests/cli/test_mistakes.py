"""What every command does with arguments that cannot be: one line that says where help is, and status 2."""

from __future__ import annotations

import pytest

from optout_middleware.cli import main


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ([], "the following arguments are required: COMMAND"),
        (["reprot"], "invalid choice: 'reprot'"),
        (["report", "audit", "--part", "zzz"], "argument --part: invalid choice: 'zzz'"),
        (["verify"], "the following arguments are required: DIR"),
        (["check", "https://a.example/", "--usage", "all"], "argument --usage: invalid choice: 'all'"),
        (["register", "find"], "required"),
        (["estimate", "list.txt", "--sample", "many"], "argument --sample: invalid int value: 'many'"),
    ],
)
def test_a_mistake_is_one_line(arguments: list[str], why: str, capsys: pytest.CaptureFixture[str]) -> None:
    """No usage of five lines, nothing said twice."""
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    error = capsys.readouterr().err
    assert (ended.value.code, error.count("\n")) == (2, 1)
    assert error.startswith("optout")
    assert why in error
    assert "--help` tells more\n" in error
