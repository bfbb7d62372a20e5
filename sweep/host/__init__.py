"""This machine: its facts, memory, files and signals. Knows no experiment."""
