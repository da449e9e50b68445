"""What the gradient of a classifier costs beside its logits.

    python -m tests.benchmarks.models MODEL.onnx

Prints JSON: CPU milliseconds an image, on one thread, in batches of 8 where the model takes them:
logits at 224 pixels, logits and saliency at 224 and at 112, and saliency from early heads on
feature maps of half and of a quarter of the side. The heads' weights are random, which costs the
same.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np
import onnx

from augcli.autodiff import Differentiated, differentiate
from augcli.autodiff.inspect import inspect
from augcli.classifier.gradcam import part
from augcli.classifier.head import LinearHead, with_head
from augcli.classifier.preprocess import Preprocessing
from augcli.classifier.sessions import open_session

_BATCH = 8
_RUNS = 5
_CLASSES = 10
_SIDE = 224


def milliseconds(made: Differentiated) -> float:
    """CPU time of an image, the least of a few runs."""
    session = open_session(made.model.SerializeToString(), "cpu")
    batch = made.batch or _BATCH
    shape = [batch, *made.shape[1:]]
    feeds = {"image": np.random.default_rng(0).standard_normal(shape, np.float32)}
    session.run(None, feeds)
    spent = []
    for _ in range(_RUNS):
        started = time.process_time()
        session.run(None, feeds)
        spent.append(time.process_time() - started)
    return 1e3 * min(spent) / batch


def with_early_head(path: Path, side: int) -> onnx.ModelProto:
    """The model with a head on its feature map of this side."""
    features = inspect(path, size=(_SIDE, _SIDE)).features
    chosen = min(features, key=lambda f: abs(int(f.shape.rstrip(")").split(",")[-1]) - side))
    channels = int(chosen.shape.split(",")[1])
    weights = np.random.default_rng(0).standard_normal((channels, _CLASSES))
    return with_head(
        onnx.load_model(path), LinearHead(weights, np.zeros(_CLASSES)), at=chosen.name,
        name="early", channels_last=False, classes=[str(i) for i in range(_CLASSES)],
        preprocessing=Preprocessing((_SIDE, _SIDE)),
    )  # fmt: skip


def main() -> None:
    """Measure one model."""
    path = Path(sys.argv[1])
    full = differentiate(path, size=(_SIDE, _SIDE), target="predicted")
    half = differentiate(path, size=(_SIDE // 2, _SIDE // 2), target="predicted")
    made = {"logits": part(full, "logits"), "full": full, "half": half}
    for name, side in (("early, 1/2", _SIDE // 2), ("early, 1/4", _SIDE // 4)):
        headed = with_early_head(path, side)
        made[name] = differentiate(headed, size=(_SIDE, _SIDE), target="predicted", output="early")
    print(json.dumps({name: milliseconds(one) for name, one in made.items()}))


if __name__ == "__main__":
    main()
