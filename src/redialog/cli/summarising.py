"""``redialog chat --summarize``: who summarises what is older, and when."""

from __future__ import annotations

from collections.abc import Mapping

from redialog.models import Model
from redialog.models.demo import DemoModel
from redialog.summarizers import KeySentences, ModelSummarizer
from redialog.summary import RollingSummary, Summarizer

TRIGGER_TOKENS = 2000
SUMMARY_TOKENS, SUMMARY_WORDS = 500, 200
"""Without --max-tokens; and the most there is with it, however large."""

TIMEOUT_S = 60.0
"""A model on a computer without a graphics card takes its time for a long text."""


def policy(
    model: Model,
    name: str | None,
    base_url: str | None,
    environ: Mapping[str, str],
    max_tokens: int | None,
) -> RollingSummary:
    """What the model that answers makes of older messages; the demo, which is none, picks some.

    Args:
        model: who answers.
        name: as for `redialog.models.choose`, and so the next two.
        base_url: of the endpoint.
        environ: the environment.
        max_tokens: how much a model sees; a half of it may be messages that are not summarised
            yet, and a quarter the summary.

    Raises:
        MissingExtra: the package ``openai`` is needed and not installed.
    """
    trigger, limit = TRIGGER_TOKENS, SUMMARY_TOKENS
    if max_tokens is not None:
        trigger, limit = max(1, max_tokens // 2), max(1, min(limit, max_tokens // 4))
    words = max(1, limit * SUMMARY_WORDS // SUMMARY_TOKENS)
    summarizer: Summarizer
    if isinstance(model, DemoModel):
        summarizer = KeySentences(max_words=words)
    else:
        name = name or environ["OPENAI_MODEL"]
        summarizer = ModelSummarizer(name, base_url=base_url, max_words=words)
    return RollingSummary(
        summarizer, trigger_tokens=trigger, summary_max_tokens=limit, timeout=TIMEOUT_S
    )
