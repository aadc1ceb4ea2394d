"""A local platform in place of a tenant, and settings to load from it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pipelines.ccaip.privacy.policy import KEEP_ALL
from pipelines.home import Home
from pipelines.settings import Settings
from simulator.calls import CallSource
from simulator.platform import Clock, Credentials, Platform

USER, TOKEN = "acme", "a-token"


def tenant(calls: CallSource, now: datetime, **more: Any) -> Platform:
    """A platform over the calls with a frozen clock and without a rate limit, as a context manager."""
    return Platform(
        calls, clock=Clock.frozen(now), credentials=Credentials(USER, TOKEN), requests_per_second=0, **more
    )


def settings_for(platform: Platform, home: Home, start: datetime, **more: Any) -> Settings:
    """Settings for `platform` without a rate limit, with everything kept so that it can be compared.

    `start` is the start date; `more` are other settings.
    """
    return Settings(
        **{
            "warehouse": home.warehouse,
            "base_url": platform.base_url,
            "username": USER,
            "api_token": TOKEN,
            "start_date": start,
            "requests_per_second": 100_000,
            "privacy": KEEP_ALL,
            **more,
        }
    )
