"""Whether the OpenCV that is installed is the one that is needed."""

from __future__ import annotations

import sys
from importlib.metadata import PackageNotFoundError, version

from augcli.errors import UserError

_PACKAGES = (
    "opencv-python",
    "opencv-python-headless",
    "opencv-contrib-python",
    "opencv-contrib-python-headless",
)


def require_opencv() -> None:
    """Raise UserError, with the package to install or remove, where OpenCV cannot serve."""
    wanted = _PACKAGES[3] if sys.platform.startswith("linux") else _PACKAGES[2]
    others = [name for name in _PACKAGES if name != wanted and _installed(name)]
    removal = f"`pip uninstall {' '.join(others)}` and " if others else ""
    remedy = f"run {removal}`pip install --force-reinstall {wanted}`."
    try:
        import cv2
    except ImportError as error:
        raise UserError(f"OpenCV cannot be loaded ({error}); {remedy}") from error
    if not hasattr(cv2, "saliency"):
        raise UserError(
            f"The OpenCV that is loaded lacks contrib modules: something shadows {wanted}; {remedy}"
        )
    if not hasattr(cv2, "IMREAD_COLOR_RGB"):
        raise UserError(f"OpenCV {cv2.__version__} is too old, 4.11 is needed; {remedy}")


def _installed(name: str) -> bool:
    try:
        version(name)
    except PackageNotFoundError:
        return False
    return True
