"""The YAML file that describes a source: its model, its loader, and what its queries may say."""
