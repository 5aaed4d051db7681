"""Between a `Message` and the element that is stored for it.

Read: every shape that LangChain (Python and JavaScript, since 2023) and Flowise wrote. Written:
only ``human``, ``ai``, ``system`` and ``tool``, so that each of those readers loads it; what is
ours alone stands under one more key, which they ignore.
"""

from redialog.codec.reading import decode, decode_many, has_id
from redialog.codec.writing import element, stored, stored_as

__all__ = ["decode", "decode_many", "element", "has_id", "stored", "stored_as"]
