"""`python -m bench`."""

if __name__ == "__main__":  # spawned processes import this file too
    import sys

    from bench.runner import main

    sys.exit(main())
