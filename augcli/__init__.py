"""Offline augmentation of labelled image data sets, from the command line."""

__version__ = "0.2.0"
