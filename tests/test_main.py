"""The help names every verb."""

import subprocess
import sys

import pytest

from handflow.__main__ import VERBS, main, use_of
from handflow.commands._standard_streams import Use


def test_help_names_every_verb_in_its_group() -> None:
    done = subprocess.run([sys.executable, "-m", "handflow", "--help"], capture_output=True, text=True, check=True)
    for group, verbs in VERBS.items():
        listed = done.stdout.partition(f"\n{group}:\n")[2].partition("\n\n")[0]
        assert [line.split()[0] for line in listed.splitlines()] == list(verbs)


@pytest.mark.parametrize("verb", [verb for verbs in VERBS.values() for verb in verbs])
def test_every_verb_has_help_of_its_own(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([verb, "--help"])
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith(f"usage: handflow {verb} ")


@pytest.mark.parametrize(
    ("arguments", "use"),
    [
        (["top"], Use.WATCHING),
        (["top", "--json"], Use.RESULT),
        (["top", "--once", "--graph", "g.yaml"], Use.RESULT),
        (["monitor", "--json"], Use.WATCHING),
        (["monitor", "--json", "--once"], Use.RESULT),
        (["run", "--once"], Use.LOG),
        (["detect"], Use.RESULT),
        ([], Use.RESULT),
    ],
)
def test_a_view_that_is_asked_for_once_is_a_result(arguments: list[str], use: Use) -> None:
    """Else a full disk would leave an empty file and exit status 0."""
    assert use_of(arguments) is use
