"""What is said of a name that is none of a saliency detector, apart from the code of detectors, so
that the command line is instant."""

from __future__ import annotations

from augcli.enums import DETECTORS
from augcli.text import did_you_mean, listed, shorten


def why_no_detector(name: str) -> str:
    """What is wrong with a name that is none of a saliency detector, as a sentence."""
    return (
        f"There is no saliency detector '{shorten(name)}'{did_you_mean(name, DETECTORS)};"
        f" give one of {listed(DETECTORS)}."
    )
