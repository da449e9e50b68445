"""Input gradients of image classifiers, as plain ONNX: no framework, no code generation, one
session for both passes.

    from augcli.autodiff import differentiate
    result = differentiate(Path("classifier.onnx"))

The stages are files: `load`, `normalise` with `rewrites/`, `fold`, `probe` and `batch`,
`reverse` with the `registry` of rules in `rules/`, and `differentiate`, which strings them
together.
"""

from augcli.autodiff.differentiate import Differentiated, cache_key, differentiate

__all__ = ["Differentiated", "cache_key", "differentiate"]
