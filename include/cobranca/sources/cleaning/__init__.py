"""Turn what a source gives into the canonical columns, or into quarantine with a reason."""
