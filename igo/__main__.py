"""``python -m igo`` is ``igo``."""

from igo.cli import main

if __name__ == "__main__":
    main()
