"""Samples to events: the streaming core (pure) and its thin shells under :mod:`edge.io` and :mod:`edge.cli`."""

__version__ = "0.1.0"
