"""Rendering: planned messages become letters and texts in Portuguese."""
