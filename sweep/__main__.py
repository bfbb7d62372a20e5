"""`python -m sweep`."""

from sweep.host.interrupts import ends_at_once

with ends_at_once():
    from sweep.cli.main import main

if __name__ == "__main__":
    main()
