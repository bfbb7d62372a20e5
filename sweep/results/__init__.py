"""What was measured: on disk, whole."""
