"""Arguments in, words and exit status out."""
