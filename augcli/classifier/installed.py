"""Whether the packages that a classifier needs are installed."""

from __future__ import annotations

from augcli.errors import UserError, said_by

_INSTALL = "run `pip install 'augcli[onnx]'`"


def require_onnx() -> None:
    """Raise UserError where a classifier cannot be read or run for want of a package."""
    try:
        import onnx  # noqa: F401

        import augcli.ort  # noqa: F401
    except ModuleNotFoundError as error:
        raise UserError(
            f"A classifier needs the package {error.name}, which is not installed; {_INSTALL}."
        ) from error
    except ImportError as error:
        raise UserError(
            f"A package that a classifier needs cannot be loaded ({said_by(error)}); {_INSTALL}."
        ) from error
