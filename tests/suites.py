"""Runs a suite of `modelmesh.testing` as pytest would, and tells which of its tests fail."""

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import SkipTest

import pytest


class _Asked:
    """What pytest tells a class of a test whose arguments are to be found."""

    def __init__(self, names: list[str]) -> None:
        self.fixturenames = names
        self.cases: list[dict[str, Any]] = [{}]

    def parametrize(self, name: str, values: list[Any], ids: list[str]) -> None:
        assert len(ids) == len(values)
        self.cases = [{**case, name: value} for case in self.cases for value in values]


def failures(suite: type[Any], tmp_path: Path, only: str = "") -> dict[str, str]:
    """Return why tests of a suite fail, or one of them, by their names without `test_`."""
    found: dict[str, str] = {}
    for number, (name, case) in enumerate(_cases(suite, f"test_{only}")):
        folder = tmp_path / str(number)
        folder.mkdir(parents=True)
        given = {**case, **({"tmp_path": folder} if "tmp_path" in case else {})}
        try:
            getattr(suite(), name)(**given)
        except (pytest.skip.Exception, SkipTest):
            continue
        except BaseException as failure:  # noqa: BLE001 - whatever a test ends with is told
            found.setdefault(name.removeprefix("test_"), f"{type(failure).__name__}: {failure}")
    return found


def _cases(suite: type[Any], begins: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, test in inspect.getmembers(suite, inspect.isfunction):
        if name.startswith(begins):
            names = list(inspect.signature(test).parameters)[1:]
            asked = _Asked(names)
            if hasattr(suite, "pytest_generate_tests"):
                suite().pytest_generate_tests(asked)
            for case in asked.cases:
                yield name, {**dict.fromkeys(names), **case}
