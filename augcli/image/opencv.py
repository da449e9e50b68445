"""Whether the OpenCV that is installed is the one that is needed."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from contextlib import suppress

from augcli.enums import OF_CONTRIB
from augcli.errors import UserError

_PACKAGES = (
    "opencv-python",
    "opencv-python-headless",
    "opencv-contrib-python",
    "opencv-contrib-python-headless",
)
_WANTED = _PACKAGES[3] if sys.platform.startswith("linux") else _PACKAGES[2]


def require_opencv() -> None:
    """Raise UserError, with the package to install or remove, where OpenCV cannot serve; any of its
    packages can, but for what `require_contrib` says."""
    try:
        import cv2
    except ImportError as error:
        raise UserError(f"OpenCV cannot be loaded ({error}); {_remedy()}") from error
    if not hasattr(cv2, "IMREAD_COLOR_RGB"):
        raise UserError(
            f"OpenCV {getattr(cv2, '__version__', '')} is too old, 4.11 is needed; {_remedy()}"
        )


def require_contrib(detectors: Iterable[str]) -> None:
    """Raise UserError where one of these saliency detectors needs OpenCV's contrib modules, and the
    OpenCV that is loaded lacks them."""
    needing = [name for name in detectors if name in OF_CONTRIB]
    if not needing:
        return
    require_opencv()
    import cv2

    if not hasattr(cv2, "saliency"):
        raise UserError(
            f"--saliency {needing[0]} needs OpenCV's contrib modules, which the OpenCV that is"
            f" loaded lacks; {_remedy()}"
        )


def opencv_packages() -> dict[str, str]:
    """The packages of OpenCV that are installed, all of which write the same folder, with their
    versions."""
    from importlib.metadata import PackageNotFoundError, version

    found = {}
    for name in _PACKAGES:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def _remedy() -> str:
    others = [name for name in opencv_packages() if name != _WANTED]
    removal = f"`pip uninstall {' '.join(others)}` and " if others else ""
    return f"run {removal}`pip install --force-reinstall {_WANTED}`."
