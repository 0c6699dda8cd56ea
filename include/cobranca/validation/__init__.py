"""Read people's YAML and CSV files with line numbers, and collect what is wrong in them."""
