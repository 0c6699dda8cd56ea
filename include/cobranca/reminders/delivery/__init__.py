"""Send planned messages once: leases, pre-send check, worker processes, scheduled batches."""
