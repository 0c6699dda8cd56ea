"""Expectations, one module for each subject; importing one imports Great Expectations."""
