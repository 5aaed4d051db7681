"""Summarisers for rolling summaries: by a model, by a model of LangChain's, and without any.

Each is a `redialog.summary.Summarizer`: a callable of the previous summary and the messages that
came after it. So is any function of yours with these two arguments, blocking or asynchronous.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from redialog.summarizers.extractive import KeySentences
    from redialog.summarizers.langchain import LangChainSummarizer
    from redialog.summarizers.model import ModelSummarizer

__all__ = ["KeySentences", "LangChainSummarizer", "ModelSummarizer"]

_HOMES = {
    "KeySentences": "redialog.summarizers.extractive",
    "LangChainSummarizer": "redialog.summarizers.langchain",
    "ModelSummarizer": "redialog.summarizers.model",
}


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
