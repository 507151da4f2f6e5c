"""The executor as a process: commands through a real ring, requests through a real socket."""

from __future__ import annotations

import os
import signal
import struct
import time

import pytest
from ring_client import DEVICE_BASE, PINNED_BASE, Client, Fault, RequestFailed

from maf_vdev.protocol import constant

SLOT = 7


@pytest.fixture
def client():
    with Client() as made:
        made.wait_ready()
        yield made


def copy(client: Client, dst: int, src: int, size: int, stream: int = 0) -> int:
    return client.put("maf_cmd_copy", "MAF_CMD_COPY", stream=stream, dst=dst, src=src, bytes=size)


def test_hello_is_answered(client):
    assert client.request("MAF_REQ_HELLO") == b""


@pytest.mark.parametrize("size", [1, 4096, (9 << 20) + 3])
def test_copy_device_to_device(client, size):
    data = os.urandom(size)
    source, target = client.store(data), client.allocate(size)
    copy(client, target, source, size)
    client.sync()
    assert client.read(target, size) == data


def test_copy_to_overlapping_memory(client):
    data = os.urandom(10000)
    source = client.store(data + bytes(100))
    copy(client, source + 100, source, len(data))
    client.sync()
    assert client.read(source + 100, len(data)) == data


def test_copy_from_pinned_memory(client):
    client.pinned[64:69] = b"hello"
    target = client.allocate(5)
    copy(client, target, PINNED_BASE + 64, 5)
    client.sync()
    assert client.read(target, 5) == b"hello"


def test_write_carries_its_payload(client):
    target = client.allocate(33)
    client.put("maf_cmd_write", "MAF_CMD_WRITE", bytes(range(33)), dst=target, bytes=33)
    client.sync()
    assert client.read(target, 33) == bytes(range(33))


@pytest.mark.parametrize("element", [1, 2, 4])
def test_fill_rows(client, element):
    width, height, pitch = 5, 3, 32
    target = client.store(b"\xee" * (pitch * height))
    value = 0x11223344
    client.put(
        "maf_cmd_fill",
        "MAF_CMD_FILL",
        dst=target,
        width=width,
        height=height,
        pitch=pitch,
        value=value,
        element=element,
    )
    client.sync()
    row = value.to_bytes(4, "little")[:element] * width
    assert client.read(target, pitch * height) == row.ljust(pitch, b"\xee") * height


def test_fill_of_many_bytes(client):
    count = 3 << 20
    target = client.store(bytes(4 * count + 4))
    client.put(
        "maf_cmd_fill", "MAF_CMD_FILL", dst=target, width=count, height=1, pitch=4 * count, value=0x01020304, element=4
    )
    client.sync()
    assert client.read(target, 4 * count + 4) == bytes([4, 3, 2, 1]) * count + bytes(4)


def test_copy_box(client):
    width, height, depth = 3, 4, 2
    data = bytes(range(256))
    source, target = client.store(data), client.store(bytes(256))
    client.put(
        "maf_cmd_copy2d",
        "MAF_CMD_COPY2D",
        dst=target,
        src=source,
        width=width,
        height=height,
        depth=depth,
        dst_pitch=8,
        src_pitch=16,
        dst_slice=64,
        src_slice=100,
    )
    client.sync()
    expected = bytearray(256)
    for z in range(depth):
        for y in range(height):
            at = z * 100 + y * 16
            expected[z * 64 + y * 8 : z * 64 + y * 8 + width] = data[at : at + width]
    assert client.read(target, 256) == bytes(expected)


def test_events_are_stamped_in_order(client):
    before = time.monotonic_ns()
    for slot in (SLOT, SLOT + 1):
        client.put("maf_cmd_event", "MAF_CMD_EVENT", slot=slot)
    client.sync()
    first, second = client.control.event_ns[SLOT], client.control.event_ns[SLOT + 1]
    assert before <= first <= second <= time.monotonic_ns()


def test_commands_wrap_around_the_ring(client):
    """More bytes than the ring holds, in commands of a size that does not divide it."""
    target = client.allocate(4)
    for number in range(3000):
        client.put("maf_cmd_write", "MAF_CMD_WRITE", struct.pack("<I", number) * 300, dst=target, bytes=4)
    client.sync()
    assert struct.unpack("<I", client.read(target, 4)) == (2999,)


def test_host_function_holds_the_stream(client):
    target = client.store(bytes(1))
    client.put("maf_cmd_hostfn", "MAF_CMD_HOSTFN", fn=0x1234, arg=0x5678)
    client.put("maf_cmd_fill", "MAF_CMD_FILL", dst=target, width=1, height=1, pitch=1, value=9, element=1)
    client._until(lambda: client.control.hostfn_posted == 1, 5)
    assert (client.control.hostfn_fn, client.control.hostfn_arg) == (0x1234, 0x5678)
    time.sleep(0.05)
    assert client.read(target, 1) == b"\0"
    client.control.hostfn_done = 1
    client.ring_bell()
    client.sync()
    assert client.read(target, 1) == b"\x09"


def test_other_streams_pass_a_wait_and_a_fault_ends_it(client):
    word, target = client.store(bytes(4)), client.store(bytes(2))

    def fill(stream: int, offset: int) -> int:
        return client.put(
            "maf_cmd_fill",
            "MAF_CMD_FILL",
            stream=stream,
            dst=target + offset,
            width=1,
            height=1,
            pitch=1,
            value=9,
            element=1,
        )

    client.put("maf_cmd_wait", "MAF_CMD_WAIT", stream=1, address=word, value=1, kind=constant("MAF_WAIT_EQ"), bytes=4)
    held, free = fill(1, 0), fill(2, 1)
    client._until(lambda: client.control.queue_done[2] == free, 5)
    assert client.read(target, 2) == b"\0\x09" and client.control.completed == held - 2
    copy(client, 0x1000, DEVICE_BASE, 16, stream=3)
    client._until(lambda: client.control.completed == client._seq, 5)
    assert client.control.fault == 700 and client.read(target, 1) == b"\0"


def test_copy_outside_the_windows_is_an_illegal_address(client):
    with pytest.raises(Fault) as caught:
        copy(client, 0x1000, DEVICE_BASE, 16)
        client.sync()
    assert caught.value.error == 700
    assert "0x1000" in caught.value.text


def test_commands_after_a_fault_complete_without_effect(client):
    target = client.store(b"\0")
    copy(client, 0x1000, DEVICE_BASE, 16)
    last = client.put("maf_cmd_fill", "MAF_CMD_FILL", dst=target, width=1, height=1, pitch=1, value=9, element=1)
    client._until(lambda: client.control.completed >= last, 5)
    assert client.read(target, 1) == b"\0"


def test_fault_text_reaches_stderr_once():
    with Client() as client:
        client.wait_ready()
        for _ in range(3):
            copy(client, 0x1000, DEVICE_BASE, 16)
        with pytest.raises(Fault):
            client.sync()
        _, err = client.close()
    assert err.count("maf-vdev: ") == 1
    assert "outside device and pinned memory" in err


def test_copy_from_closed_memory_is_an_illegal_address():
    with Client() as client:
        client.wait_ready()
        closed, target = DEVICE_BASE + (2 << 30), client.allocate(16)
        client.put("maf_cmd_protect", "MAF_CMD_PROTECT", address=closed, bytes=4096, accessible=0)
        client.sync()
        copy(client, target, closed, 16)
        with pytest.raises(Fault) as caught:
            client.sync()
        client.executor.wait(5)
    assert caught.value.error == 700
    assert f"read from {closed:#x}" in caught.value.text


def test_memory_is_usable_after_it_is_opened_again(client):
    address = client.store(b"abc")
    for accessible in (0, 1):
        client.put("maf_cmd_protect", "MAF_CMD_PROTECT", address=address, bytes=4096, accessible=accessible)
    copy(client, address + 8, address, 3)
    client.sync()
    assert client.read(address + 8, 3) == b"abc"


def test_a_damaged_stream_is_a_fault_not_a_crash(client):
    client.put("maf_cmd_launch", "MAF_CMD_LAUNCH", kernel=0, param_bytes=1 << 20)
    with pytest.raises(Fault) as caught:
        client.sync()
    assert caught.value.error == 999
    assert client.executor.poll() is None


def test_unknown_request_is_refused(client):
    client.socket.sendall(struct.pack("<IIQ", 99, 0, 0))
    error, _, size = struct.unpack("<iIQ", client._receive(16))
    assert error == 801
    assert b"99" in client._receive(size)
    assert client.request("MAF_REQ_HELLO") == b""


def test_request_for_an_sda_that_does_not_exist(client):
    with pytest.raises(RequestFailed) as caught:
        client.request("MAF_REQ_HELLO", sda=1)
    assert caught.value.error == 101


def test_executor_ends_when_the_socket_closes(client):
    client.socket.close()
    assert client.executor.wait(2) == 0


def test_executor_ends_with_the_application():
    """Although some other process still holds the socket."""
    pid = os.fork()
    if pid == 0:
        time.sleep(60)
        os._exit(0)
    try:
        with Client(app_pid=pid) as client:
            client.wait_ready()
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            pid = 0
            assert client.executor.wait(2) == 0
    finally:
        if pid:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def test_terminal_interrupt_does_not_end_the_executor(client):
    client.request("MAF_REQ_HELLO")
    client.executor.send_signal(signal.SIGINT)
    assert client.request("MAF_REQ_HELLO") == b""


def test_exit_command_ends_the_executor(client):
    client.put("maf_command", "MAF_CMD_EXIT")
    assert client.executor.wait(2) == 0


def test_arguments_are_checked():
    import subprocess
    import sys

    for words in (["--nonsense", "1"], ["--count", "many"], []):
        done = subprocess.run(
            [sys.executable, "-I", "-m", "maf_vdev.executor", *words],
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )
        assert done.returncode == 1
        assert done.stderr.startswith("maf_vdev.executor: ")
        assert len(done.stderr.splitlines()) == 1


def test_control_page_names_the_executor(client):
    assert client.control.executor_pid == client.executor.pid
    assert constant("MAF_PROTOCOL_VERSION") == client.control.version
