"""Results -> one View: what is shown, settled before any ink."""
