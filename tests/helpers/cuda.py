"""What ONNX Runtime's CUDA provider has kernels for, of what a backward graph is written with."""

from __future__ import annotations

from onnx import ModelProto, NodeProto, helper

# From docs/OperatorKernels.md of ONNX Runtime, for float32 (int64 and bool where they are used).
_NAMES = """
Abs Add And ArgMax Cast Clip Concat ConstantOfShape Conv ConvTranspose Cos CumSum
DepthToSpace Div Einsum Elu Equal Erf Exp Expand Flatten Gather GatherElements GatherND Gemm
Greater HardSigmoid Identity InstanceNormalization Less Log MatMul MaxPool Mul Neg Pad Pow
Range Reciprocal ReduceMax ReduceMean ReduceSum Reshape ScatterElements ScatterND Shape
Sigmoid Sign Sin Slice Softmax Softplus SpaceToDepth Sqrt Squeeze Sub Sum Tanh Transpose
Trilu Unsqueeze Where
"""
KERNELS = frozenset(_NAMES.split())


def without_kernel(backward: ModelProto, forward: ModelProto) -> list[str]:
    """The nodes added to a forward graph that would run on the CPU, and why."""
    own = {node.op_type for node in forward.graph.node}
    reasons = [(node, _reason(node, own)) for node in backward.graph.node]
    return [f"{node.op_type}: {reason}" for node, reason in reasons if reason]


def _reason(node: NodeProto, own: set[str]) -> str:
    attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
    pads = list(attributes.get("pads", []))
    if node.op_type == "MaxPool" and len(node.output) > 1:
        dilated = max(attributes.get("dilations", [1])) > 1
        return "wrong indices" if dilated and any(pads) else ""
    if node.op_type in own:
        return ""
    if node.op_type not in KERNELS or node.domain:
        return "no kernel"
    if node.op_type == "ConvTranspose":
        symmetric = pads[: len(pads) // 2] == pads[len(pads) // 2 :]
        explicit = attributes.get("auto_pad", b"NOTSET") == b"NOTSET"
        return "" if symmetric and explicit else "asymmetric pads"
    return ""
