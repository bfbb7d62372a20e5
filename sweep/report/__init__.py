"""Stored readings -> a page and terminal tables. Needs no JAX."""
