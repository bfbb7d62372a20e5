"""A View -> one HTML file that opens offline."""
