"""Offline augmentation of labelled image data sets: the command line's work for Python.

`generate`, `preview` and `verify` do what the commands do; `load_recipe` gives a recipe for arrays,
`open_manifest` reads what a run has left. Importing this module imports nothing else.
"""

TYPE_CHECKING = False  # of typing, whose import would be most of this one's

if TYPE_CHECKING:
    from augcli.api.generate import Generated as Generated
    from augcli.api.generate import generate as generate
    from augcli.api.manifest import Manifest as Manifest
    from augcli.api.manifest import open_manifest as open_manifest
    from augcli.api.preview import preview as preview
    from augcli.api.recipe import ArrayRecipe as ArrayRecipe
    from augcli.api.recipe import AugmentedArrays as AugmentedArrays
    from augcli.api.recipe import load_recipe as load_recipe
    from augcli.api.values import AugcliWarning as AugcliWarning
    from augcli.api.verify import Verified as Verified
    from augcli.api.verify import verify as verify
    from augcli.errors import RunFailed as RunFailed
    from augcli.errors import UserError as UserError

__version__ = "0.2.0"

# Where each public name stands, below this package.
_PLACES = {
    "ArrayRecipe": "api.recipe",
    "AugcliWarning": "api.values",
    "AugmentedArrays": "api.recipe",
    "Generated": "api.generate",
    "Manifest": "api.manifest",
    "RunFailed": "errors",
    "UserError": "errors",
    "Verified": "api.verify",
    "generate": "api.generate",
    "load_recipe": "api.recipe",
    "open_manifest": "api.manifest",
    "preview": "api.preview",
    "verify": "api.verify",
}
# Modules that need OpenCV where they are imported.
_WITH_PIXELS = ("api.generate", "api.preview", "api.recipe")
__all__ = [*_PLACES, "__version__"]


if not TYPE_CHECKING:  # a name that there is not is an error of types too

    def __getattr__(name):
        if name not in _PLACES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module

        if _PLACES[name] in _WITH_PIXELS:
            from augcli.image.opencv import require_opencv

            require_opencv()
        value = getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_PLACES})
