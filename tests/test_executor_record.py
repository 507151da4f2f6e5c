"""The run record that the executor leaves behind."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from ring_client import Client, Fault

from maf_vdev.cli import explain
from maf_vdev.executor import record


@pytest.fixture
def state(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return tmp_path / "maf-vdev" / "runs"


def run(state, use) -> dict:
    with Client() as client:
        client.wait_ready()
        use(client)
    (path,) = state.glob("*.json")
    return json.loads(path.read_text())


def test_notes_are_counted(state):
    def use(client):
        for _ in range(2):
            client.request("MAF_REQ_NOTE", b"unsupported cublasFoo")
        client.request("MAF_REQ_NOTE", b"something else")

    found = run(state, use)
    assert found["unsupported"] == {"cublasFoo": 2}
    assert found["notes"] == {"something else": 1}


def test_explain_adds_up_what_was_missing(state, capsys):
    run(state, lambda client: client.request("MAF_REQ_NOTE", b"unsupported cublasFoo"))
    state.joinpath("0-slow.json").write_text(
        json.dumps({"modnn": {"slow": {"blas": {"drotm n 2": 3}}}, "unsupported": {"cublasFoo": 5}})
    )
    explain.show_missing(as_json=True)
    assert json.loads(capsys.readouterr().out) == [
        {"kind": "Not supported", "what": "cublasFoo", "times": 6, "runs": 2},
        {"kind": "Slow (reference provider)", "what": "drotm n 2", "times": 3, "runs": 1},
    ]


def test_fault_is_recorded(state):
    def use(client):
        client.put("maf_cmd_copy", "MAF_CMD_COPY", dst=16, src=16, bytes=1)
        with pytest.raises(Fault):
            client.sync()

    (fault,) = run(state, use)["faults"]
    assert fault["error"] == 700
    assert "0x10" in fault["text"]


def test_fault_by_signal_is_recorded(state):
    from ring_client import DEVICE_BASE

    def use(client):
        client.put("maf_cmd_protect", "MAF_CMD_PROTECT", address=DEVICE_BASE, bytes=4096, accessible=0)
        client.put("maf_cmd_copy", "MAF_CMD_COPY", dst=DEVICE_BASE + 8192, src=DEVICE_BASE, bytes=1)
        with pytest.raises(Fault):
            client.sync()
        client.executor.wait(5)

    (fault,) = run(state, use)["faults"]
    assert (fault["error"], fault["text"].startswith("illegal memory access in copy")) == (700, True)


def test_counters(state):
    def use(client):
        target = client.allocate(100)
        client.put("maf_cmd_copy", "MAF_CMD_COPY", dst=target, src=target, bytes=100)
        client.sync()

    found = run(state, use)
    assert found["counters"]["commands"] == 1
    assert found["counters"]["copied_bytes"] == 100
    assert 0 < found["start_seconds"] < 20


def test_unused_executor_leaves_no_record(state):
    with Client() as client:
        client.wait_ready()
    assert not state.exists()


def test_only_the_last_runs_are_kept(state):
    state.mkdir(parents=True)
    for number in range(record.KEEP_RUNS + 5):
        (state / f"20200101T000000-{number:04}.json").write_text("{}")
    run_count = record.KEEP_RUNS

    with Client() as client:
        client.wait_ready()
        client.request("MAF_REQ_NOTE", b"unsupported x")
    left = sorted(path.name for path in state.glob("*.json"))
    assert len(left) == run_count
    assert not left[-1].startswith("2020")


def test_unwritable_state_folder_does_no_harm(tmp_path, monkeypatch):
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setenv("XDG_STATE_HOME", str(blocked))
    with Client() as client:
        client.wait_ready()
        client.request("MAF_REQ_NOTE", b"unsupported x")
        client.socket.close()
        assert client.executor.wait(5) == 0


# Each child is gone at some point between the moment it is listed and the moment it is killed.
SHORT_CHILDREN = """
import subprocess, threading
from maf_vdev.executor import server

def children():
    while True:
        subprocess.run(["/bin/true"])

for _ in range(3):
    threading.Thread(target=children, daemon=True).start()
for _ in range(2000):
    server._end_children()
print("ended", flush=True)
"""


def test_children_that_end_by_themselves_do_not_stop_the_record():
    line, folder = [sys.executable, "-c", SHORT_CHILDREN], Path(__file__).parent
    done = subprocess.run(line, cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == "ended\n", done.stderr
