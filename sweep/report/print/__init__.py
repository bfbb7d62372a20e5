"""The View's figures as files for a paper."""
