"""What fails once has another try, alone; nothing else has. Rows of tests are kept, whatever becomes of workers."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.second_try import MOST

ROOT = Path(__file__).parents[1]
LIMIT = 110
FEW_PLUGINS = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": "-p xdist -p pytest_timeout"}
BEGINNING = """
import os, pathlib, threading, pytest

def is_first_time(name):
    tried = pathlib.Path(__file__).with_name("tried-" + name)
    was_there = tried.exists()
    tried.touch()
    return not was_there
"""
GROUP = '@pytest.mark.xdist_group("row")\n'
PARAMETERS = '@pytest.mark.parametrize("uri", ["sip:ana@example.com"])\n'


def source(name: str, body: str) -> str:
    return f"def test_{name}():\n    {body}\n"


GOOD = source("good", "pass")
BAD = source("bad", "assert False")
ONCE = source("once", 'assert not is_first_time("once")')
CRASH = source("crash", "os._exit(1)")


def tried(folder: Path, *files: str, options: tuple[str, ...] = ("-n", "2", "--dist", "loadgroup")) -> tuple[int, str]:
    """Status and output."""
    (folder / "pytest.ini").write_text("[pytest]\nmarkers =\n    sipp: as ours\n")
    (folder / "conftest.py").write_text(
        "from tests.rows import pytest_collection_modifyitems, pytest_xdist_make_scheduler"
    )
    for number, text in enumerate(files):
        (folder / f"test_{number}.py").write_text(BEGINNING + text)
    done = subprocess.run(
        [sys.executable, "-m", "tests.second_try", "-p", "no:cacheprovider", *options],
        cwd=folder, env=os.environ | {"PYTHONPATH": str(ROOT)} | FEW_PLUGINS, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=LIMIT, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout


def runs(output: str) -> int:
    return output.count("test session starts")


def test_all_that_pass_are_tried_once(tmp_path: Path) -> None:
    status, output = tried(tmp_path, GOOD)
    assert (status, runs(output)) == (0, 1)


def test_whatever_way_a_test_fails_once_it_passes_in_the_end(tmp_path: Path) -> None:
    """In a group or not, with an @ in its name, by a time-out, before it begins, and with its process."""
    status, output = tried(
        tmp_path,
        GOOD + GROUP + PARAMETERS + ONCE.replace("()", "(uri)", 1),
        "@pytest.mark.timeout(0.5)\n" + source("slow", 'if is_first_time("slow"): threading.Event().wait()'),
        GROUP + source("crash", 'is_first_time("crash") and os._exit(1)'),
        '@pytest.fixture\ndef given():\n    assert not is_first_time("given")\n'
        + source("given", "pass").replace("()", "(given)"),
    )  # fmt: skip
    assert status == 0, output
    assert runs(output) == 2
    assert "4 failed at the first try:" in output
    last = output.partition("failed at the first try, and passed when tried alone:")[2].split("\n")[1:5]
    assert [line.strip() for line in last] == [
        "test_0.py::test_once[sip:ana@example.com]@row", "test_1.py::test_slow", "test_2.py::test_crash@row",
        "test_3.py::test_given",
    ]  # fmt: skip
    assert "4 passed" in output


@pytest.mark.parametrize("fault", [CRASH, GROUP + BAD], ids=["crash", "group"])
def test_what_fails_twice_fails_the_run(tmp_path: Path, fault: str) -> None:
    status, output = tried(tmp_path, GOOD + ONCE, fault)
    assert status != 0
    assert runs(output) == 2
    assert "failed at both tries:" in output


def test_a_file_that_cannot_be_collected_has_no_second_try(tmp_path: Path) -> None:
    """Its tests have not run, and none of the others either."""
    status, output = tried(tmp_path, ONCE, "if is_first_time('file'):\n    raise ValueError\n" + GOOD)
    assert status != 0
    assert runs(output) == 1


def test_what_fails_when_tests_are_over_has_no_second_try(tmp_path: Path) -> None:
    """As a service that many tests have shared, and that tells of a bug when it is ended."""
    shared = '@pytest.fixture(scope="module")\ndef service():\n    yield\n    assert not is_first_time("service")\n'
    status, output = tried(tmp_path, shared + GOOD.replace("()", "(service)"))
    assert status != 0
    assert runs(output) == 1


@pytest.mark.parametrize("options", [("-x",), ("--maxfail=1", "-n", "2")], ids=["alone", "workers"])
def test_a_run_that_was_broken_off_has_no_second_try(tmp_path: Path, options: tuple[str, ...]) -> None:
    many = '@pytest.mark.parametrize("number", range(50))\n' + GOOD.replace("()", "(number)")
    status, output = tried(tmp_path, ONCE + many, options=options)
    assert status != 0
    assert runs(output) == 1


@pytest.mark.parametrize("options", [(), ("-n", "2")], ids=["alone", "workers"])
def test_a_run_that_ends_well_and_early_has_not_passed(tmp_path: Path, options: tuple[str, ...]) -> None:
    ends = source("ends", 'pytest.exit("enough", returncode=0)')
    status, output = tried(tmp_path, GOOD + ends + BAD, options=options)
    assert status != 0
    assert runs(output) == 1


def test_a_test_that_is_skipped_at_the_second_try_has_not_passed(tmp_path: Path) -> None:
    status, output = tried(tmp_path, source("odd", 'assert not is_first_time("odd"); pytest.skip("no")'))
    assert status != 0
    assert "failed at both tries:" in output


def test_a_test_that_has_another_name_at_the_second_try_has_not_passed(tmp_path: Path) -> None:
    many = '@pytest.mark.parametrize("number", [is_first_time("name")])\n'
    status, output = tried(tmp_path, many + source("odd", "assert not number").replace("()", "(number)"), options=())
    assert status != 0
    assert "failed at both tries:" in output


def test_many_failures_are_no_accident(tmp_path: Path) -> None:
    many = f'@pytest.mark.parametrize("number", range({MOST + 1}))\n' + BAD.replace("()", "(number)")
    status, output = tried(tmp_path, many)
    assert (status, runs(output)) == (1, 1)


# Rows.


def test_a_row_is_run_by_one_worker(tmp_path: Path) -> None:
    """pytest and xdist are not always of one mind about it (see conftest)."""
    tell = '@pytest.mark.parametrize("number", range(9))\n' + source(
        "tell", 'pathlib.Path(__file__).with_suffix(".who").open("a").write(os.environ["PYTEST_XDIST_WORKER"] + " ")'
    ).replace("()", "(number)", 1)
    groups = (GROUP.replace("row", row) + tell for row in "ab")
    status, output = tried(tmp_path, *groups, "pytestmark = pytest.mark.sipp\n" + tell)
    assert status == 0, output
    for number in range(3):
        assert len(set((tmp_path / f"test_{number}.who").read_text().split())) == 1


def test_a_row_goes_on_with_another_worker_and_without_what_its_worker_died_of(tmp_path: Path) -> None:
    many = '@pytest.mark.parametrize("number", range(9))\n' + GOOD.replace("()", "(number)")
    status, output = tried(tmp_path, "pytestmark = pytest.mark.sipp\n" + many + CRASH + many.replace("good", "more"))
    assert status != 0
    assert "1 failed, 18 passed" in output
    assert "failed at both tries:\n    test_0.py::test_crash@sipp" in output
