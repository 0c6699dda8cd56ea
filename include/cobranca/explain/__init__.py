"""Explain what was decided about one payer, night by night, in Portuguese."""
