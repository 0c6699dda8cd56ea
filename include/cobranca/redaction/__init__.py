"""The register of erased payers, and the redaction of their personal data in Parquet files."""
