"""The table of rules: vector-Jacobian products by operator and input.

The style is that of HIPS/autograd's `defvjp` (Maclaurin, Duvenaud & Adams, 2015).

A rule is a function `(g, y, *inputs, **attributes) -> gradient`. `g` is the cotangent of the node's
first output `y`, inputs are values (None where the node leaves one out), attributes arrive by name,
and their defaults in the rule's signature are those of the ONNX specification. An attribute that a
rule does not name is one that it does not know, and the node counts as having no rule. A rule
returns None where the gradient is zero.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import cache
from inspect import Parameter
from typing import Any, NamedTuple

from onnx import AttributeProto, NodeProto, helper, numpy_helper

from augcli.autodiff.graph import Graph, NoRule, Value
from augcli.autodiff.ops import unbroadcast

Rule = Callable[..., Value | None]


class Entry(NamedTuple):
    """A rule, and how it is called."""

    rule: Rule
    every_output: bool
    broadcast: bool


_ANY_INPUT = -1
_rules: dict[tuple[str, int], Entry] = {}
_flat: set[str] = set()


def vjp(
    op_type: str, argument: int | None = 0, *, every_output: bool = False, broadcast: bool = False
) -> Callable[[Rule], Rule]:
    """Register a rule for one input of an operator.

    argument None: one rule for every input, which gets the input's number as `argument`.
    every_output: `g` and `y` are lists over the node's outputs, with None where no gradient
    arrives. broadcast: the result is summed over the axes along which the input was broadcast.
    """

    def register(rule: Rule) -> Rule:
        entry = Entry(rule, every_output, broadcast)
        _rules[op_type, _ANY_INPUT if argument is None else argument] = entry
        return rule

    return register


def elementwise(op_type: str, *rules: Rule) -> None:
    """Register one rule for each input of an elementwise operator with broadcasting."""
    for argument, rule in enumerate(rules):
        vjp(op_type, argument, broadcast=True)(rule)


def flat(*op_types: str) -> None:
    """Operators whose derivative is zero wherever it exists."""
    _flat.update(op_types)


def is_flat(node: NodeProto) -> bool:
    """Whether no gradient passes this node."""
    return is_standard(node) and node.op_type in _flat


def is_standard(node: NodeProto) -> bool:
    """Whether the node is of the ONNX operator set itself."""
    return node.domain in ("", "ai.onnx")


def entry_of(node: NodeProto, argument: int) -> Entry | None:
    """The rule for an input of a node, or None."""
    if not is_standard(node):
        return None
    entry = _rules.get((node.op_type, argument)) or _rules.get((node.op_type, _ANY_INPUT))
    return entry if entry and accepts(entry.rule, node) else None


def accepts(rule: Callable[..., Any], node: NodeProto) -> bool:
    """Whether a rule knows every attribute of a node and takes as many inputs."""
    return _signature(rule).admits({a.name for a in node.attribute}, len(node.input))


def gradient(
    graph: Graph, node: NodeProto, argument: int, cotangents: list[Value | None]
) -> Value | None:
    """The gradient that reaches one input of a node, given those of its outputs.

    Raises NoRule where the rule does not cover the node.
    """
    entry = entry_of(node, argument)
    assert entry is not None
    inputs = [graph.value(name) if name else None for name in node.input]
    outputs = [graph.value(name) if name else None for name in node.output]
    attributes = attributes_of(node)
    if (node.op_type, argument) not in _rules:
        attributes["argument"] = argument
    if entry.every_output:
        result = entry.rule(cotangents, outputs, *inputs, **attributes)
    elif any(cotangents[1:]):
        raise NoRule("more than its first output is used")
    else:
        result = entry.rule(cotangents[0], outputs[0], *inputs, **attributes)
    like = inputs[argument]
    if result is not None and entry.broadcast and like is not None:
        result = unbroadcast(result, like)
    return result


def attributes_of(node: NodeProto) -> dict[str, Any]:
    """A node's attributes as Python values; strings as str, tensors as arrays."""
    return {a.name: _python(a) for a in node.attribute}


_LISTS = (AttributeProto.FLOATS, AttributeProto.INTS)


def _python(attribute: AttributeProto) -> Any:
    value = helper.get_attribute_value(attribute)
    if attribute.type == AttributeProto.STRING:
        return value.decode(errors="replace")
    if attribute.type == AttributeProto.STRINGS:
        return [v.decode(errors="replace") for v in value]
    if attribute.type == AttributeProto.TENSOR:
        return numpy_helper.to_array(value)
    return list(value) if attribute.type in _LISTS else value


class _Signature(NamedTuple):
    names: frozenset[str] | None  # None: any attribute
    inputs: int | None  # None: any number

    def admits(self, attributes: set[str], inputs: int) -> bool:
        return (self.names is None or attributes <= self.names) and (
            self.inputs is None or inputs <= self.inputs
        )


@cache
def _signature(rule: Callable[..., Any]) -> _Signature:
    parameters = inspect.signature(rule).parameters.values()
    kinds = {p.kind for p in parameters}
    positional = [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
    if positional[:2] == ["g", "y"]:
        positional = positional[2:]
    keywords = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY]
    return _Signature(
        None if Parameter.VAR_KEYWORD in kinds else frozenset([*positional, *keywords]),
        None if Parameter.VAR_POSITIONAL in kinds else len(positional),
    )
