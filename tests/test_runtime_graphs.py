"""Stream capture and graphs, with copies, fills and host callbacks as their work."""

from __future__ import annotations

import os
import threading
from typing import Any

from cuda_process import (
    DEFAULT,
    DEVICE_TO_DEVICE,
    DEVICE_TO_HOST,
    HOST_TO_DEVICE,
    Gate,
    address,
    check,
    download,
    event,
    ffi,
    host_alloc,
    isolated,
    malloc,
    stream,
    upload,
)

if os.environ.get("MAF_TEST_INSIDE"):
    from cuda_process import drv, rt

GLOBAL, THREAD_LOCAL, RELAXED = 0, 1, 2


def begin(s: Any, mode: int = RELAXED) -> None:
    check(rt.cudaStreamBeginCapture(s, mode))


def end(s: Any) -> Any:
    graph = ffi.new("cudaGraph_t *")
    check(rt.cudaStreamEndCapture(s, graph))
    return graph[0]


def instantiate(graph: Any) -> Any:
    executable = ffi.new("cudaGraphExec_t *")
    check(rt.cudaGraphInstantiateWithFlags(executable, graph, 9))
    return executable[0]


def status(s: Any) -> int:
    value = ffi.new("int *")
    check(rt.cudaStreamIsCapturing(s, value))
    return value[0]


def nodes(graph: Any) -> list[Any]:
    count = ffi.new("size_t *")
    check(rt.cudaGraphGetNodes(graph, ffi.NULL, count))
    found = ffi.new("cudaGraphNode_t[]", max(count[0], 1))
    check(rt.cudaGraphGetNodes(graph, found, count))
    return list(found[0 : count[0]])


def run(executable: Any, s: Any) -> None:
    check(rt.cudaGraphLaunch(executable, s))
    check(rt.cudaStreamSynchronize(s))


@isolated()
def test_capture_records_and_does_not_execute() -> None:
    s, p, q = stream(), upload(b"\1" * 16), upload(b"\2" * 16)
    assert status(s) == 0
    begin(s)
    assert status(s) == 1
    check(rt.cudaMemcpyAsync(q, p, 16, DEVICE_TO_DEVICE, s))
    check(rt.cudaMemsetAsync(p, 9, 16, s))
    graph = end(s)
    assert status(s) == 0
    assert download(q, 16) == b"\2" * 16
    assert len(nodes(graph)) == 2
    kind = ffi.new("int *")
    kinds = [check(rt.cudaGraphNodeGetType(n, kind)) or kind[0] for n in nodes(graph)]
    assert kinds == [1, 2]
    executable = instantiate(graph)
    check(rt.cudaGraphDestroy(graph))
    run(executable, s)
    assert (download(q, 16), download(p, 16)) == (b"\1" * 16, b"\x09" * 16)
    check(rt.cudaMemset(p, 5, 16))
    run(executable, s)
    assert download(q, 16) == b"\5" * 16
    check(rt.cudaGraphExecDestroy(executable))
    assert rt.cudaGraphLaunch(executable, s) == 1


@isolated()
def test_captured_host_copies_read_memory_at_replay() -> None:
    s, p = stream(), malloc(8)
    source, target, pinned = ffi.new("char[8]", b"first.."), ffi.new("char[8]"), host_alloc(8)
    begin(s)
    check(rt.cudaMemcpyAsync(p, source, 8, HOST_TO_DEVICE, s))
    check(rt.cudaMemcpyAsync(pinned, p, 8, DEFAULT, s))
    check(rt.cudaMemcpyAsync(target, p, 8, DEVICE_TO_HOST, s))
    executable = instantiate(end(s))
    for text in (b"second.", b"third.."):
        ffi.memmove(source, text, 7)
        run(executable, s)
        assert ffi.string(target) == text
        assert bytes(ffi.buffer(pinned, 7)) == text


@isolated()
def test_fork_and_join_through_events() -> None:
    a, b, fork, join = stream(), stream(), event(2), event(2)
    p, q = upload(b"\1" * 4), malloc(4)
    begin(a, GLOBAL)
    check(rt.cudaMemsetAsync(p, 2, 4, a))
    check(rt.cudaEventRecord(fork, a))
    assert rt.cudaEventQuery(fork) == 907
    check(rt.cudaStreamWaitEvent(b, fork, 0))
    assert status(b) == 1
    check(rt.cudaMemcpyAsync(q, p, 4, DEVICE_TO_DEVICE, b))
    check(rt.cudaMemsetAsync(p, 3, 4, a))
    check(rt.cudaEventRecord(join, b))
    check(rt.cudaStreamWaitEvent(a, join, 0))
    check(rt.cudaMemsetAsync(q, 8, 1, a))
    graph = end(a)
    assert status(b) == 0
    count = ffi.new("size_t *")
    last = nodes(graph)[-1]
    check(rt.cudaGraphGetRootNodes(graph, ffi.NULL, count))
    assert count[0] == 1
    ffi.cdef("int cudaGraphNodeGetDependencies(void *, void **, void *, size_t *);")
    check(rt.cudaGraphNodeGetDependencies(last, ffi.NULL, ffi.NULL, count))
    assert count[0] == 2  # the second fill of p, and the copy
    run(instantiate(graph), a)
    assert download(q, 4) == b"\x08\2\2\2"
    assert download(p, 4) == b"\3" * 4


@isolated()
def test_unjoined_work_is_an_error() -> None:
    a, b, fork, p = stream(), stream(), event(2), malloc(4)
    begin(a)
    check(rt.cudaMemsetAsync(p, 2, 4, a))
    check(rt.cudaEventRecord(fork, a))
    check(rt.cudaStreamWaitEvent(b, fork, 0))
    check(rt.cudaMemsetAsync(p, 3, 4, b))
    graph = ffi.new("cudaGraph_t *")
    assert rt.cudaStreamEndCapture(b, graph) == 903
    assert rt.cudaStreamEndCapture(a, graph) == 901  # invalidated by the attempt
    begin(a)
    check(rt.cudaEventRecord(fork, a))
    check(rt.cudaStreamWaitEvent(b, fork, 0))
    check(rt.cudaMemsetAsync(p, 3, 4, b))
    assert rt.cudaStreamEndCapture(a, graph) == 904
    assert (status(a), status(b)) == (0, 0)
    check(rt.cudaMemsetAsync(p, 4, 4, b))
    check(rt.cudaStreamSynchronize(b))
    assert download(p, 4) == b"\4" * 4


@isolated()
def test_forbidden_calls_invalidate_the_capture() -> None:
    s, p, graph = stream(), malloc(4), ffi.new("cudaGraph_t *")
    for call in (
        lambda: rt.cudaStreamSynchronize(s),
        lambda: rt.cudaStreamQuery(s),
        lambda: rt.cudaDeviceSynchronize(),
        lambda: rt.cudaMalloc(ffi.new("void **"), 8),
        lambda: rt.cudaMemcpy(p, ffi.new("char[4]"), 4, HOST_TO_DEVICE),
    ):
        begin(s, GLOBAL)
        check(rt.cudaMemsetAsync(p, 2, 4, s))
        assert call() == 900
        assert status(s) == 2
        assert rt.cudaMemsetAsync(p, 2, 4, s) == 901
        assert rt.cudaStreamEndCapture(s, graph) == 901 and graph[0] == ffi.NULL
        assert status(s) == 0
    assert rt.cudaStreamBeginCapture(ffi.NULL, GLOBAL) == 900  # the legacy stream
    assert rt.cudaStreamEndCapture(s, graph) == 401
    outside = event(2)
    check(rt.cudaEventRecord(outside, stream()))
    begin(s)
    assert rt.cudaStreamWaitEvent(s, outside, 0) == 905
    assert rt.cudaStreamEndCapture(s, graph) == 901


@isolated()
def test_capture_modes() -> None:
    """Global mode forbids unsafe calls in every thread that has not opted out; thread-local mode only in its own."""
    s, results = stream(), {}

    def elsewhere(name: str, mode: int) -> None:
        def work() -> None:
            old = ffi.new("int *", mode)
            check(rt.cudaThreadExchangeStreamCaptureMode(old))
            p = ffi.new("void **")
            results[name] = rt.cudaMalloc(p, 8)

        thread = threading.Thread(target=work)
        thread.start()
        thread.join()

    begin(s, THREAD_LOCAL)
    elsewhere("other thread, thread-local capture", GLOBAL)
    end(s)
    begin(s, GLOBAL)
    elsewhere("relaxed thread, global capture", RELAXED)
    mode = ffi.new("int *", RELAXED)
    check(rt.cudaThreadExchangeStreamCaptureMode(mode))
    assert mode[0] == GLOBAL
    malloc(8)
    check(rt.cudaThreadExchangeStreamCaptureMode(mode))
    elsewhere("other thread, global capture", GLOBAL)
    graph = ffi.new("cudaGraph_t *")
    assert rt.cudaStreamEndCapture(s, graph) == 901
    assert results == {
        "other thread, thread-local capture": 0,
        "relaxed thread, global capture": 0,
        "other thread, global capture": 900,
    }


@isolated()
def test_explicit_nodes_run_in_dependency_order() -> None:
    s, p, order = stream(), upload(b"\0" * 8), []
    graph = ffi.new("cudaGraph_t *")
    check(rt.cudaGraphCreate(graph, 0))
    g = graph[0]
    first, second = (ffi.callback("void(void *)", lambda _, n=n: order.append(n)) for n in ("first", "second"))
    late, early, fill, copy = (ffi.new("cudaGraphNode_t *") for _ in range(4))
    host = ffi.new("struct cudaHostNodeParams *", {"fn": second})
    check(rt.cudaGraphAddHostNode(late, g, ffi.NULL, 0, host))
    host.fn = first
    check(rt.cudaGraphAddHostNode(early, g, ffi.NULL, 0, host))
    ffi.cdef("int cudaGraphAddDependencies(void *, void **, void **, void *, size_t);")
    check(rt.cudaGraphAddDependencies(g, early, late, ffi.NULL, 1))  # against the order of creation
    parameters = ffi.new("struct cudaMemsetParams *")
    parameters.dst, parameters.value, parameters.elementSize, parameters.width, parameters.height = p, 0x0102, 2, 2, 1
    check(rt.cudaGraphAddMemsetNode(fill, g, late, 1, parameters))
    check(rt.cudaGraphAddMemcpyNode1D(copy, g, fill, 1, ffi.cast("char *", p) + 4, p, 4, DEFAULT))
    clone = ffi.new("cudaGraph_t *")
    check(rt.cudaGraphClone(clone, g))
    found = ffi.new("cudaGraphNode_t *")
    check(rt.cudaGraphNodeFindInClone(found, copy[0], clone[0]))
    assert found[0] != copy[0]
    parent, child = ffi.new("cudaGraph_t *"), ffi.new("cudaGraphNode_t *")
    check(rt.cudaGraphCreate(parent, 0))
    check(rt.cudaGraphAddChildGraphNode(child, parent[0], ffi.NULL, 0, clone[0]))
    check(rt.cudaGraphDestroy(g))
    check(rt.cudaGraphDestroy(clone[0]))
    run(instantiate(parent[0]), s)
    assert order == ["first", "second"]
    assert download(p, 8) == b"\2\1\2\1" * 2


@isolated()
def test_update_of_an_executable_graph() -> None:
    s, p, info = stream(), upload(b"\0" * 4), ffi.new("cudaGraphExecUpdateResultInfo *")

    def capture(value: int, extra: bool = False) -> Any:
        begin(s)
        check(rt.cudaMemsetAsync(p, value, 4, s))
        if extra:
            check(rt.cudaMemsetAsync(p, value, 2, s))
        return end(s)

    executable = instantiate(capture(1))
    check(rt.cudaGraphExecUpdate(executable, capture(7), info))
    run(executable, s)
    assert download(p, 4) == b"\7" * 4
    assert rt.cudaGraphExecUpdate(executable, capture(8, extra=True), info) == 910
    assert info.result == 2  # topology changed
    run(executable, s)
    assert download(p, 4) == b"\7" * 4


@isolated()
def test_driver_nodes_and_new_parameters_for_a_child_graph() -> None:
    s, p = stream(), upload(b"\0" * 8)

    def fill(value: int, width: int) -> Any:
        """A graph of one memset node, made through the driver's generic call."""
        graph, node = ffi.new("CUgraph *"), ffi.new("CUgraphNode *")
        check(drv.cuGraphCreate(graph, 0))
        parameters = ffi.new("CUgraphNodeParams *", {"type": 2})
        parameters.u.memset.dst, parameters.u.memset.value = address(p), value
        parameters.u.memset.elementSize, parameters.u.memset.width, parameters.u.memset.height = 1, width, 1
        check(drv.cuGraphAddNode_v2(node, graph[0], ffi.NULL, ffi.NULL, 0, parameters))
        return graph[0], node[0], parameters

    child, _, _ = fill(3, 4)
    parent, node = ffi.new("CUgraph *"), ffi.new("CUgraphNode *")
    check(drv.cuGraphCreate(parent, 0))
    check(drv.cuGraphAddChildGraphNode(node, parent[0], ffi.NULL, 0, child))
    executable = instantiate(parent[0])
    run(executable, s)
    assert download(p, 8) == b"\3" * 4 + b"\0" * 4
    other, inner, parameters = fill(5, 8)
    check(drv.cuGraphExecChildGraphNodeSetParams(executable, node[0], other))
    run(executable, s)
    assert download(p, 8) == b"\5" * 8
    copy = ffi.new("CUgraphNode *")
    check(drv.cuGraphAddEmptyNode(copy, other, ffi.new("CUgraphNode[1]", [inner]), 1))
    assert drv.cuGraphExecChildGraphNodeSetParams(executable, node[0], other) == 910  # another shape
    alone = instantiate(other)
    parameters.u.memset.value, parameters.u.memset.width = 9, 2
    check(drv.cuGraphExecNodeSetParams(alone, inner, parameters))
    run(alone, s)
    assert download(p, 8) == b"\x09" * 2 + b"\5" * 6


@isolated(MAF_MEMORY="16M")
def test_graph_memory_lives_as_long_as_the_graph() -> None:
    s, p, out = stream(), ffi.new("void **"), malloc(4)
    free, total = ffi.new("size_t *"), ffi.new("size_t *")
    begin(s)
    check(rt.cudaMallocAsync(p, 4 << 20, s))
    check(rt.cudaMemsetAsync(p[0], 6, 4 << 20, s))
    check(rt.cudaMemcpyAsync(out, p[0], 4, DEVICE_TO_DEVICE, s))
    check(rt.cudaFreeAsync(p[0], s))
    graph = end(s)
    executable = instantiate(graph)
    check(rt.cudaGraphDestroy(graph))
    run(executable, s)
    assert download(out, 4) == b"\6" * 4
    check(rt.cudaMemGetInfo(free, total))
    assert total[0] - free[0] == (4 << 20) + 512
    check(rt.cudaGraphExecDestroy(executable))
    check(rt.cudaMemGetInfo(free, total))
    assert total[0] - free[0] == 512


def _alloc_parameters(bytes_: int) -> Any:
    parameters = ffi.new("struct cudaMemAllocNodeParams *", {"bytesize": bytes_})
    parameters.poolProps.allocType = parameters.poolProps.location.type = 1
    return parameters


def _used() -> int:
    used = ffi.new("size_t *")
    check(rt.cudaDeviceGetGraphMemAttribute(0, 0, used))
    return used[0]


@isolated()
def test_nodes_that_allocate_and_free() -> None:
    s, out, graph, node = stream(), malloc(4), ffi.new("cudaGraph_t *"), ffi.new("cudaGraphNode_t[3]")
    check(rt.cudaGraphCreate(graph, 0))
    assert rt.cudaGraphAddMemAllocNode(node, graph[0], ffi.NULL, 0, ffi.new("struct cudaMemAllocNodeParams *")) == 1
    assert rt.cudaGraphAddMemFreeNode(node, graph[0], ffi.NULL, 0, out) == 1  # no graph's memory
    parameters = _alloc_parameters(1000)
    check(rt.cudaGraphAddMemAllocNode(node, graph[0], ffi.NULL, 0, parameters))
    p = parameters.dptr
    fill = ffi.new("struct cudaMemsetParams *", {"dst": p, "value": 7, "elementSize": 1, "width": 1000, "height": 1})
    check(rt.cudaGraphAddMemsetNode(node + 1, graph[0], node, 1, fill))
    check(rt.cudaGraphAddMemcpyNode1D(node + 2, graph[0], node + 1, 1, out, p, 4, DEVICE_TO_DEVICE))
    check(rt.cudaGraphAddMemFreeNode(node + 1, graph[0], node + 2, 1, p))
    got, freed = _alloc_parameters(0), ffi.new("void **")
    check(rt.cudaGraphMemAllocNodeGetParams(node[0], got))
    check(rt.cudaGraphMemFreeNodeGetParams(node[1], freed))
    assert (got.bytesize, got.dptr, freed[0]) == (1000, p, p)
    executable = instantiate(graph[0])
    for _ in range(2):
        check(rt.cudaMemset(out, 0, 4))
        run(executable, s)
        assert download(out, 4) == b"\7" * 4
    check(rt.cudaGraphDestroy(graph[0]))
    assert _used() == 1024
    check(rt.cudaGraphExecDestroy(executable))
    assert _used() == 0


@isolated()
def test_graph_memory_that_the_program_frees() -> None:
    """It stays the graph's between launches, and outlives a graph whose last launch it has not been freed after."""
    s, graph, node, other = stream(), ffi.new("cudaGraph_t *"), ffi.new("cudaGraphNode_t[2]"), ffi.new("void **")
    check(rt.cudaGraphCreate(graph, 0))
    parameters = _alloc_parameters(512)
    check(rt.cudaGraphAddMemAllocNode(node, graph[0], ffi.NULL, 0, parameters))
    p = parameters.dptr
    fill = ffi.new("struct cudaMemsetParams *", {"dst": p, "value": 3, "elementSize": 1, "width": 512, "height": 1})
    check(rt.cudaGraphAddMemsetNode(node + 1, graph[0], node, 1, fill))
    executable = instantiate(graph[0])
    run(executable, s)
    check(rt.cudaFreeAsync(p, s))
    check(rt.cudaMallocAsync(other, 512, s))
    assert other[0] != p
    check(rt.cudaMemset(other[0], 9, 512))
    run(executable, s)
    check(rt.cudaGraphExecDestroy(executable))
    check(rt.cudaGraphDestroy(graph[0]))
    assert download(p, 2) + download(other[0], 2) == b"\3\3\t\t"
    check(rt.cudaFree(p))
    assert rt.cudaFree(p) == 1
    assert _used() == 512  # the other's


@isolated()
def test_user_objects_are_destroyed_with_their_last_graph() -> None:
    destroyed, object_ = [], ffi.new("cudaUserObject_t *")
    destroy = ffi.callback("void(void *)", lambda p: destroyed.append(address(p)))
    graph = ffi.new("cudaGraph_t *")
    check(rt.cudaGraphCreate(graph, 0))
    check(rt.cudaUserObjectCreate(object_, ffi.cast("void *", 77), destroy, 1, 1))
    check(rt.cudaGraphRetainUserObject(graph[0], object_[0], 1, 1))  # the caller's reference moves to the graph
    executable = instantiate(graph[0])
    check(rt.cudaGraphDestroy(graph[0]))
    assert destroyed == []
    check(rt.cudaGraphExecDestroy(executable))
    assert destroyed == [77]


@isolated()
def test_events_around_a_graph_launch() -> None:
    s, p, e, ms = stream(), malloc(4), event(), ffi.new("float *")
    begin(s)
    check(rt.cudaMemsetAsync(p, 2, 4, s))
    check(rt.cudaEventRecordWithFlags(e, s, 1))  # external: a node of the graph
    executable = instantiate(end(s))
    before = event()
    check(rt.cudaEventRecord(before, s))
    gate = Gate(s)
    check(rt.cudaGraphLaunch(executable, s))
    assert rt.cudaEventQuery(e) == 600
    gate.open()
    check(rt.cudaEventSynchronize(e))
    check(rt.cudaEventElapsedTime(ms, before, e))
    assert 0 < ms[0] < 10_000


@isolated()
def test_an_event_that_a_graph_records_may_be_destroyed_first() -> None:
    """Its place is not given to another event while the executable graph can still write there."""
    s, p, old = stream(), malloc(64), event()
    check(rt.cudaStreamBeginCapture(s, 0))
    check(rt.cudaMemsetAsync(p, 3, 64, s))
    check(rt.cudaEventRecordWithFlags(old, s, 1))  # external: a node of the graph
    graph, executable = ffi.new("cudaGraph_t *"), ffi.new("cudaGraphExec_t *")
    check(rt.cudaStreamEndCapture(s, graph))
    check(rt.cudaGraphInstantiate(executable, graph[0], 0))
    check(rt.cudaGraphDestroy(graph[0]))
    check(rt.cudaEventDestroy(old))
    assert rt.cudaEventQuery(old) == 400, "the handle is gone"
    others = [event() for _ in range(8)]
    assert old not in others
    first = others[0]
    check(rt.cudaEventRecord(first, s))
    for _ in range(3):
        check(rt.cudaGraphLaunch(executable[0], s))
    check(rt.cudaStreamSynchronize(s))
    elapsed = ffi.new("float *")
    for other in others[1:]:
        assert rt.cudaEventElapsedTime(elapsed, first, other) == 400, "never recorded"
    check(rt.cudaGraphExecDestroy(executable[0]))
    assert event() == old, "then it is"
