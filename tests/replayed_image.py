"""An image without Docker: the steps of a Dockerfile, each with a folder of ours as its root.

Replayed are the instructions as they stand, whatever they are: what is copied (by .dockerignore),
what is run, the environment, the user, the volume, the entry point and the health check. Where
this differs from a build: the first image is this machine, which lends its programs and its Python
instead of Python 3.12, unwritable; a step gets the network of this machine; there are no layers.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from signal import SIGKILL
from string import Template
from threading import Timer

import pytest
from attrs import define, field, frozen
from dockerfile import Instruction, ignored, instructions

FIRST = "python:3.12-slim"
PATIENCE = 20.0
_PYTHON = Path(sys.base_prefix)
_LENT = (Path("/usr"), Path("/etc"), *([] if Path("/usr") == _PYTHON else [_PYTHON]))
_LINKS = ("bin", "lib", "lib64", "sbin")
# How a step reaches the index that pip is set up for.
_NETWORK = re.compile(r"PIP_(CERT|.*INDEX.*|.*TIMEOUT)|SSL_CERT_FILE|(?i:https?_proxy|no_proxy)")


def _can_replay() -> bool:
    tools = ("unshare", "nsenter", "chroot", "setpriv", "ip")
    if os.geteuid() or not all(map(shutil.which, tools)) or not (_PYTHON / "bin/pip").exists():
        return False
    tried = ("unshare", "--mount", "--pid", "--net", "--fork", "true")
    return subprocess.run(tried, capture_output=True, check=False).returncode == 0


can_replay = pytest.mark.skipif(
    not _can_replay(), reason="this takes root, util-linux, iproute2, pip and leave for namespaces"
)


@define
class Image:
    """A folder that is somebody's root, and how programs are started there."""

    root: Path
    env: dict[str, str]
    folder: str = "/"
    user: str = "0:0"
    volumes: list[str] = field(factory=list)
    arguments: dict[str, str] = field(factory=dict)
    check: Sequence[str] = ()
    entry: list[str] = field(factory=list)
    command: list[str] = field(factory=list)

    def inside(self, path: str) -> Path:
        return self.root / os.path.normpath(f"{self.folder}/{path}" if path[0] != "/" else path)[1:]

    def command_line(self, words: Sequence[str], more: Mapping[str, str], *, user: str) -> str:
        uid, gid = user.split(":")
        rights = ["setpriv", f"--reuid={uid}", f"--regid={gid}", "--clear-groups"]
        if uid != "0":
            rights += ["--bounding-set=-all", "--inh-caps=-all", "--no-new-privs"]
        env = [f"{name}={value}" for name, value in {**self.env, **more}.items()]
        return shlex.join([*rights, "env", "-C", self.folder, "-i", *env, *words])

    def lend(self) -> Iterator[str]:
        """Give the commands that put this machine's programs into the folder."""
        yield f"set -e; mount --bind {self.root} {self.root}"
        for place in _LENT:
            target = self.root / str(place)[1:]
            target.mkdir(parents=True, exist_ok=True)
            yield f"mount --bind -o ro {place} {target}"
        for name in ("dev", "proc", "tmp"):
            (self.root / name).mkdir(exist_ok=True)
        (self.root / "tmp").chmod(0o1777)
        for name in _LINKS:
            if Path("/", name).is_symlink() and not (self.root / name).is_symlink():
                (self.root / name).symlink_to(Path("/", name).readlink())
        yield f"mount --rbind /dev {self.root}/dev"


@frozen
class Container:
    """An image that is run: its first process, and what that says."""

    image: Image
    process: "subprocess.Popen[str]"
    more: Mapping[str, str]
    _begun: "list[subprocess.Popen[str]]" = field(factory=list, init=False)

    @property
    def first(self) -> int:
        """The number, out here, of the process that is the first one in there."""
        parent = self.process.pid
        found = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
        return int(found[0])

    def within(self, *words: str) -> list[str]:
        """Return the command that does this in there, as `docker exec` would."""
        line = self.image.command_line(words, self.more, user=self.image.user)
        enter = ("nsenter", f"--target={self.first}", "--mount", "--pid", "--net", "--root", "--wd")
        return [*enter, "sh", "-c", f"exec {line}"]

    def run(self, *words: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            self.within(*words), capture_output=True, text=True, timeout=30, check=False
        )

    def begin(self, *words: str) -> "subprocess.Popen[str]":
        """Start something in there that ends with it, if not before."""
        command = self.within(*words)
        self._begun.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
        return self._begun[-1]

    def kill(self) -> None:
        """End it at once, and with it everything in there."""
        self._kill_first()
        for process in (self.process, *self._begun):
            process.kill()
            process.wait()
            assert process.stdout
            process.stdout.close()

    def _kill_first(self) -> None:
        with suppress(IndexError, OSError):  # it has ended already
            self.signal(SIGKILL)

    def signal(self, number: int) -> None:
        os.kill(self.first, number)

    def ended(self, within: float = PATIENCE) -> int:
        return self.process.wait(within)

    def until_said(self, text: str) -> str:
        """Read what it says up to a line with this text; return that line."""
        assert self.process.stdout
        said = ""
        patience = Timer(PATIENCE, self._kill_first)
        patience.start()
        try:
            for line in self.process.stdout:
                said += line
                if text in line:
                    return line
        finally:
            patience.cancel()
        raise AssertionError(f"it ended and never said {text!r}, but:\n{said}")


@frozen
class Build:
    """Replays a Dockerfile over the files of a folder."""

    context: Path
    scratch: Path
    stages: dict[str, Image] = field(factory=dict, init=False)

    def image(self) -> Image:
        """Carry out all instructions; return what the last stage makes."""
        image: Image | None = None
        for one in instructions((self.context / "Dockerfile").read_text()):
            if one.word == "FROM":
                image = self._begin(one)
            else:
                assert image, "a Dockerfile begins with FROM"
                self._step(image, one)
        assert image
        return image

    def _begin(self, one: Instruction) -> Image:
        first, *name = one.rest.split(" AS ")
        assert first == FIRST, f"this machine can stand for {FIRST} alone"
        root = self.scratch / (name[0] if name else "last")
        root.mkdir(mode=0o755)
        path = f"{_PYTHON}/bin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        return self.stages.setdefault(root.name, Image(root, {"PATH": path}))

    def _step(self, image: Image, one: Instruction) -> None:
        match one.word:
            case "ARG":
                name, _, default = one.rest.partition("=")
                image.arguments[name] = default
            case "COPY":
                self._copy(image, one)
            case "RUN":
                self._run(image, one)
            case "WORKDIR":
                image.folder = one.rest
                image.inside(".").mkdir(parents=True, exist_ok=True)
            case "LABEL" | "EXPOSE":
                pass  # words for people and registries
            case _:
                self._note(image, one)

    def _note(self, image: Image, one: Instruction) -> None:
        """Note how it is to be run."""
        match one.word:
            case "ENV":
                pairs = [word.split("=", 1) for word in one.words]
                known = {**image.arguments, **image.env}
                image.env |= {name: Template(text).substitute(known) for name, text in pairs}
            case "USER":
                image.user = one.rest
            case "VOLUME":
                image.volumes += one.words
            case "HEALTHCHECK":
                assert one.rest.startswith("CMD [")
                image.check = json.loads(one.rest.removeprefix("CMD "))
            case "ENTRYPOINT":
                image.entry = one.words
            case "CMD":
                image.command = one.words
            case other:
                raise AssertionError(f"nobody has said what {other} does")

    def _copy(self, image: Image, one: Instruction) -> None:
        assert set(one.flags) <= {"from"}
        *sources, target = one.words
        there = image.inside(target)
        for source in sources:
            if "from" in one.flags:
                found = self.stages[one.flags["from"]].inside(source)
                files = [path for path in found.rglob("*") if not path.is_dir()]
            else:
                found = self.context / source
                files = list(self._sent(found))
                assert files, f".dockerignore leaves nothing of {source}"
            for file in files:
                into = there / (file.relative_to(found) if found.is_dir() else file.name)
                into.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(file, into, follow_symlinks=False)

    def _sent(self, found: Path) -> Iterator[Path]:
        """Give the files at a place that .dockerignore lets into a build."""
        rules = (self.context / ".dockerignore").read_text()
        for file in found.rglob("*") if found.is_dir() else [found]:
            if not file.is_dir() and not ignored(str(file.relative_to(self.context)), rules):
                yield file

    def _run(self, image: Image, one: Instruction) -> None:
        network = {name: text for name, text in os.environ.items() if _NETWORK.fullmatch(name)}
        line = image.command_line(
            ["/bin/sh", "-c", one.rest], {**network, **image.arguments}, user=image.user
        )
        steps = [*image.lend(), f"mount --bind /proc {image.root}/proc"]
        script = "\n".join([*steps, f"exec chroot {image.root} {line}"])
        done = subprocess.run(
            ["unshare", "--mount", "sh", "-c", script], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"RUN {one.rest}\n{done.stdout}{done.stderr}"


@contextmanager
def running(
    image: Image,
    volume: Path,
    *words: str,
    env: Mapping[str, str] | None = None,
    mounted: Mapping[str, Path] | None = None,
) -> Iterator[Container]:
    """Run an image as `docker run --read-only --cap-drop=ALL` does, by its own user.

    It has a network of its own, and is the first process of its own. `volume` is the folder for
    its one volume, `mounted` are files by where they are in there, unwritable.
    """
    (place,) = image.volumes
    # A new volume is as the folder is in the image.
    shutil.copytree(image.inside(place), volume)
    made = image.inside(place).stat()
    os.chown(volume, made.st_uid, made.st_gid)
    steps = [*image.lend(), f"mount -t proc proc {image.root}/proc"]
    for target, source in (mounted or {}).items():
        image.inside(target).parent.mkdir(parents=True, exist_ok=True)
        image.inside(target).touch()
        steps.append(f"mount --bind -o ro {source} {image.inside(target)}")
    steps += [
        f"mount --bind {volume} {image.inside(place)}",
        f"mount -o remount,bind,ro {image.root}",
        "ip link set lo up",
        f"cd {image.root}",
    ]
    line = image.command_line([*image.entry, *(words or image.command)], env or {}, user=image.user)
    script = "\n".join([*steps, f"exec chroot {image.root} {line}"])
    space = ("unshare", "--mount", "--pid", "--net", "--fork")
    process = subprocess.Popen(
        [*space, "sh", "-c", script], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    container = Container(image, process, env or {})
    try:
        yield container
    finally:
        container.kill()
