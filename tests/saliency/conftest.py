"""The classifier of sample_data, as it is asked for saliency."""

from __future__ import annotations

import pytest

from augcli.classifier.build import build_spec
from augcli.classifier.spec import ClassifierSpec
from tests.helpers.onnx_models import ALL, CLASSES, SAMPLE


@pytest.fixture(scope="session")
def sample() -> ClassifierSpec:
    return build_spec(SAMPLE, CLASSES, ALL)
