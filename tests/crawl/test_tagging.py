"""The tag on every type of item that Scrapy knows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import attrs
import pytest
import scrapy
from itemadapter import ItemAdapter
from pydantic import BaseModel, ConfigDict, Field

from optout_middleware.crawl.tagging import UntaggableError, tagged

if TYPE_CHECKING:
    from collections.abc import Callable

TAG = {"outcome": "deny"}


class WithField(scrapy.Item):
    url = scrapy.Field()
    optout = scrapy.Field()


class WithoutField(scrapy.Item):
    url = scrapy.Field()


@dataclass
class Data:
    url: str
    optout: Any = None


@dataclass(frozen=True)
class FrozenData:
    url: str
    optout: Any = None


@dataclass
class BareData:
    url: str


@attrs.define
class Attrs:
    url: str
    optout: Any = None


@attrs.frozen
class FrozenAttrs:
    url: str
    optout: Any = None


@attrs.define
class BareAttrs:
    url: str


class Model(BaseModel):
    url: str
    optout: Any = None


class FrozenModel(BaseModel):
    model_config = ConfigDict(frozen=True)
    url: str
    optout: Any = None


class FrozenFieldModel(BaseModel):
    url: str
    optout: Any = Field(default=None, frozen=True)


class BareModel(BaseModel):
    url: str


class StrictModel(BaseModel):
    model_config = ConfigDict(validate_assignment=True)
    url: str
    optout: str = ""


class Moody:
    """Looks like a dataclass, and raises what it likes."""

    def __setattr__(self, name: str, value: object) -> None:
        raise RuntimeError("not today")


@dataclass(init=False)
class MoodyData(Moody):
    url: str = "u"
    optout: Any = None


TAKING: list[Callable[..., Any]] = [
    dict, WithField, Data, FrozenData, Attrs, FrozenAttrs, Model, FrozenModel, FrozenFieldModel,
]  # fmt: skip
REFUSING: list[Callable[..., Any]] = [WithoutField, BareData, BareAttrs, BareModel, StrictModel]


@pytest.mark.parametrize("make", TAKING)
def test_takes_the_tag(make: Callable[..., Any]) -> None:
    """Each type carries the tag in its field, and nothing else of the item changes."""
    item = make(url="u")
    changed = tagged(item, "optout", TAG)
    assert type(changed) is type(item)
    assert ItemAdapter(changed).asdict() == {"url": "u", "optout": TAG}


@pytest.mark.parametrize("make", [FrozenData, FrozenAttrs, FrozenModel, FrozenFieldModel])
def test_frozen_item_is_copied(make: Callable[..., Any]) -> None:
    """A frozen item stays as it was."""
    item = make(url="u")
    assert tagged(item, "optout", TAG) is not item
    assert item.optout is None


@pytest.mark.parametrize("make", REFUSING)
def test_cannot_take_the_tag(make: Callable[..., Any]) -> None:
    """The error names the class and what to do."""
    with pytest.raises(UntaggableError, match=f"{make.__name__} cannot take the tag.*OPTOUT_TAG_FIELD"):
        tagged(make(url="u"), "optout", TAG)


@pytest.mark.parametrize("item", [MoodyData(), 7, "text", object()])
def test_anything_else_is_untaggable(item: object) -> None:
    """Whatever a spider yields, and whatever its class raises, is told in one way."""
    with pytest.raises(UntaggableError, match="cannot take the tag"):
        tagged(item, "optout", TAG)
