"""What comes back after a message was sent: reports of providers, wishes of payers, addresses that no longer work."""
