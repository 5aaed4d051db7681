"""The models that the command line can talk to, and the rule that picks one.

A `Model` gets the messages and gives its answer piece by piece. It knows nothing of sessions: what
it may see has been chosen before, and what it says is stored afterwards.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from typing import Protocol

from redialog.errors import ConfigurationError, RedialogError
from redialog.messages import Message

__all__ = ["DEMO", "Model", "ModelError", "choose", "openai_model"]

DEMO = "demo"
"""The name of the built-in model that is none."""


class Model(Protocol):
    """Something that answers."""

    def reply(self, messages: Sequence[Message]) -> Generator[str, None, None]:
        """Answers the last message.

        Args:
            messages: what it may know, oldest first; none of them damaged or ``remove``.

        Returns:
            The answer in pieces, as they come; closing it early ends the request.

        Raises:
            ModelError: it cannot answer.
        """


class ModelError(RedialogError):
    """The model gave no answer, or not all of it.

    Attributes:
        status: the HTTP status, where there was one.
    """

    status: int | None = None


def choose(name: str | None, base_url: str | None, environ: Mapping[str, str]) -> Model:
    """The model that the options and the environment name.

    Args:
        name: of the model; None for ``$OPENAI_MODEL``, and where that is not set for the demo.
        base_url: of an endpoint that speaks OpenAI's chat completions; None for
            ``$OPENAI_BASE_URL``, else OpenAI's own.
        environ: the environment; ``OPENAI_API_KEY`` is taken from it too.

    Raises:
        ConfigurationError: there is an endpoint and no model, no key where one is needed, or the
            URL is none.
        MissingExtra: the package ``openai`` is needed and not installed.

    Cost: no I/O; importing ``openai`` takes some 0.5 s.
    """
    name = name or environ.get("OPENAI_MODEL") or DEMO
    if name == DEMO:
        if base_url is not None:
            raise ConfigurationError("--base-url needs the name of a model there: --model NAME")
        from redialog.models.demo import DemoModel

        return DemoModel()
    return openai_model(name, base_url, environ)


def openai_model(
    name: str, base_url: str | None, environ: Mapping[str, str], *, api_key: str | None = None
) -> Model:
    """A model that speaks OpenAI's chat completions; what is None comes from the environment.

    Args:
        name: of the model.
        base_url: of its endpoint; None for ``$OPENAI_BASE_URL``, else OpenAI's own.
        environ: the environment.
        api_key: None for ``$OPENAI_API_KEY``.

    Raises:
        ConfigurationError: no key where one is needed, or the URL is none.
        MissingExtra: the package ``openai`` is not installed.
    """
    from redialog.models.openai import OpenAIModel

    return OpenAIModel(
        name,
        base_url=base_url or environ.get("OPENAI_BASE_URL") or None,
        api_key=api_key or environ.get("OPENAI_API_KEY", "").strip() or None,
    )
