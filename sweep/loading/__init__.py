"""From encoded images to batches of pixels: decoding, cropping, and the processes that do both.

Nothing here imports JAX: the decoding processes touch no device.
"""
