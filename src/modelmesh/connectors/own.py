"""Loading what a configuration names by `package.module:Class`.

Python looks among all that is installed, and after that in the folders of the configuration files
that were read: a file there hides nothing that is installed.
"""

import difflib
import importlib
import os
import sys
import traceback
from pathlib import Path
from types import ModuleType
from typing import Any, Final

_beside: Final[list[str]] = []
"""The folders of configuration files. They are on `sys.path` once something is loaded by name."""


_OURS: Final = str(Path(__file__).parents[1])


class NotLoaded(Exception):  # noqa: N818 - it reads as what it is
    """What was named cannot be loaded; the message says why, and what to do."""


def look_beside(file: str | os.PathLike[str]) -> None:
    """Let what a configuration file names be found in its folder, too."""
    folder = str(Path(file).absolute().parent)
    if folder not in _beside:
        _beside.append(folder)


def load(path: str) -> Any:
    """Return what a path like `package.module:Class` names.

    Raises:
        NotLoaded: there is no such thing, or its module fails.

    """
    name, _, parts = path.partition(":")
    if not name or not parts:
        raise NotLoaded("expected package.module:Class")
    module = _imported(name)
    found: Any = module
    for part in parts.split("."):
        if not hasattr(found, part):
            raise NotLoaded(_lacking(module, part, found))
        found = getattr(found, part)
    return found


def told(failure: BaseException) -> str:
    """Say what somebody's code raised, and where in it."""
    kind = type(failure).__name__
    words = f"{kind}: {failure}".removesuffix(": ")
    if isinstance(failure, SyntaxError) and failure.filename:
        return f"{kind}: {failure.msg} ({failure.filename}, line {failure.lineno})"
    frames = [
        frame
        for frame in traceback.extract_tb(failure.__traceback__)
        if not frame.filename.startswith(_OURS) and "importlib" not in frame.filename
    ]
    if not frames:
        return words
    folder = os.path.dirname(frames[0].filename)  # noqa: PTH120 - it need not be a path
    last = next(one for one in reversed(frames) if one.filename.startswith(folder))
    return f"{words} ({last.filename}, line {last.lineno})"


def _imported(name: str) -> ModuleType:
    sys.path += [folder for folder in _beside if folder not in sys.path]
    if name not in sys.modules:
        importlib.invalidate_caches()  # the file may have been written just now
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as failure:
        missing = failure.name or ""
        if f"{name}.".startswith(f"{missing}."):
            raise NotLoaded(_nowhere(missing)) from failure
        raise NotLoaded(f"{told(failure)}; is it installed?") from failure
    except (Exception, SystemExit) as failure:  # somebody else's module may fail in any way
        raise NotLoaded(told(failure)) from failure


def _nowhere(name: str) -> str:
    folders = " or ".join(_beside)
    looked = f", neither installed nor in {folders}" if folders else " where Python looks for it"
    files = [file.stem for folder in _beside for file in Path(folder).glob("*.py")]
    near = difflib.get_close_matches(name, files, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return f"there is no module {name!r}{looked}{hint}"


def _lacking(module: ModuleType, name: str, found: Any) -> str:
    """Say that a module has no such name, and whether another one was meant."""
    file = getattr(module, "__file__", None) or module.__name__
    words = f"there is no {name!r} in {file}"
    top, *below = module.__name__.split(".")
    others = [str(Path(folder) / f"{top}.py") for folder in _beside]
    hidden = next((one for one in others if one != file and Path(one).exists()), None)
    if hidden and not below:
        return f"{words}, which comes before {hidden}: give yours another name"
    near = difflib.get_close_matches(name, [one for one in dir(found) if one[0] != "_"], n=1)
    return f"{words}; did you mean {near[0]!r}?" if near else words
