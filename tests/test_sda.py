"""Profiles and the registry of running executors."""

from __future__ import annotations

import json
import os

import pytest
from ring_client import Client

from maf_vdev.sda import profiles, registry


@pytest.fixture
def runtime(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    return tmp_path / "maf-vdev"


@pytest.mark.parametrize("name", profiles.names())
def test_profile_parses_and_divides(name):
    profile = profiles.load(name)
    zero = {key for key, value in profile.properties.items() if value == 0}
    assert zero <= profiles.MAY_BE_ZERO
    assert profile.capability == ((8, 0) if name == "a100" else (7, 5))


def test_profiles_differ():
    assert profiles.load("t4").name == "Tesla T4"
    assert profiles.load("default").properties["multiProcessorCount"] < 10


@pytest.mark.parametrize(
    ("text", "value"), [("64K", 65536), ("1.5GiB", 3 << 29), ("0x10", 16), ("512MB", 1 << 29), (" 7 ", 7)]
)
def test_sizes(text, value):
    assert profiles.parse_size(text) == value


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("warpSize = 0", "cannot be 0"),
        ("colour = 3", "unknown key colour"),
        ("major = seven", "not a number"),
        ("major", "not a 'key = value' line"),
    ],
)
def test_bad_profile_names_file_and_line(tmp_path, line, why):
    path = tmp_path / "bad.profile"
    path.write_text(f"# comment\n{line}\n")
    with pytest.raises(profiles.ProfileError, match=r"bad\.profile:2: .*" + why):
        profiles.read(path)


def test_environment_chooses_profile_and_memory(tmp_path, monkeypatch):
    path = tmp_path / "own.profile"
    path.write_text("name = Own\nmultiProcessorCount = 3\n")
    monkeypatch.setenv("MAF_PROFILE", str(path))
    monkeypatch.setenv("MAF_MEMORY", "2G")
    profile = profiles.current()
    assert (profile.name, profile.properties["multiProcessorCount"], profile.memory) == ("Own", 3, 2 << 30)


def wait_listed(client: Client) -> None:
    client.wait_ready()
    client.request("MAF_REQ_HELLO")


def test_running_executor_is_listed_with_its_memory(runtime, monkeypatch):
    monkeypatch.setenv("MAF_MEMORY", "1G")
    with Client(count=2) as client:
        wait_listed(client)
        client.control.used_bytes[0], client.control.used_bytes[1] = 111, 222
        sdas = registry.list_sdas()
        assert [(s["app_pid"], s["pid"], s["index"], s["used_bytes"], s["total_bytes"]) for s in sdas] == [
            (os.getpid(), client.executor.pid, 0, 111, 1 << 30),
            (os.getpid(), client.executor.pid, 1, 222, 1 << 30),
        ]
        assert "pytest" in sdas[0]["command"]
    assert registry.list_sdas() == []


def test_killed_executor_is_not_listed_and_its_entry_is_removed(runtime):
    with Client() as client:
        wait_listed(client)
        assert len(registry.list_sdas()) == 1
        client.executor.kill()
        client.executor.wait()
        assert registry.list_sdas() == []
    assert list(runtime.iterdir()) == []


def test_entry_of_a_reused_pid_is_not_listed(runtime):
    with Client() as client:
        wait_listed(client)
        (path,) = runtime.glob("*.json")
        entry = json.loads(path.read_text())
        path.write_text(json.dumps({**entry, "start_time": entry["start_time"] - 1}))
        assert registry.list_sdas() == []


def test_damaged_entry_is_ignored(runtime):
    registry.folder()
    (runtime / "123456789.json").write_text("{")
    assert registry.list_sdas() == []
    assert not (runtime / "123456789.json").exists()


def test_cpu_is_a_physical_device():
    cpu = registry.physical_devices()[0]
    assert cpu["id"] == "cpu"
    assert cpu["units"] >= 1
    assert cpu["memory_bytes"] > 0
