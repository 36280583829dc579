"""Batches: what many ask for at once goes to a server as one message.

Rule of this file: what is asked while a batch is under way waits for the next one, so that the slower the server
answers, the more goes in one; an error is told to everybody whose question was in the batch.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

Item = TypeVar("Item")
Answer = TypeVar("Answer")


class Batches(Generic[Item, Answer]):
    """Batches of one kind of question.

    Args:
        send: asks all questions of a batch and gives their answers, in order.
        most: questions that go in one batch; what is asked together stays together, even where it is more.
    """

    def __init__(self, send: Callable[[list[Item]], Awaitable[Sequence[Answer]]], most: int) -> None:
        self._send, self._most = send, most
        self._waiting: list[tuple[tuple[Item, ...], asyncio.Future[Sequence[Answer]]]] = []
        self._sender: asyncio.Task[None] | None = None

    async def __call__(self, *items: Item) -> Sequence[Answer]:
        """Ask questions; give their answers.

        Raises:
            Exception: what `send` raised.
        """
        loop = asyncio.get_running_loop()
        answers: asyncio.Future[Sequence[Answer]] = loop.create_future()
        self._waiting.append((items, answers))
        if self._sender is None:
            self._sender = loop.create_task(self._send_all())
        return await answers

    async def _send_all(self) -> None:
        """Send batch after batch until nobody waits."""
        try:
            while self._waiting:
                batch = self._next()
                try:
                    answers = await self._send([item for items, _ in batch for item in items])
                except Exception as error:  # noqa: BLE001 - raised again where the question was asked
                    for _, asked in batch:
                        if not asked.done():
                            asked.set_exception(error)
                    continue
                start = 0
                for items, asked in batch:
                    if not asked.done():  # else who asked waits no more
                        asked.set_result(answers[start : start + len(items)])
                    start += len(items)
        finally:
            self._sender = None

    def _next(self) -> list[tuple[tuple[Item, ...], asyncio.Future[Sequence[Answer]]]]:
        size = count = 0
        for items, _ in self._waiting:
            if count and size + len(items) > self._most:
                break
            size, count = size + len(items), count + 1
        batch, self._waiting = self._waiting[:count], self._waiting[count:]
        return batch
