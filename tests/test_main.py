"""The help names every verb."""

import subprocess
import sys

import pytest

from handflow.__main__ import VERBS, main


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
