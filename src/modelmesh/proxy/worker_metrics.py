"""The folder in which workers keep their metrics, so that each of them can tell those of all.

It is what the Prometheus library has for several processes:
https://prometheus.github.io/client_python/multiprocess/.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from modelmesh.config import schema
from modelmesh.connectors import registry
from modelmesh.connectors.observability.prometheus import FOLDER, Observer

Forget = Callable[[int], object]
"""Takes out what a worker that ended, by its number, had at that moment. Its sums stay."""


@contextmanager
def shared_metrics(config: schema.MeshConfig, number: Callable[[], int]) -> Iterator[Forget]:
    """Have the workers who are forked meanwhile share their metrics, where some are configured.

    `number` tells each process its own. The folder is an empty one, which goes at the end, unless
    the environment names one: that is only emptied now.
    """
    if not _wanted(config):
        yield lambda _: None
        return
    # Who has no metrics need not have it.
    from prometheus_client import multiprocess, values  # noqa: PLC0415 - see above

    with TemporaryDirectory(prefix="modelmesh-metrics-") as own:
        folder = os.environ.setdefault(FOLDER, own)
        Path(folder).mkdir(parents=True, exist_ok=True)
        for left in Path(folder).glob("*.db"):
            left.unlink()
        # By numbers there are as many files as workers at a time; by process ids, which the library
        # takes by itself, as many as there ever were.
        values.ValueClass = values.MultiProcessValue(number)

        def forget(ended: int) -> None:
            with suppress(OSError):  # somebody took the folder away
                multiprocess.mark_process_dead(ended, folder)

        yield forget


def _wanted(config: schema.MeshConfig) -> bool:
    sections = config.observability
    return any(
        section.connector in registry.names(Observer.connector)
        for section in (sections.routing, sections.logging, sections.statistics)
    )
