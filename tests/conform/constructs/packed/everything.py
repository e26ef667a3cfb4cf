from .inner.writing import *
from .reading import *
