"""What is expected of each subject, one module a subject; importing one imports Great Expectations."""
