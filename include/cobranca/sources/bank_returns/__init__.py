"""Payments from bank return files (CNAB), merged into the snapshot of a source."""
