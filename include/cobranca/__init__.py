"""Collections pipeline: receivables in; reminders, call queues and finance reports out."""
