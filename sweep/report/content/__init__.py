"""Results -> one View: what is shown, settled before anything is drawn."""
