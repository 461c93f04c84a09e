"""A flag that there is not: the program says which may be meant, and ends with 2."""

import pytest

from modelmesh import cli
from modelmesh.cli import proxy


@pytest.mark.parametrize(
    ("words", "command", "hint"),
    [
        (["proxy", "--confg", "a.yaml"], "modelmesh proxy", "did you mean --config?"),
        (["check", "--olnine=1"], "modelmesh check", "did you mean --online?"),
        (["secrets", "list", "--stroe", "x"], "modelmesh secrets list", "did you mean --store?"),
        (["pools", "--zzz"], "modelmesh pools", "see --help"),
        (["--zzz", "pools"], "modelmesh", "see --help"),
    ],
)
def test_a_flag_that_there_is_not_leads_to_the_one_that_is_meant(
    words: list[str], command: str, hint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        cli.main(words)
    said = capsys.readouterr().err
    assert f"\n{command}: error: unrecognized arguments: --" in said
    assert said.endswith(f"; {hint}\n")


def test_so_does_one_of_the_module_which_the_guide_runs(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit, match="2"):
        proxy.main(["--prot", "9090"])
    said = capsys.readouterr().err
    assert "\npython -m modelmesh.proxy: error: unrecognized arguments: --prot" in said
    assert said.endswith("; did you mean --port?\n")
