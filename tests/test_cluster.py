"""The same rows come from a Dask cluster, also when a worker is lost."""

import os
import signal
import threading

import pytest

from memnets import results
from memnets.__main__ import main

distributed = pytest.importorskip("distributed")


@pytest.fixture
def cluster():
    with distributed.LocalCluster(
        n_workers=3, threads_per_worker=1, dashboard_address=None
    ) as cluster:
        yield cluster


COMPARE = "compare recall --cells lstm simple_rnn --seeds 5 --episodes 200"


def test_a_cluster_gives_the_rows_of_one_machine(
    cluster, tmp_path, monkeypatch, capsys
):
    """Bit for bit, with one of three workers killed in the middle."""
    monkeypatch.chdir(tmp_path)
    assert main([*COMPARE.split(), "--workers", "1", "--out", "here.csv"]) == 0
    with distributed.Client(cluster) as client:
        before = set(client.run(os.getpid).values())
        killer = threading.Timer(2, os.kill, (min(before), signal.SIGKILL))
        killer.start()
        words = ["--dask", cluster.scheduler_address, "--out", "there.csv"]
        assert main([*COMPARE.split(), *words]) == 0
        # It was killed while there was work, and another took its place.
        assert not killer.is_alive()
        assert min(before) not in set(client.run(os.getpid).values())
    here, there = (
        (tmp_path / name).read_bytes() for name in ("here.csv", "there.csv")
    )
    assert here == there and len(results("here.csv")) == 10


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:9", "nonsense", "a.json"])
def test_a_cluster_that_is_not_there_is_named(address, capsys, tmp_path):
    out = tmp_path / "a.csv"
    words = ["--dask", address, "--out", str(out), "--seeds", "1"]
    assert main(["experiments", "recall-lecture/5-2", *words]) == 2
    said = capsys.readouterr().err
    assert "--dask must be the address" in said and address in said
    assert said.count("\n") == 1 and not out.exists()
