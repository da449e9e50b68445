"""Operators written as simpler ones, by family. Importing this package fills the table."""

from augcli.autodiff.rewrites import attention, fused, quantised, quantised_fused, sampling, simple

__all__ = ["attention", "fused", "quantised", "quantised_fused", "sampling", "simple"]
