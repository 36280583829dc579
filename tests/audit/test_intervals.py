"""Intervals of shares over sites: by hand, by the words of their contract, and by simulation."""

from __future__ import annotations

from random import Random
from statistics import NormalDist

import pytest
from hypothesis import given
from hypothesis import strategies as st

from optout_middleware.audit import intervals
from optout_middleware.audit.intervals import Cluster, Estimate, Frame, Stratum

from .populations import Population, Web

RUNS = 1_000
EQUAL = Cluster(1, 1, 1)
# How many sites are sampled, of webs of 6,000 sites.
CRAWLS = [
    (50, Web(0.1, 0.8, 0.3, most=300)),
    (50, Web(0.3, 0.8, 1, most=300)),
    (50, Web(0.5, 1.2, 0.5, tilt=1, most=300)),
    (150, Web(0.07, 1.2, 0.02, most=300)),
    (150, Web(0.9, 0.8, 0.3, most=300)),
]
ESTIMATES = [
    (50, Web(0.1, 0.8, 0.3, most=300)),
    (50, Web(0.3, 1.5, 1)),
    (50, Web(0.5, 2, 0.1)),
    (100, Web(0.3, 2, 0.7, tilt=-1)),
    (100, Web(0.6, 1.5, 0.3, tilt=1)),
    (100, Web(0.1, 1.5, 1)),
    (150, Web(0.9, 2, 0.1)),
]


def covers(frame: Frame, amounts: dict[int, float], truth: float) -> bool:
    """Tell whether the interval of one sample holds the truth, whether or not it would be shown."""
    touched = frame.weigh(amounts)
    low, high = frame.interval(sum(site.weight * own for site, own in touched), touched)
    return low <= truth <= high


@pytest.mark.parametrize(("sites", "web"), CRAWLS)
def test_intervals_of_crawls_cover_the_truth(sites: int, web: Web) -> None:
    """Of 1,000 crawls of a web, 93 to 97 % have an interval that holds its true share."""
    chance = Random(f"{sites} {web}")
    population = Population.of(web, 6_000, chance)
    truth = population.of_pages
    assert 0.05 <= truth <= 0.95
    assert 930 <= sum(covers(*population.crawled(sites, chance), truth) for _ in range(RUNS)) <= 970


@pytest.mark.parametrize(("sites", "web"), ESTIMATES)
def test_intervals_of_estimates_cover_the_truth(sites: int, web: Web) -> None:
    """The same for the stratified sample of `optout estimate`, of pages and of sites."""
    chance = Random(f"{sites} {web}")
    population = Population.of(web, 6_000, chance)
    planned = population.planned(sites)
    truths = population.of_pages, population.of_sites
    assert all(0.05 <= truth <= 0.95 for truth in truths)
    found = [0, 0]
    for _ in range(RUNS):
        pages, of_pages, all_sites, of_sites = population.estimated(planned, chance)
        found[0] += covers(pages, of_pages, truths[0])
        found[1] += covers(all_sites, of_sites, truths[1])
    assert all(930 <= count <= 970 for count in found), found


def test_lone_pages_are_a_simple_sample() -> None:
    """A hundred sites of one page each: nearly the score interval of a simple random sample (Wilson 1927)."""
    found = Frame([Stratum([EQUAL] * 100)]).estimate(dict.fromkeys(range(30), 1.0))
    # By hand, z = 1.96: (0.3 + 0.0192) / 1.0384 -+ 0.0900.
    assert found.share == pytest.approx(0.3)
    assert found.low == pytest.approx(0.2189, abs=0.003)
    assert found.high == pytest.approx(0.3959, abs=0.003)


def test_pages_of_a_site_are_no_sample_of_their_own() -> None:
    """Sixty sites that exclude all or nothing say as much with a hundred pages each as with one."""
    amounts = range(0, 60, 3)
    few = Frame([Stratum([EQUAL] * 60)]).estimate(dict.fromkeys(amounts, 1.0))
    many = Frame([Stratum([Cluster(100, 100, 100)] * 60)]).estimate(dict.fromkeys(amounts, 100.0))
    assert (many.low, many.high) == pytest.approx((few.low, few.high), abs=0.001)


def test_sites_that_all_exclude_a_third_leave_no_doubt_but_their_pages() -> None:
    """Where sites are alike, the pages count: the interval is that of 6,000 pages, not of 60 sites."""
    found = Frame([Stratum([Cluster(100, 100, 100)] * 60)]).estimate(dict.fromkeys(range(60), 33.0))
    assert found.low is not None
    assert found.high is not None
    assert found.high - found.low < 0.025


def test_one_large_site_widens_the_interval() -> None:
    """Half of all pages on one site: what is known of the web is what is known of that site, nearly."""
    even = Frame([Stratum([Cluster(10, 10, 10)] * 100)]).estimate(dict.fromkeys(range(40), 10.0))
    sizes = [Cluster(1000, 1000, 1000), *[Cluster(10, 10, 10)] * 99]
    odd = Frame([Stratum(sizes)]).estimate(dict.fromkeys(range(1, 41), 10.0))
    assert None not in (even.low, even.high, odd.low, odd.high)
    assert (odd.high or 0) - (odd.low or 0) > 2 * ((even.high or 0) - (even.low or 0))


def test_sites_that_were_all_looked_at_leave_no_doubt() -> None:
    """A stratum that is known whole adds nothing to the variance, and a list that is known whole has a point."""
    whole = Frame([Stratum([Cluster(2, 2, 2)] * 80, sites=80, size=160)])
    assert whole.estimate(dict.fromkeys(range(40), 1.0))[:3] == pytest.approx((0.25, 0.25, 0.25))
    half = Frame([Stratum([Cluster(2, 2, 2)] * 80, sites=160, size=320)]).estimate(dict.fromkeys(range(40), 2.0))
    open_ended = Frame([Stratum([Cluster(2, 2, 2)] * 80)]).estimate(dict.fromkeys(range(40), 2.0))
    assert (open_ended.low or 0) < (half.low or 0) < 0.5 < (half.high or 0) < (open_ended.high or 0)


def test_strata_weigh_by_their_size_and_not_by_what_was_drawn() -> None:
    """One site in ten was drawn of the first stratum, every one of the second: the first counts ten times."""
    strata = [Stratum([EQUAL] * 60, sites=600, size=600), Stratum([EQUAL] * 60, sites=60, size=60)]
    found = Frame(strata).estimate(dict.fromkeys(range(30), 1.0))
    assert found.share == pytest.approx(0.5 * 600 / 660)


@pytest.mark.parametrize(
    ("sites", "hits", "why"),
    [
        (49, 20, "too few sites: 49 of at least 50"),
        (50, 20, ""),
        (100, 4, "too few sites for a share below 5%"),
        (100, 5, ""),
        (100, 95, ""),
        (100, 96, "too few sites for a share above 95%"),
        (100, 0, "too few sites for a share below 5%"),
        (0, 0, "too few sites"),
    ],
)
def test_where_there_is_no_interval_it_says_why(sites: int, hits: int, why: str) -> None:
    """Fewer than 50 sites, and shares below 5 % or above 95 %, have a share and no interval."""
    found = Frame([Stratum([EQUAL] * sites)]).estimate(dict.fromkeys(range(hits), 1.0))
    assert found.why == why
    assert (found.low is None) == (found.high is None) == bool(why)
    assert found.share == (pytest.approx(hits / sites) if sites else None)


def test_sites_of_no_size_do_not_count() -> None:
    """A site without a single octet is none of the fifty that an interval of octets needs."""
    empty = [Cluster(0, 1, 1)] * 10
    found = Frame([Stratum([*empty, *[EQUAL] * 45])]).estimate(dict.fromkeys(range(10, 30), 1.0))
    assert found.why == "too few sites: 45 of at least 50"
    assert found.share == pytest.approx(20 / 45)


def test_estimates_are_shown() -> None:
    """In percent for people, in places for programs; without an interval both say why."""
    found = Estimate(0.123456789, 0.1, 0.15, "", 60)
    assert str(found) == "12.3 % (10.0 to 15.0 %)"
    assert found.to_dict() == {"share": 0.123457, "low": 0.1, "high": 0.15, "sites": 60}
    few = Estimate(0.5, None, None, "too few sites: 2 of at least 50", 2)
    assert str(few) == "50.0 % (too few sites: 2 of at least 50)"
    assert few.to_dict()["why"] == "too few sites: 2 of at least 50"
    assert str(Estimate(None, None, None, "too few sites", 0)) == "nothing"


@pytest.mark.parametrize(("degrees", "quantile"), [(3, 3.182), (5, 2.571), (10, 2.228), (30, 2.042), (49, 2.010)])
def test_quantiles_of_t(degrees: float, quantile: float) -> None:
    """As printed tables have them (Abramowitz and Stegun 1964, table 26.10), and the normal one in the end."""
    assert intervals._quantile(degrees) == pytest.approx(quantile, abs=0.004)
    assert intervals._quantile(1e9) == pytest.approx(NormalDist().inv_cdf(0.975))


clusters = st.lists(
    st.tuples(st.integers(1, 500), st.floats(0, 1)).map(lambda pair: (pair[0], pair[0] * pair[1])),
    min_size=50, max_size=80,
)  # fmt: skip


@given(clusters, st.integers(0, 3))
def test_an_interval_holds_its_share_and_stays_within_bounds(sizes: list[tuple[int, float]], strata: int) -> None:
    """Whatever the sites are like, and however they fall into strata of which more is not known."""
    parts = [sizes[start :: strata + 1] for start in range(strata + 1)]
    frame = Frame([
        Stratum([Cluster(size, min(size, 10), size) for size, _ in part], sites=2 * len(part)) for part in parts
    ])  # fmt: skip
    amounts = dict(enumerate(amount for part in parts for _, amount in part))
    found = frame.estimate(amounts)
    assert found.share is not None
    if found.low is not None and found.high is not None:
        assert 0 <= found.low <= found.share + 1e-9
        assert found.share - 1e-9 <= found.high <= 1
    touched = frame.weigh(amounts)
    low, high = frame.interval(found.share, touched)
    assert 0 <= low <= high <= 1
