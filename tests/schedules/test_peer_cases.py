"""Cases that other cron libraries test themselves with, where their answers and the rules agree.

Where a peer's own suite expects something else, docs/peers.md says which rule decides.
"""

from datetime import datetime, timedelta

import pytest

from cronkit.schedules import Cron
from tests.schedules.expectations import at, instants

SPRING, AUTUMN = "2021-03-28", "2021-10-31"


@pytest.mark.parametrize(
    ("text", "day", "start", "expected"),
    [
        # Riga goes from 03:00+02:00 to 04:00+03:00 in spring, and from 04:00+03:00 back to 03:00+02:00 in autumn.
        ("0 * * * *", SPRING, "01:30", ["02:00+02:00", "04:00+03:00"]),
        ("0 * * * *", AUTUMN, "01:30", ["02:00+03:00", "03:00+03:00", "03:00+02:00", "04:00+02:00"]),
        ("*/30 * * * *", SPRING, "02:10", ["02:30+02:00", "04:00+03:00", "04:30+03:00"]),
        ("*/15 * * * *", SPRING, "02:40", ["02:45+02:00", "04:00+03:00"]),
        ("0 */2 * * *", SPRING, "01:30", ["02:00+02:00", "04:00+03:00", "06:00+03:00"]),
        ("0 */2 * * *", AUTUMN, "01:30", ["02:00+03:00", "04:00+02:00", "06:00+02:00"]),
        ("30 */2 * * *", SPRING, "01:30", ["02:30+02:00", "04:30+03:00"]),
        ("0 */3 * * *", AUTUMN, "01:30", ["03:00+03:00", "03:00+02:00", "06:00+02:00"]),
        ("0 1,2,3,4,5 * * *", SPRING, "01:30", ["02:00+02:00", "04:00+03:00", "05:00+03:00"]),
        ("0 1,2,3,4,5 * * *", AUTUMN, "01:30", ["02:00+03:00", "03:00+03:00", "04:00+02:00"]),
        ("30 1,2,3,4,5 * * *", SPRING, "01:30", ["02:30+02:00", "04:00+03:00", "04:30+03:00"]),
        ("30 1,2,3,4,5 * * *", AUTUMN, "01:30", ["02:30+03:00", "03:30+03:00", "04:30+02:00"]),
        ("0 3 * * *", SPRING, "00:00", ["04:00+03:00"]),
        ("0 4 * * *", SPRING, "00:00", ["04:00+03:00"]),
        ("0 1-23/2 * * *", SPRING, "00:30", ["01:00+02:00", "04:00+03:00", "05:00+03:00"]),
        ("0 1-23/2 * * *", AUTUMN, "00:30", ["01:00+03:00", "03:00+03:00", "05:00+02:00"]),
        ("15 3 * * *", SPRING, "00:00", ["04:00+03:00"]),
        ("15 3 * * *", AUTUMN, "00:00", ["03:15+03:00"]),
        ("* * * * *", SPRING, "02:58", ["02:59+02:00", "04:00+03:00"]),
        ("* 1-6 * * *", SPRING, "02:58", ["02:59+02:00", "04:00+03:00"]),
    ],
)
def test_a_change_in_riga_as_cronsim_has_it(text: str, day: str, start: str, expected: list[str]) -> None:
    after = at(f"{day}T{start}{'+02:00' if day == SPRING else '+03:00'}")
    found = Cron(text, tz="Europe/Riga").upcoming(len(expected), after=after)
    assert [member.isoformat(timespec="minutes") for member in found] == [f"{day}T{wall}" for wall in expected]


@pytest.mark.parametrize(
    ("text", "start", "expected"),
    [
        ("1 1 * * 5L", "2020-01-01", ["01-31", "02-28", "03-27", "04-24", "05-29", "06-26", "07-31", "08-28", "09-25"]),
        ("1 1 * * 1#2", "2020-01-01", ["01-13"]),
        ("1 1 1-7 * */7", "2020-01-01", ["01-05", "02-02", "03-01", "04-05"]),
        ("1 1 */100,1-7 * MON", "2020-01-01", ["01-06", "02-03", "03-02", "04-06"]),
    ],
)
def test_days_as_cronsim_has_them(text: str, start: str, expected: list[str]) -> None:
    assert [f"{member:%m-%d}" for member in Cron(text).upcoming(len(expected), after=at(start))] == expected


@pytest.mark.parametrize(
    ("text", "start", "expected"),
    [
        ("0 0/15 * * * *", "2012-07-09T14:59:59", "2012-07-09T15:00:00"),
        ("0 20-35/15 * * * *", "2012-07-09T15:45", "2012-07-09T16:20"),
        ("15/35 20-35/15 * * * *", "2012-07-09T23:35:51", "2012-07-10T00:20:15"),
        ("15/35 20-35/15 1/2 * * *", "2012-07-09T23:35:51", "2012-07-10T01:20:15"),
        ("15/35 20-35/15 10-12 * * *", "2012-07-09T23:35:51", "2012-07-10T10:20:15"),
        ("15/35 20-35/15 1/2 */2 * *", "2012-07-09T23:35:51", "2012-07-11T01:20:15"),
        ("15/35 20-35/15 * 9-20 * *", "2012-07-09T23:35:51", "2012-07-10T00:20:15"),
        ("0 0 0 9 Apr-Oct ?", "2012-07-09T23:35", "2012-08-09T00:00"),
        ("0 0 0 */5 Apr,Aug,Oct Mon", "2012-07-09T23:35", "2012-08-06T00:00"),
        ("0 0 0 */5 Oct Mon", "2012-07-09T23:35", "2012-10-01T00:00"),
        ("0 0 0 * Feb Mon", "2012-07-09T23:35", "2013-02-04T00:00"),
        ("0 0 0 * Feb Mon/2", "2012-07-09T23:35", "2013-02-01T00:00"),
        ("0 * * * * *", "2012-12-31T23:59:45", "2013-01-01T00:00"),
        ("0 0 0 29 Feb ?", "2012-07-09T23:35", "2016-02-29T00:00"),
    ],
)
def test_wrapping_of_fields_as_robfig_cron_has_it(text: str, start: str, expected: str) -> None:
    assert Cron(text).next(at(start)) == at(expected)


@pytest.mark.parametrize(
    ("text", "day", "runs"),
    [
        ("0 0 0 1,15 * Sun", "2012-07-15", True),
        ("0 0 0 1,15 * Sun", "2012-06-15", True),
        ("0 0 0 1,15 * Sun", "2012-08-01", True),
        ("0 0 0 * * Mon", "2012-07-15", False),
        ("0 0 0 1,15 * *", "2012-07-09", False),
        ("0 0 0 1,15 * *", "2012-07-15", True),
        ("0 0 0 */2 * Sun", "2012-07-15", True),
        ("0 0 0 */10 * Sun", "2012-07-15", False),
    ],
)
def test_the_two_day_fields_as_robfig_cron_joins_them(text: str, day: str, runs: bool) -> None:
    start = at(day)
    assert Cron(text).count(start, start + timedelta(days=1)) == runs


@pytest.mark.parametrize(
    ("text", "start", "expected"),
    [
        ("0 0 0 L 2 *", "2022-02-04", ["2022-02-28"]),
        ("0 0 0 L 2 *", "2023-12-30", ["2024-02-29"]),
        ("0 0 0 * 2 SUN#L", "2023-12-30", ["2024-02-25"]),
        ("0 0 0 * 2 THU#L", "2023-12-30", ["2024-02-29"]),
        ("0 0 0 * 2 FRI#L", "2023-12-30", ["2024-02-23"]),
        ("0 0 0 * * SAT#L,SUN#L,SUN#1", "2023-08-09", ["2023-08-26", "2023-08-27", "2023-09-03", "2023-09-24"]),
        ("0 0 0 15W 7 *", "2025-07-01", ["2025-07-15"]),
        ("0 0 0 19W 7 *", "2025-07-01", ["2025-07-18"]),
        ("0 0 0 20W 7 *", "2025-07-01", ["2025-07-21"]),
        ("0 0 0 1W 6 *", "2025-05-01", ["2025-06-02"]),
        ("0 0 0 31W 8 *", "2025-08-01", ["2025-08-29"]),
        ("0 12 1 * +MON", "2025-01-01", ["2025-09-01", "2025-12-01"]),
        ("0 12 15 * +5", "2025-01-01", ["2025-08-15", "2026-05-15"]),
        ("0 12 1 * +MON#1", "2025-01-01", ["2025-09-01", "2025-12-01"]),
    ],
)
def test_days_as_croner_has_them(text: str, start: str, expected: list[str]) -> None:
    found = Cron(text).upcoming(len(expected), after=at(start))
    assert [member.date().isoformat() for member in found] == expected


@pytest.mark.parametrize(
    ("text", "start", "expected"),
    [
        ("0 0 */3 * *", "2010-02-24T12:09", ["02-25", "02-28", "03-01"]),
        ("0 0 1 * wed", "2010-01-25", ["01-27", "02-01", "02-03"]),
        ("0 0 * * sat#1", "2010-02-25", ["03-06", "04-03"]),
        ("0 0 * * wed#5", "2010-01-25", ["03-31", "06-30", "09-29"]),
        ("0 0 l * *", "2015-09-04", ["09-30", "10-31", "11-30", "12-31"]),
        ("0 0 * * 7", "2010-02-25", ["02-28", "03-07"]),
        ("0 0 1 3,6,9,12 *", "2016-12-03T10:00", ["03-01", "06-01"]),
    ],
)
def test_days_as_croniter_has_them(text: str, start: str, expected: list[str]) -> None:
    assert [f"{member:%m-%d}" for member in Cron(text).upcoming(len(expected), after=at(start))] == expected


@pytest.mark.parametrize(
    ("text", "start", "expected"),
    [
        ("0 0 22 * *", "2012-03-15", "2012-02-22"),
        ("0 0 l * *", "2009-12-31", "2009-11-30"),
        ("5 0 */2 * *", "2012-02-24", "2012-02-23T00:05"),
        ("0 4/6 * * *", "2012-02-24", "2012-02-23T22:00"),
        ("0 0 1,15,31 * *", "2016-02-01", "2016-01-31"),
        ("* * * 5 *", "2012-06-18T00:15", "2012-05-31T23:59"),
        ("0 0 * * sat#1,sun#2", "2010-08-07", "2010-07-11"),
    ],
)
def test_the_way_back_as_croniter_has_it(text: str, start: str, expected: str) -> None:
    assert Cron(text).previous(at(start)) == at(expected)


def test_a_fold_in_athens_as_croniter_has_it_both_ways() -> None:
    cron = Cron("*/30 * * * *", tz="Europe/Athens")
    walls = ["02:30+03:00", "03:00+03:00", "03:30+03:00", "03:00+02:00", "03:30+02:00", "04:00+02:00", "04:30+02:00"]
    expected = [at(f"2013-10-27T{wall}") for wall in walls]
    assert instants(cron.upcoming(7, after=at("2013-10-27T02:00+03:00"))) == expected
    back: list[datetime | None] = [at("2013-10-27T05:00+02:00")]
    for _ in expected:
        here = back[-1]
        assert here is not None
        back.append(cron.previous(here))
    assert instants(back[:0:-1]) == expected
