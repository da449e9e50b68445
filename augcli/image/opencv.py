"""Whether the OpenCV that is installed is the one that is needed."""

from __future__ import annotations

import sys

from augcli.errors import UserError

_PACKAGES = (
    "opencv-python",
    "opencv-python-headless",
    "opencv-contrib-python",
    "opencv-contrib-python-headless",
)
_WANTED = _PACKAGES[3] if sys.platform.startswith("linux") else _PACKAGES[2]


def require_opencv() -> None:
    """Raise UserError, with the package to install or remove, where OpenCV cannot serve."""
    try:
        import cv2
    except ImportError as error:
        raise UserError(f"OpenCV cannot be loaded ({error}); {_remedy()}") from error
    if not hasattr(cv2, "saliency"):
        raise UserError(
            f"The OpenCV that is loaded lacks contrib modules: something shadows {_WANTED};"
            f" {_remedy()}"
        )
    if not hasattr(cv2, "IMREAD_COLOR_RGB"):
        raise UserError(f"OpenCV {cv2.__version__} is too old, 4.11 is needed; {_remedy()}")


def _remedy() -> str:
    others = [name for name in _PACKAGES if name != _WANTED and _installed(name)]
    removal = f"`pip uninstall {' '.join(others)}` and " if others else ""
    return f"run {removal}`pip install --force-reinstall {_WANTED}`."


def _installed(name: str) -> bool:
    from importlib.metadata import PackageNotFoundError, version

    try:
        version(name)
    except PackageNotFoundError:
        return False
    return True
