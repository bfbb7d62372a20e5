"""sweep.toml in; settings, points and parts out."""
