"""Simulate a proposed régua over past nights, in memory; no one is contacted."""

from cobranca.simulation.compare import Comparison, simulate

__all__ = ["Comparison", "simulate"]
