"""The immutable folders of a date: landings, approved batches, verdicts, months' summaries."""
