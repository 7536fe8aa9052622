"""Started as a directory: make the package known by its own name, then run it.

The folder above comes last in the search, so that nothing in it can take the place of the standard library.
"""

import importlib
import os
import sys

if __name__ == "__main__":
    above, _, name = os.path.realpath(__file__).rpartition("/")[0].rpartition("/")
    sys.path.append(above)
    importlib.import_module(f"{name}.run").main()
