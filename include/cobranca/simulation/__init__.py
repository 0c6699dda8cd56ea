"""Nights that never happened: the same decisions, in memory, contacting nobody."""

from cobranca.simulation.compare import Comparison, simulate

__all__ = ["Comparison", "simulate"]
