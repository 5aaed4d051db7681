"""`Context`: what a model should see of a conversation, and `fit`, which decides that."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from redialog import explaining
from redialog import strict as strict_form
from redialog.budget import Choice, Fitted, History, Limits, View, always, choose
from redialog.errors import BudgetTooSmall
from redialog.explaining import Entry, Explanation, Tokens
from redialog.messages import Message
from redialog.summary import as_message
from redialog.tokens import Costs

__all__ = ["Context", "Entry", "Explanation", "Limits", "Tokens", "View", "fit"]


class Context:
    """What a model should see of a conversation; made by `Session.context`.

    Attributes:
        messages: oldest first: the system message of the call, the leading ones of the
            conversation, its summary, and the newest turns that the limits allow. They are what
            is stored, unchanged, and of a tool call and its results all are there or none.
    """

    def __init__(self, fitted: Fitted, costs: Costs) -> None:
        self.messages: list[Message] = [*_head(fitted), *_summary(fitted), *_history(fitted)]
        self._fitted = fitted
        self._costs = costs

    @cached_property
    def tokens(self) -> Tokens:
        """How many tokens the messages have, by part.

        Raises:
            CounterError: the counter failed; without ``max_tokens`` it was not asked before.
        """
        fitted, of = self._fitted, self._costs.of
        return Tokens(
            sum(map(of, _head(fitted))),
            sum(map(of, _summary(fitted))),
            sum(map(of, _history(fitted))),
            fitted.limits.room,
            fitted.limits.reserve,
        )

    def to_openai(self, strict: bool = False) -> list[dict[str, object]]:
        """The messages in the format of OpenAI's chat completions.

        Args:
            strict: in the form that every provider takes: one system message, users and assistant
                in turn, results right after their calls, nothing empty. `redialog.strict` says
                what is done for that.
        """
        if strict:
            return strict_form.to_openai(self.messages)
        return [message.to_openai() for message in self.messages]

    def explain(self) -> Explanation:
        """Why each stored message is in or out.

        Raises:
            CounterError: the counter failed.

        Cost: no round trip; counts the tokens of all that was read.
        """
        return explaining.explained(self._fitted, self.tokens, self._costs)

    def left_beside(self) -> int:
        """The history's tokens, where a limit has left out messages that no summary covers.

        Raises:
            CounterError: the counter failed.
        """
        return 0 if self._fitted.choice.closed_by is None else self.tokens.history

    def next_look(self, guess: int) -> int:
        """How many messages the next such context of the session will probably take.

        Args:
            guess: how many where nothing is known of it.
        """
        needed, read = self._fitted.needed, len(self._fitted.view.newest)
        if needed is not None:
            return _with_margin(needed)
        return max(guess, read if self._fitted.choice.closed_by else _with_margin(read))

    def __repr__(self) -> str:
        shown = [f"messages={len(self.messages)}", f"stored={self._fitted.view.total}"]
        limits = self._fitted.limits
        if limits.window_turns is not None:
            shown.append(f"window_turns={limits.window_turns}")
        if limits.max_tokens is not None:
            shown.append(f"max_tokens={limits.max_tokens}")
        if limits.reserve:
            shown.append(f"reserve={limits.reserve}")
        return f"<{type(self).__name__}: {', '.join(shown)}>"


def fit(view: View, limits: Limits, costs: Costs, system: Message | None = None) -> Context | None:
    """What a model should see of a conversation.

    It holds the system message of the call (unless a leading one says the same), the leading ones,
    the summary, and of the rest what `redialog.budget` chooses. The summary is left out where it
    does not fit beside what is always kept, and where no turns are wanted.

    Args:
        view: the conversation, as far as it was read.
        limits: how much it may hold.
        costs: tokens of messages; asked only of what is looked at, and only where the limits have
            ``max_tokens``.
        system: a system message that the call gives.

    Returns:
        The context; with more of the log in the view it would hold the same. None where it could
        hold something else, so that more must be read; never where all was read that no summary
        covers.

    Raises:
        BudgetTooSmall: what is always kept does not fit: the system messages, the newest user
            message and the newest unit.
        CounterError: the counter failed.
    """
    if system is not None and any(system.text == message.text for message in view.leading):
        system = None
    head = view.leading if system is None else (system, *view.leading)
    room = limits.room
    messages, begins = view.history()
    if limits.window_turns == 0:
        if room is not None:
            _left(room, sum(map(costs.of, head)))
        history = History(messages, range(len(messages)), begins)
        chosen = Choice((), len(messages), "window", len(messages))
        return Context(Fitted(view, limits, system, None, history, chosen), costs)
    history = History.of(messages, begins=begins)
    summary = None if view.summary is None else as_message(view.summary)
    if room is not None:
        kept = always(history)
        if kept is None:
            return None
        fixed, least = (
            sum(map(costs.of, head)),
            sum(map(costs.of, [messages[index] for index in kept])),
        )
        spare = _left(room, fixed + least)
        if summary is not None and (tokens := costs.of(summary)) <= spare:
            fixed += tokens
        else:
            summary = None
        room -= fixed
    choice = choose(history, limits.window_turns, room, costs)
    if choice is None:
        return None
    return Context(Fitted(view, limits, system, summary, history, choice), costs)


def _with_margin(messages: int) -> int:
    """So many and at least a turn: what comes next can be shorter."""
    return messages + messages // 16 + 2


def _left(room: int, needed: int) -> int:
    if needed > room:
        raise BudgetTooSmall(needed=needed, limit=room)
    return room - needed


def _head(fitted: Fitted) -> list[Message]:
    return [*(() if fitted.system is None else (fitted.system,)), *fitted.view.leading]


def _summary(fitted: Fitted) -> list[Message]:
    return [] if fitted.summary is None else [fitted.summary]


def _history(fitted: Fitted) -> Sequence[Message]:
    kept, messages = fitted.choice.kept, fitted.history.messages
    if isinstance(kept, range):
        return messages[kept.start :]
    return [messages[index] for index in kept]
