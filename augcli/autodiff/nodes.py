"""Walking ONNX nodes, whose attributes may hold graphs of their own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import onnx
from onnx import AttributeProto, GraphProto, ModelProto, NodeProto


def subgraphs(node: NodeProto) -> Iterator[GraphProto]:
    """The bodies of a control-flow node."""
    for attribute in node.attribute:
        if attribute.type == AttributeProto.GRAPH:
            yield attribute.g
        elif attribute.type == AttributeProto.GRAPHS:
            yield from attribute.graphs


def names_read(node: NodeProto) -> set[str]:
    """The tensors that a node reads, in its bodies too."""
    names = {name for name in node.input if name}
    for body in subgraphs(node):
        inner = {i.name for i in body.input} | {t.name for t in body.initializer}
        inner.update(name for n in body.node for name in n.output)
        read = {name for n in body.node for name in names_read(n)} | {o.name for o in body.output}
        names |= read - inner
    return names


def names_of(node: NodeProto) -> set[str]:
    """Every name that occurs in a node or its bodies."""
    names = {*node.input, *node.output}
    for body in subgraphs(node):
        names.update(v.name for v in (*body.input, *body.output, *body.initializer))
        names.update(*(names_of(n) for n in body.node))
    return names


def rename(node: NodeProto, names: dict[str, str]) -> None:
    """Change names of tensors wherever a node or its bodies use them."""
    for field in (node.input, node.output):
        for index, name in enumerate(field):
            field[index] = names.get(name, name)
    for body in subgraphs(node):
        for inner in body.node:
            rename(inner, names)
        for info in (*body.input, *body.output, *body.initializer):
            info.name = names.get(info.name, info.name)


def in_order(nodes: Sequence[NodeProto]) -> list[NodeProto]:
    """The nodes, each behind those whose outputs it reads; unchanged where a circle prevents it.

    Nodes that may stay where they are do.
    """
    producer = {name: i for i, node in enumerate(nodes) for name in node.output if name}
    before = [{producer[name] for name in names_read(node) if name in producer} for node in nodes]
    order: dict[int, None] = {}
    for start in range(len(nodes)):
        waiting = [start]
        while waiting:
            missing = [i for i in sorted(before[waiting[-1]]) if i not in order]
            if not missing:
                order[waiting.pop()] = None
            elif len(waiting) > len(nodes):
                return list(nodes)
            else:
                waiting.append(missing[0])
    return [nodes[i] for i in order]


def _domains(node: NodeProto) -> set[str]:
    inner = (_domains(n) for body in subgraphs(node) for n in body.node)
    return {node.domain}.union(*inner)


def tidy(model: ModelProto) -> None:
    """Declare only the operator sets that are used: others confuse the version converter."""
    domains = {"": 17}
    domains |= {"" if o.domain == "ai.onnx" else o.domain: o.version for o in model.opset_import}
    used = versions_of([*model.graph.node, *(n for f in model.functions for n in f.node)], domains)
    del model.opset_import[:]
    model.opset_import.extend(used["opset_import"])
    model.ir_version = max(model.ir_version, used["ir_version"])


def versions_of(nodes: Iterable[NodeProto], domains: dict[str, int]) -> dict[str, Any]:
    """The fields of a model that say which operator sets its nodes are from."""
    used = {domain for node in nodes for domain in _domains(node)} | {""}
    imports = [onnx.helper.make_opsetid(d, v) for d, v in domains.items() if d in used]
    version = onnx.helper.find_min_ir_version_for(imports, ignore_unknown=True)
    return {"opset_import": imports, "ir_version": max(8, version)}
