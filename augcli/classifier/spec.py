"""What the saliency maps of a classifier depend on, and how it runs."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from augcli.autodiff.differentiate import Target
from augcli.classifier.cache import BOUND
from augcli.classifier.preprocess import Preprocessing
from augcli.classifier.sessions import Device

# Images that a process on CUDA runs together.
_BATCH = 16


@dataclass(frozen=True)
class Address:
    """Where the process listens, and the secret that a client must give."""

    name: str
    secret: bytes = field(repr=False)


@dataclass(frozen=True)
class ClassifierSpec:
    """A classifier and all that its maps depend on; picklable.

    model: path of the ONNX file. digest: of its bytes and of the weights beside it. outputs: the
    number of its logits. class_map: the output of each class of the data set, -1 for the negative
    of the one output of a binary classifier; None where the label is not used and the
    classifier's own prediction counts.

    The rest says how it runs: device; images a batch on CUDA; folder of the cache, or None, and
    how many bytes it may hold; the process that runs the model for others.
    """

    model: str
    digest: str
    preprocessing: Preprocessing
    outputs: int
    class_map: tuple[int, ...] | None
    head: str | None = None
    layer: str | None = None
    device: Device = "cpu"
    batch: int = _BATCH
    cache: str | None = None
    cache_size: int = BOUND
    server: Address | None = field(default=None, repr=False)

    @property
    def target(self) -> Target:
        """What the gradient is taken of: the label's logits, or the greatest."""
        return "predicted" if self.class_map is None else "weights"

    def identity(self) -> dict[str, Any]:
        """All that a map depends on but versions of libraries, as JSON: for the recipe's digest and
        for resuming."""
        return {
            "digest": self.digest,
            "preprocessing": asdict(self.preprocessing),
            "head": self.head,
            "layer": self.layer,
            "class_map": None if self.class_map is None else list(self.class_map),
        }
