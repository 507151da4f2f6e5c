/* Stream capture and graphs. */
#include <string.h>

#include "front.h"

_Static_assert(sizeof(CUgraphNodeParams) == 256, "layout of CUgraphNodeParams");

typedef void *const *nodes_t;

CUresult cuStreamBeginCapture_v2(CUstream stream, int mode)
{
    ENTER();
    return maf_capture_start(stream, mode, NULL, NULL, 0);
}

CUresult cuStreamBeginCapture_v2_ptsz(CUstream stream, int mode)
{
    return cuStreamBeginCapture_v2(PER_THREAD(stream), mode);
}

CUresult cuStreamBeginCaptureToGraph(CUstream stream, CUgraph graph, const CUgraphNode *deps, const void *edges,
                                     size_t count, int mode)
{
    (void)edges;
    ENTER();
    return !graph ? MAF_E_INVALID_VALUE : maf_capture_start(stream, mode, graph, (nodes_t)deps, count);
}

CUresult cuStreamEndCapture(CUstream stream, CUgraph *graph)
{
    return maf_capture_finish(stream, graph);
}

CUresult cuStreamEndCapture_ptsz(CUstream stream, CUgraph *graph)
{
    return cuStreamEndCapture(PER_THREAD(stream), graph);
}

CUresult cuStreamIsCapturing(CUstream stream, int *status)
{
    struct maf_capture_info info;
    int error = maf_capture_status(stream, &info);
    *status = info.status;
    return error;
}

CUresult cuStreamIsCapturing_ptsz(CUstream stream, int *status)
{
    return cuStreamIsCapturing(PER_THREAD(stream), status);
}

CUresult cuStreamGetCaptureInfo_v3(CUstream stream, int *status, unsigned long long *id, CUgraph *graph,
                                   const CUgraphNode **deps, const void **edges, size_t *count)
{
    struct maf_capture_info info;
    int error = maf_capture_status(stream, &info);
    if (error)
        return error;
    *status = info.status;
    if (id)
        *id = info.id;
    if (graph)
        *graph = info.graph;
    if (deps)
        *deps = (const CUgraphNode *)info.deps;
    if (edges)
        *edges = NULL;
    if (count)
        *count = info.dep_count;
    return 0;
}

CUresult cuStreamGetCaptureInfo_v2(CUstream stream, int *status, unsigned long long *id, CUgraph *graph,
                                   const CUgraphNode **deps, size_t *count)
{
    return cuStreamGetCaptureInfo_v3(stream, status, id, graph, deps, NULL, count);
}

CUresult cuStreamGetCaptureInfo_v2_ptsz(CUstream stream, int *status, unsigned long long *id, CUgraph *graph,
                                        const CUgraphNode **deps, size_t *count)
{
    return cuStreamGetCaptureInfo_v2(PER_THREAD(stream), status, id, graph, deps, count);
}

CUresult cuThreadExchangeStreamCaptureMode(int *mode)
{
    if (*mode < 0 || *mode > 2)
        return MAF_E_INVALID_VALUE;
    *mode = maf_capture_mode(*mode);
    return 0;
}

CUresult cuGraphCreate(CUgraph *graph, unsigned flags)
{
    return flags ? MAF_E_INVALID_VALUE : maf_graph_create(graph);
}

CUresult cuGraphDestroy(CUgraph graph)
{
    return maf_graph_destroy(graph);
}

CUresult cuGraphClone(CUgraph *clone, CUgraph graph)
{
    return maf_graph_clone(graph, clone);
}

CUresult cuGraphGetNodes(CUgraph graph, CUgraphNode *nodes, size_t *count)
{
    return maf_graph_nodes(graph, nodes, count, 0);
}

CUresult cuGraphGetRootNodes(CUgraph graph, CUgraphNode *nodes, size_t *count)
{
    return maf_graph_nodes(graph, nodes, count, 1);
}

CUresult cuGraphNodeGetType(CUgraphNode node, int *type)
{
    return maf_node_type(node, type);
}

CUresult cuGraphAddKernelNode_v2(CUgraphNode *node, CUgraph graph, const CUgraphNode *deps, size_t count,
                                 const CUDA_KERNEL_NODE_PARAMS *p)
{
    struct maf_launch l = {
        .kernel = p->func ? p->func : p->kern,
        .grid = {p->gridDimX, p->gridDimY, p->gridDimZ},
        .block = {p->blockDimX, p->blockDimY, p->blockDimZ},
        .shared = p->sharedMemBytes,
        .args = p->kernelParams,
        .extra = p->extra,
    };
    ENTER();
    return driver_error(maf_node_kernel(graph, (nodes_t)deps, count, &l, node));
}

static uint64_t side(int type, const void *host, CUdeviceptr device)
{
    return type == 1 ? (uint64_t)(uintptr_t)host : device;
}

CUresult cuGraphAddMemcpyNode(CUgraphNode *node, CUgraph graph, const CUgraphNode *deps, size_t count,
                              const CUDA_MEMCPY3D *c, CUcontext context)
{
    (void)context;
    ENTER();
    if (c->srcMemoryType == 3 || c->dstMemoryType == 3)
        return unsupported("graph copies of arrays");
    struct maf_box b = {
        .dst = side(c->dstMemoryType, c->dstHost, c->dstDevice) +
               (c->dstZ * c->dstHeight + c->dstY) * c->dstPitch + c->dstXInBytes,
        .src = side(c->srcMemoryType, c->srcHost, c->srcDevice) +
               (c->srcZ * c->srcHeight + c->srcY) * c->srcPitch + c->srcXInBytes,
        .width = c->WidthInBytes,
        .height = c->Height,
        .depth = c->Depth,
        .dst_pitch = c->dstPitch,
        .src_pitch = c->srcPitch,
        .dst_slice = c->dstPitch * c->dstHeight,
        .src_slice = c->srcPitch * c->srcHeight,
    };
    return maf_node_memcpy(graph, (nodes_t)deps, count, &b, node);
}

CUresult cuGraphAddMemsetNode(CUgraphNode *node, CUgraph graph, const CUgraphNode *deps, size_t count,
                              const CUDA_MEMSET_NODE_PARAMS *p, CUcontext context)
{
    struct maf_box b = {.dst = p->dst, .width = p->width, .height = p->height, .depth = 1, .dst_pitch = p->pitch};
    (void)context;
    ENTER();
    return maf_node_memset(graph, (nodes_t)deps, count, &b, p->value, p->elementSize, node);
}

CUresult cuGraphAddHostNode(CUgraphNode *node, CUgraph graph, const CUgraphNode *deps, size_t count,
                            const CUDA_HOST_NODE_PARAMS *params)
{
    ENTER();
    return maf_node_host(graph, (nodes_t)deps, count, params->fn, params->userData, node);
}

CUresult cuGraphAddEmptyNode(CUgraphNode *node, CUgraph graph, const CUgraphNode *deps, size_t count)
{
    return maf_node_empty(graph, (nodes_t)deps, count, MAF_NODE_EMPTY, node);
}

CUresult cuGraphAddChildGraphNode(CUgraphNode *node, CUgraph graph, const CUgraphNode *deps, size_t count,
                                  CUgraph child)
{
    return maf_node_child(graph, (nodes_t)deps, count, child, node);
}

CUresult cuGraphAddEventRecordNode(CUgraphNode *node, CUgraph graph, const CUgraphNode *deps, size_t count,
                                   CUevent event)
{
    ENTER();
    return maf_node_event(graph, (nodes_t)deps, count, event, 1, node);
}

CUresult cuGraphAddEventWaitNode(CUgraphNode *node, CUgraph graph, const CUgraphNode *deps, size_t count, CUevent event)
{
    ENTER();
    return maf_node_event(graph, (nodes_t)deps, count, event, 0, node);
}

/* Edge data other than all zeros means programmatic dependencies, which CC 7.5 does not have. */
static int plain(const CUgraphEdgeData *edges, size_t count)
{
    static const CUgraphEdgeData zero;
    for (size_t i = 0; edges && i < count; i++)
        if (memcmp(&edges[i], &zero, sizeof zero) != 0)
            return 0;
    return 1;
}

CUresult cuGraphAddNode_v2(CUgraphNode *node, CUgraph graph, const CUgraphNode *deps, const CUgraphEdgeData *edges,
                           size_t count, CUgraphNodeParams *p)
{
    if (!plain(edges, count))
        return unsupported("programmatic graph edges");
    switch (p->type) {
    case MAF_NODE_KERNEL:
        return cuGraphAddKernelNode_v2(node, graph, deps, count, &p->u.kernel);
    case MAF_NODE_MEMCPY:
        return cuGraphAddMemcpyNode(node, graph, deps, count, &p->u.memcpy.copyParams, p->u.memcpy.copyCtx);
    case MAF_NODE_MEMSET:
        return cuGraphAddMemsetNode(node, graph, deps, count, &p->u.memset, NULL);
    case MAF_NODE_HOST:
        return cuGraphAddHostNode(node, graph, deps, count, &p->u.host);
    case MAF_NODE_GRAPH:
        return cuGraphAddChildGraphNode(node, graph, deps, count, p->u.graph.graph);
    case MAF_NODE_EMPTY:
        return cuGraphAddEmptyNode(node, graph, deps, count);
    case MAF_NODE_WAIT_EVENT:
        return cuGraphAddEventWaitNode(node, graph, deps, count, p->u.event.event);
    case MAF_NODE_EVENT_RECORD:
        return cuGraphAddEventRecordNode(node, graph, deps, count, p->u.event.event);
    case MAF_NODE_MEM_ALLOC:
        return cuGraphAddMemAllocNode(node, graph, deps, count, &p->u.alloc);
    case MAF_NODE_MEM_FREE:
        return cuGraphAddMemFreeNode(node, graph, deps, count, p->u.free.dptr);
    }
    return unsupported("cuGraphAddNode of this node type");
}

CUresult cuGraphAddNode(CUgraphNode *node, CUgraph graph, const CUgraphNode *deps, size_t count,
                        CUgraphNodeParams *params)
{
    return cuGraphAddNode_v2(node, graph, deps, NULL, count, params);
}

CUresult cuGraphAddDependencies(CUgraph graph, const CUgraphNode *from, const CUgraphNode *to, size_t count)
{
    return maf_graph_link(graph, (nodes_t)from, (nodes_t)to, count, 1);
}

CUresult cuGraphAddDependencies_v2(CUgraph graph, const CUgraphNode *from, const CUgraphNode *to,
                                   const CUgraphEdgeData *edges, size_t count)
{
    return plain(edges, count) ? maf_graph_link(graph, (nodes_t)from, (nodes_t)to, count, 1)
                               : unsupported("programmatic graph edges");
}

CUresult cuGraphRemoveDependencies_v2(CUgraph graph, const CUgraphNode *from, const CUgraphNode *to,
                                      const CUgraphEdgeData *edges, size_t count)
{
    return plain(edges, count) ? maf_graph_link(graph, (nodes_t)from, (nodes_t)to, count, 0)
                               : unsupported("programmatic graph edges");
}

static void clear_edges(CUgraphEdgeData *edges, const size_t *count)
{
    if (edges)
        memset(edges, 0, *count * sizeof *edges);
}

CUresult cuGraphGetEdges_v2(CUgraph graph, CUgraphNode *from, CUgraphNode *to, CUgraphEdgeData *edges, size_t *count)
{
    clear_edges(edges, count);
    return maf_graph_edges(graph, from, to, count);
}

CUresult cuGraphNodeGetDependencies_v2(CUgraphNode node, CUgraphNode *deps, CUgraphEdgeData *edges, size_t *count)
{
    clear_edges(edges, count);
    return maf_node_neighbours(node, deps, count, 0);
}

CUresult cuGraphNodeGetDependentNodes_v2(CUgraphNode node, CUgraphNode *nodes, CUgraphEdgeData *edges, size_t *count)
{
    clear_edges(edges, count);
    return maf_node_neighbours(node, nodes, count, 1);
}

CUresult cuGraphNodeFindInClone(CUgraphNode *out, CUgraphNode node, CUgraph clone)
{
    return maf_graph_find(node, clone, out);
}

CUresult cuGraphDestroyNode(CUgraphNode node)
{
    return maf_node_destroy(node);
}

CUresult cuGraphChildGraphNodeGetGraph(CUgraphNode node, CUgraph *graph)
{
    return maf_node_child_graph(node, graph);
}

/* --- new parameters: made as a node of a passing graph, whose work the old node takes ------------------------- */
CUresult cuGraphExecNodeSetParams(CUgraphExec exec, CUgraphNode node, CUgraphNodeParams *params)
{
    CUgraph passing;
    CUgraphNode fresh;
    if (params->type == MAF_NODE_GRAPH)
        return exec ? maf_exec_take_child(exec, node, params->u.graph.graph) : unsupported("cuGraphNodeSetParams");
    int error = maf_graph_create(&passing);
    if (error)
        return error;
    error = cuGraphAddNode_v2(&fresh, passing, NULL, NULL, 0, params);
    if (!error)
        error = exec ? maf_exec_take(exec, node, fresh) : maf_node_take(node, fresh);
    maf_graph_destroy(passing);
    return error;
}

CUresult cuGraphNodeSetParams(CUgraphNode node, CUgraphNodeParams *params)
{
    return cuGraphExecNodeSetParams(NULL, node, params);
}

CUresult cuGraphExecKernelNodeSetParams_v2(CUgraphExec exec, CUgraphNode node, const CUDA_KERNEL_NODE_PARAMS *params)
{
    CUgraphNodeParams p = {.type = MAF_NODE_KERNEL, .u.kernel = *params};
    return cuGraphExecNodeSetParams(exec, node, &p);
}

CUresult cuGraphKernelNodeSetParams_v2(CUgraphNode node, const CUDA_KERNEL_NODE_PARAMS *params)
{
    return cuGraphExecKernelNodeSetParams_v2(NULL, node, params);
}

CUresult cuGraphExecMemcpyNodeSetParams(CUgraphExec exec, CUgraphNode node, const CUDA_MEMCPY3D *params,
                                        CUcontext context)
{
    CUgraphNodeParams p = {.type = MAF_NODE_MEMCPY, .u.memcpy = {.copyCtx = context, .copyParams = *params}};
    return cuGraphExecNodeSetParams(exec, node, &p);
}

CUresult cuGraphExecMemsetNodeSetParams(CUgraphExec exec, CUgraphNode node, const CUDA_MEMSET_NODE_PARAMS *params,
                                        CUcontext context)
{
    CUgraphNodeParams p = {.type = MAF_NODE_MEMSET, .u.memset = *params};
    (void)context;
    return cuGraphExecNodeSetParams(exec, node, &p);
}

CUresult cuGraphExecHostNodeSetParams(CUgraphExec exec, CUgraphNode node, const CUDA_HOST_NODE_PARAMS *params)
{
    CUgraphNodeParams p = {.type = MAF_NODE_HOST, .u.host = *params};
    return cuGraphExecNodeSetParams(exec, node, &p);
}

CUresult cuGraphExecChildGraphNodeSetParams(CUgraphExec exec, CUgraphNode node, CUgraph child)
{
    return maf_exec_take_child(exec, node, child);
}

CUresult cuGraphKernelNodeGetParams_v2(CUgraphNode node, CUDA_KERNEL_NODE_PARAMS *p)
{
    struct maf_launch l;
    int error = maf_node_get_launch(node, &l);
    if (error)
        return error;
    *p = (CUDA_KERNEL_NODE_PARAMS){
        .func = l.kernel,
        .gridDimX = l.grid[0],
        .gridDimY = l.grid[1],
        .gridDimZ = l.grid[2],
        .blockDimX = l.block[0],
        .blockDimY = l.block[1],
        .blockDimZ = l.block[2],
        .sharedMemBytes = (unsigned)l.shared,
        .kernelParams = l.args,
    };
    return 0;
}

/* Priority (8) and the L2 window (1) are hints; cluster and cooperative attributes would change the launch. */
CUresult cuGraphKernelNodeSetAttribute(CUgraphNode node, int attribute, const void *value)
{
    int type;
    (void)value;
    int error = maf_node_type(node, &type);
    if (error || type != MAF_NODE_KERNEL)
        return MAF_E_INVALID_VALUE;
    return attribute == 1 || attribute == 8 ? 0 : unsupported("cuGraphKernelNodeSetAttribute");
}

CUresult cuGraphExecGetFlags(CUgraphExec exec, unsigned long long *flags)
{
    *flags = maf_exec_flags(exec);
    return 0;
}

CUresult cuGraphInstantiateWithFlags(CUgraphExec *exec, CUgraph graph, unsigned long long flags)
{
    if (flags & ~15ull)
        return MAF_E_INVALID_VALUE;
    return flags & 4 ? unsupported("graphs launched from the device") : maf_graph_instantiate(graph, flags, exec);
}

/* info: result, error node, node of the edge that changed */
CUresult cuGraphExecUpdate_v2(CUgraphExec exec, CUgraph graph, void *info)
{
    int result;
    int error = maf_exec_update(exec, graph, &result);
    if (info) {
        memset(info, 0, 3 * sizeof(void *));
        memcpy(info, &result, sizeof result);
    }
    return error;
}

CUresult cuGraphExecDestroy(CUgraphExec exec)
{
    return maf_exec_destroy(exec);
}

CUresult cuGraphLaunch(CUgraphExec exec, CUstream stream)
{
    ENTER();
    return maf_exec_launch(exec, stream);
}

CUresult cuGraphLaunch_ptsz(CUgraphExec exec, CUstream stream)
{
    return cuGraphLaunch(exec, PER_THREAD(stream));
}

CUresult cuGraphUpload(CUgraphExec exec, CUstream stream)
{
    (void)exec;
    return maf_stream_info(stream, NULL, NULL, NULL, NULL);
}
