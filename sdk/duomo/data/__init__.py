"""Examples in files: rows of CSV, JSON lines and Parquet."""
