"""What all work over the images of a run has in common, whatever is made of them."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from augcli.engine.images import Images
from augcli.engine.plan import Run
from augcli.engine.watch import Watch
from augcli.errors import UnreadableImage


@dataclass(frozen=True)
class RunWork:
    """The part of `executors.work.Work` that says how images of a run are decoded."""

    run: Run

    @property
    def memory(self) -> int:
        """About how many bytes of images a worker holds."""
        return self.run.runtime.memory

    @property
    def max_pixels(self) -> int:
        """The most pixels of an image that is decoded."""
        return self.run.job.max_pixels

    @property
    def place(self) -> Path:
        """Where the run keeps its state."""
        return self.run.runtime.state

    def try_decoding(self, index: int, watch: Watch) -> None:
        """Decode the image at `index` and nothing else."""
        with suppress(UnreadableImage):
            Images(self.run, (), watch).get(index)
