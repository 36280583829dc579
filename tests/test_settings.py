"""The settings: their table, how values are read, and what a mistake is told."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from optout_middleware.policy import Override, Policy, Profile
from optout_middleware.settings import (
    SETTINGS,
    Settings,
    SettingsError,
    check_user_agent,
    default_user_agent,
    is_enabled,
    package_version,
    unknown_names,
)
from optout_middleware.terms import OptOutError, Outcome, Usage


def read(**values: Any) -> Settings:
    """Read settings of which only these, and the product token, are set."""
    return Settings.read({"OPTOUT_PRODUCT_TOKEN": "ExampleCorpusBot", **values}.get)


def test_table_names_every_field_once() -> None:
    """Nothing can be set that is not in the table, and nothing is in the table that is not read."""
    named = sorted(setting.field for setting in SETTINGS)
    held = [field.name for field in (*fields(Settings), *fields(Policy))]
    assert named == sorted(name for name in held if name != "policy")
    assert all(setting.name == f"OPTOUT_{setting.field.upper()}" and setting.meaning for setting in SETTINGS)


def test_defaults_are_what_the_table_says() -> None:
    """With a product token alone a crawl drops, records and asks as the table says."""
    settings = read()
    assert settings.policy == Policy("ExampleCorpusBot")
    for setting in SETTINGS:
        if hasattr(settings, setting.field):
            assert getattr(settings, setting.field) == setting.default
    assert (settings.action, settings.dry_run, settings.enabled) == ("drop", False, True)
    assert (settings.audit_dir, settings.store) == ("audit", ".optout/store.sqlite")


def test_policy_is_read_from_its_settings() -> None:
    """Each field of the policy has its setting."""
    override = {"outcome": "allow", "by": "A. Person", "reason": "checked"}
    settings = read(
        OPTOUT_USAGE="search",
        OPTOUT_PROFILE="literal",
        OPTOUT_FINDINGS={"named-bot": override},
        OPTOUT_LOCATIONS=["robots.txt"],
        OPTOUT_TRAINING_TOKENS="OtherBot, ThirdBot",
        OPTOUT_POLICY_TOKENS_TRAINING=[],
    )
    assert settings.policy == Policy(
        "ExampleCorpusBot",
        Usage.SEARCH,
        Profile.LITERAL,
        {"named-bot": Override(Outcome.ALLOW, "A. Person", "checked")},
        ("robots.txt",),
        ("OtherBot", "ThirdBot"),
        (),
    )


@pytest.mark.parametrize(
    ("name", "raw", "value"),
    [
        *(("OPTOUT_DRY_RUN", raw, True) for raw in ("1", "true", "True", True, 1)),
        *(("OPTOUT_ENABLED", raw, False) for raw in ("0", "false", "False", False, 0)),
        ("OPTOUT_ACTION", "tag", "tag"),
        ("OPTOUT_TAG_FIELD", " use ", "use"),
        ("OPTOUT_STORE", "", ""),
        ("OPTOUT_STORE", Path("data") / "seen.sqlite", str(Path("data") / "seen.sqlite")),
        ("OPTOUT_AUDIT_DIR", Path("records"), "records"),
        ("OPTOUT_OPERATOR", "Example Labs", "Example Labs"),
        ("OPTOUT_CONTACT_URL", "https://bot.example/about", "https://bot.example/about"),
        ("OPTOUT_CONTACT_URL", "mailto:bot@labs.example", "mailto:bot@labs.example"),
        ("OPTOUT_SECRET_PARAMS", "token, sid,", ("token", "sid")),
        ("OPTOUT_SECRET_PARAMS", ["token"], ("token",)),
        ("OPTOUT_SECRET_PARAMS", "", ()),
        ("OPTOUT_MAX_SITES", "500", 500),
        ("OPTOUT_PROBE_TIMEOUT", "2.5", 2.5),
        ("OPTOUT_PROBE_TIMEOUT", 3, 3.0),
        ("OPTOUT_PROBE_BACK_OFF", "0.5, 2", (0.5, 2.0)),
        ("OPTOUT_PROBE_BACK_OFF", (1, 2.5), (1.0, 2.5)),
        ("OPTOUT_PROBE_BACK_OFF", "", ()),
    ],
)
def test_value_is_read_from_python_and_from_the_command_line(name: str, raw: object, value: object) -> None:
    """What -s gives as text means the same as the value in a settings module."""
    settings = read(**{name: raw})
    found = getattr(settings, name.removeprefix("OPTOUT_").lower())
    assert found == value
    assert type(found) is type(value)


def test_findings_are_read_from_json() -> None:
    """As they arrive from the command line."""
    row = {"outcome": "allow", "by": "A. Person", "reason": "checked"}
    assert (
        read(OPTOUT_FINDINGS=json.dumps({"named-bot": row})).policy == read(OPTOUT_FINDINGS={"named-bot": row}).policy
    )


@pytest.mark.parametrize(
    ("name", "raw", "says"),
    [
        ("OPTOUT_ENABLED", "yes", "'yes' is neither true nor false"),
        ("OPTOUT_ENABLED", "TRUE", "neither true nor false"),
        ("OPTOUT_DRY_RUN", 2, "neither true nor false"),
        ("OPTOUT_DRY_RUN", 1.0, "neither true nor false"),
        ("OPTOUT_DRY_RUN", "", "neither true nor false"),
        ("OPTOUT_PRODUCT_TOKEN", "Bot/1.0", "RFC 9309"),
        ("OPTOUT_PRODUCT_TOKEN", 5, "5 is not a text"),
        ("OPTOUT_USAGE", "train", "choose one of train-ai"),
        ("OPTOUT_PROFILE", "lax", "choose one of precautionary, literal"),
        ("OPTOUT_FINDINGS", "{", "it is not JSON"),
        ("OPTOUT_FINDINGS", "[" * 100_000, "it is not JSON"),
        ("OPTOUT_FINDINGS", "[1]", "is not a mapping"),
        ("OPTOUT_FINDINGS", 5, "is not a mapping"),
        ("OPTOUT_FINDINGS", {"nothing": {}}, "'nothing' in findings is unknown"),
        ("OPTOUT_FINDINGS", {"refusal": {}}, "cannot be overridden"),
        ("OPTOUT_FINDINGS", {"named-bot": {"outcome": "allow", "by": "", "reason": "x"}}, "has no 'by'"),
        ("OPTOUT_LOCATIONS", "robots.txt,humans.txt", "'humans.txt' is unknown"),
        ("OPTOUT_LOCATIONS", "tdmrep.json", "leave out robots.txt"),
        ("OPTOUT_LOCATIONS", 5, "5 is not a list"),
        ("OPTOUT_TRAINING_TOKENS", [5], "training_tokens"),
        ("OPTOUT_ACTION", "keep", "choose one of drop, tag"),
        ("OPTOUT_ACTION", ["drop"], "choose one of drop, tag"),
        ("OPTOUT_TAG_FIELD", " ", "it is empty"),
        ("OPTOUT_AUDIT_DIR", "", "it is empty"),
        ("OPTOUT_AUDIT_DIR", 5, "5 is not a text"),
        ("OPTOUT_STORE", False, "False is not a text"),
        ("OPTOUT_CONTACT_URL", "bot.example", "is not an http, https or mailto URL"),
        ("OPTOUT_CONTACT_URL", "https://bot.example/)x", "is not an http, https or mailto URL"),
        ("OPTOUT_CONTACT_URL", "https://bot.example/\r\nX-Evil: 1", "is not an http, https or mailto URL"),
        ("OPTOUT_CONTACT_URL", "https://böt.example/", "is not an http, https or mailto URL"),
        ("OPTOUT_SECRET_PARAMS", [""], "is not a list of names"),
        ("OPTOUT_SECRET_PARAMS", [5], "is not a list of names"),
        ("OPTOUT_MAX_SITES", "0", "is not a whole number from 1 on"),
        ("OPTOUT_MAX_SITES", "many", "is not a whole number from 1 on"),
        ("OPTOUT_MAX_SITES", True, "is not a whole number from 1 on"),
        ("OPTOUT_MAX_SITES", 2.5, "is not a whole number from 1 on"),
        ("OPTOUT_PROBE_TIMEOUT", "soon", "is not a number of seconds"),
        ("OPTOUT_PROBE_TIMEOUT", "nan", "is not a number of seconds"),
        ("OPTOUT_PROBE_TIMEOUT", "inf", "is not a number of seconds"),
        ("OPTOUT_PROBE_TIMEOUT", 10**400, "is not a number of seconds"),
        ("OPTOUT_PROBE_TIMEOUT", True, "is not a number of seconds"),
        ("OPTOUT_PROBE_TIMEOUT", 0, "is not a number of seconds"),
        ("OPTOUT_PROBE_BACK_OFF", "1,-1", "'-1' is not a number of seconds"),
        ("OPTOUT_PROBE_BACK_OFF", 5, "5 is not a list"),
    ],
)
def test_mistake_is_one_line_that_names_the_setting(name: str, raw: object, says: str) -> None:
    """Whoever set it learns where it stands, what is wrong and what to write."""
    with pytest.raises(SettingsError) as raised:
        read(**{name: raw})
    said = str(raised.value)
    assert said.startswith(f"{name}: ")
    assert says in said
    assert "\n" not in said


def test_value_that_prints_as_several_lines_is_told_in_one() -> None:
    """Any object can stand in a settings module."""

    class Long:
        def __repr__(self) -> str:
            return "Long(\n  1,\n)"

    with pytest.raises(SettingsError, match=r"^OPTOUT_ENABLED: Long\( 1, \) is neither"):
        read(OPTOUT_ENABLED=Long())


@pytest.mark.parametrize("token", [None, ""])
def test_missing_product_token_says_what_to_do(token: str | None) -> None:
    """Without it nobody could address the crawler."""
    with pytest.raises(OptOutError, match=r"^OPTOUT_PRODUCT_TOKEN is not set: set it to .*ExampleCorpusBot"):
        read(OPTOUT_PRODUCT_TOKEN=token)


def test_enabled_is_read_without_the_rest() -> None:
    """A project that switches us off needs no product token, but still a plain yes or no."""
    assert is_enabled(lambda _: None) is True
    assert is_enabled({"OPTOUT_ENABLED": "0"}.get) is False
    with pytest.raises(SettingsError, match=r"^OPTOUT_ENABLED: 'off'"):
        is_enabled({"OPTOUT_ENABLED": "off"}.get)


def test_settings_are_told_as_json_without_the_policy() -> None:
    """The manifest shows each under the name by which it is set."""
    settings = read(OPTOUT_SECRET_PARAMS=["token"], OPTOUT_STORE="")
    told = settings.to_dict()
    assert json.loads(json.dumps(told)) == told
    assert (told["OPTOUT_SECRET_PARAMS"], told["OPTOUT_STORE"], told["OPTOUT_DRY_RUN"]) == (
        ["token"],
        "",
        False,
    )
    assert set(told) == {f"OPTOUT_{field.name.upper()}" for field in fields(Settings) if field.name != "policy"}
    assert Settings.read({"OPTOUT_PRODUCT_TOKEN": "ExampleCorpusBot", **told}.get) == settings


def test_settings_hold_still() -> None:
    """Read once, they are the same for the whole crawl, and can be a key."""
    assert read() == read()
    assert hash(read()) == hash(read())
    with pytest.raises(AttributeError):
        read().action = "tag"  # type: ignore[misc]


def test_unknown_name_is_told_with_what_was_meant() -> None:
    """A setting that is misspelt must not be passed over in silence."""
    names = ["OPTOUT_DRYRUN", "OPTOUT_ACTION", "BOT_NAME", "OPTOUT_AUDIT_DIRECTORY", "OPTOUT_X"]
    said = unknown_names(names)
    assert said[0] == "OPTOUT_DRYRUN is no setting: did you mean OPTOUT_DRY_RUN?"
    assert said[1] == "OPTOUT_AUDIT_DIRECTORY is no setting: did you mean OPTOUT_AUDIT_DIR?"
    assert said[2].startswith("OPTOUT_X is no setting: choose out of OPTOUT_ENABLED, ")
    assert len(said) == 3


def test_user_agent_names_the_product_token() -> None:
    """In any case, anywhere in it (RFC 9309 section 2.2.1)."""
    check_user_agent("Mozilla/5.0 (compatible; examplecorpusbot/2.1)", "ExampleCorpusBot")
    with pytest.raises(SettingsError, match=r"^USER_AGENT 'Scrapy/2\.19' does not name .*'ExampleCorpusBot'"):
        check_user_agent("Scrapy/2.19", "ExampleCorpusBot")


def test_default_user_agent_says_who_and_where() -> None:
    """Product and version, and the contact URL where there is one."""
    product = f"ExampleCorpusBot/{package_version()}"
    assert default_user_agent("ExampleCorpusBot", "") == product
    assert default_user_agent("ExampleCorpusBot", "https://bot.example/") == f"{product} (+https://bot.example/)"
    check_user_agent(default_user_agent("ExampleCorpusBot", ""), "ExampleCorpusBot")
