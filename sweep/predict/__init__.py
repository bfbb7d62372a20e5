"""What lies between the measured points: costs and accuracies of networks that nobody has trained
or timed, each with what it may be off by.
"""
