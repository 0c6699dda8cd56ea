"""Which messages may leave tonight: plan, approvals, volume guard and contact hours."""
