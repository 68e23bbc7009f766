"""Pages are executed side by side, those with the most cells first."""

from __future__ import annotations

import re

from support.tiny_book import HEADER, TinyBook, cell

from bookbuild.executor import cpus

THREADS = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS")  # tiny_book.DECLARATION
# Each framework's cell waits until the other framework's cell has started.
MEET = """
from pathlib import Path
import time
(here := Path({folder!r}, "{mine}")).touch()
start = time.monotonic()
while not here.with_name("{other}").exists():
    assert time.monotonic() - start < 60, "alone"
    time.sleep(0.01)
"""
SAY = "import os\nprint('threads:', [os.environ.get(n) for n in %r])" % (THREADS,)


def meet(tiny: TinyBook, then: str) -> str:
    """Return cells that finish only if both kernels run at the same time."""
    return "".join(
        cell(
            MEET.format(folder=str(tiny.root), mine=a, other=b).strip()
            + f"\n{then}",
            a,
        )
        for a, b in (("alpha", "beta"), ("beta", "alpha"))
    )


def threads(tiny: TinyBook) -> list[str]:
    text = tiny.committed("alpha").read_text()
    return re.findall(r"threads: \[(.*?)\]", text)[-1].split(", ")


def test_two_jobs_run_two_kernels_at_once_that_share_the_processors(
    tiny, monkeypatch
):
    for name in THREADS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(THREADS[0], "5")  # the environment takes precedence
    tiny.write(meet(tiny, SAY))
    done = tiny.build("notebooks", "--jobs", "2")
    assert done.returncode == 0, done.stderr
    share = max(1, cpus() // 2)
    assert threads(tiny) == ["'5'", *[f"'{share}'"] * (len(THREADS) - 1)]


def test_one_job_runs_one_kernel_at_a_time_without_limiting_its_threads(
    tiny, monkeypatch
):
    for name in THREADS:
        monkeypatch.delenv(name, raising=False)
    # When the kernel's process started, and when its last cell ran.
    times = (
        "import time\n"
        "stat = open('/proc/self/stat').read().rpartition(')')[2].split()\n"
        "print(int(stat[19]) / os.sysconf('SC_CLK_TCK'),\n"
        "      time.clock_gettime(time.CLOCK_BOOTTIME))"
    )
    tiny.write(cell(SAY) + cell(times))
    done = tiny.build("notebooks", "--jobs", "1")
    assert done.returncode == 0, done.stderr
    assert threads(tiny) == ["None"] * len(THREADS)
    ran = [
        re.search(r'"(\d+\.\d+) (\d+\.\d+)\\n"', path.read_text()).groups()
        for path in map(tiny.committed, ("alpha", "beta"))
    ]
    first, second = sorted([float(time) for time in one] for one in ran)
    assert first[1] < second[0]  # one had ended when the other's kernel began


def test_the_page_with_the_most_cells_is_executed_first(tiny):
    tiny.write(cell("1", "beta") + cell("1", "alpha") + cell("2"))
    tiny.add_page("long", HEADER + "\n# Long\n\n" + 3 * cell("1"))
    said = tiny.build("notebooks", "--jobs", "1").stdout
    executed = [s.split()[1] for s in said.splitlines() if "executed" in s]
    assert executed == ["tiny/long", "tiny/long", "tiny/page", "tiny/page"]


def test_failures_are_reported_in_the_order_of_pages_and_frameworks(tiny):
    tiny.write(meet(tiny, "1 / 0"))
    failed = tiny.build("notebooks", "--jobs", "2")
    said = failed.stderr
    assert failed.returncode == 1
    assert 0 < said.index("Alpha, code cell") < said.index("Beta, code cell")
