"""A page: some items of a longer list, and where the next one begins."""

from collections.abc import Iterator, Sequence
from typing import Generic, TypeVar, overload

Item = TypeVar("Item")


class Page(Sequence[Item], Generic[Item]):
    """A sequence of items; ``cursor`` fetches those after them and is None at the end of the list."""

    __slots__ = ("cursor", "items")

    def __init__(self, items: Sequence[Item], cursor: str | None) -> None:
        self.items = tuple(items)
        self.cursor = cursor

    @overload
    def __getitem__(self, index: int) -> Item: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Item, ...]: ...
    def __getitem__(self, index: int | slice) -> Item | tuple[Item, ...]:
        return self.items[index]

    def __len__(self) -> int:
        return len(self.items)

    def __iter__(self) -> Iterator[Item]:
        return iter(self.items)

    def __repr__(self) -> str:
        return f"Page({list(self.items)!r}, cursor={self.cursor!r})"
