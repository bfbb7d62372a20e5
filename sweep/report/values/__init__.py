"""What can be shown, as frozen values, and how numbers are written."""
