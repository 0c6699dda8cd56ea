"""What comes back after a message was sent: reports, opt-outs, addresses that no longer work."""
