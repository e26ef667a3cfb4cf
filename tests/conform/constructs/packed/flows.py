"""Ways to bring a name from another file."""

from prefect import flow

import packed.inner.writing
import packed.reading as reading
from packed import LOADERS, read_rows

from . import reading as near
from .everything import *
from .inner.writing import copy as copy_rows
from .inner.writing import write as keep

try:
    from faster_checks import check as quick
except ImportError:
    from .reading import check as quick


# CONSTRUCT: alias
# STEPS: inner/writing.py:write#1, reading.py:read#1
# EDGES: reading.py:read#1 -> inner/writing.py:write#1
@flow
def aliases():
    keep(reading.read(1))


# CONSTRUCT: relative import
# STEPS: inner/writing.py:write#1, reading.py:read#1
# EDGES: reading.py:read#1 -> inner/writing.py:write#1
@flow
def relative():
    keep(near.read(1))


# CONSTRUCT: star import
# STEPS: inner/writing.py:write#1, reading.py:check#1
# EDGES: reading.py:check#1 -> inner/writing.py:write#1
@flow
def star():
    write(check(1))


# CONSTRUCT: re-export
# STEPS: inner/writing.py:write#1, reading.py:read#1
# EDGES: reading.py:read#1 -> inner/writing.py:write#1
@flow
def reexported():
    keep(read_rows(1))


# CONSTRUCT: dotted name
# STEPS: inner/writing.py:write#1, reading.py:read#1
# EDGES: reading.py:read#1 -> inner/writing.py:write#1
@flow
def dotted():
    packed.inner.writing.write(packed.reading.read(1))


# CONSTRUCT: relative import, helper function
# STEPS: reading.py:check#1?, inner/writing.py:copy#1/inner/writing.py:write#1
# STEPS: inner/writing.py:copy#1/reading.py:read#1
# EDGES: inner/writing.py:copy#1/inner/writing.py:write#1 -> reading.py:check#1
# EDGES: inner/writing.py:copy#1/reading.py:read#1 -> inner/writing.py:copy#1/inner/writing.py:write#1
@flow
def helper_of_another_file():
    quick(copy_rows(1))


# CONSTRUCT: import that may fail
# STEPS: inner/writing.py:write#1, reading.py:check#1?
# EDGES: reading.py:check#1 -> inner/writing.py:write#1
@flow
def choice():
    keep(quick(1))


# CONSTRUCT: registry
# STEPS: inner/writing.py:write#1, rest.py:fetch#1
# EDGES: rest.py:fetch#1 -> inner/writing.py:write#1
@flow
def registered(name: str = "fetch"):
    keep(LOADERS[name](1))


# CONSTRUCT: late import
# STEPS: inner/writing.py:write#1, reading.py:read#1
# EDGES: reading.py:read#1 -> inner/writing.py:write#1
@flow
def late():
    from .reading import read as late_read

    keep(late_read(1))
