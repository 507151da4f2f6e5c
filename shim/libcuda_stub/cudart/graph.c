/* Stream capture and graphs. */
#include <stdlib.h>
#include <string.h>

#include "front.h"
#include "majors.h"

int maf_cudart_box(const struct cudaMemcpy3DParms *p, struct maf_box *b);

_Static_assert(sizeof(cudaGraphNodeParams) == 256, "layout of cudaGraphNodeParams");

typedef void *const *nodes_t;

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, int mode)
{
    TRACE(cudaStreamBeginCapture);
    ENTER();
    return done(maf_capture_start(stream, mode, NULL, NULL, 0));
}

cudaError_t cudaStreamBeginCapture_ptsz(cudaStream_t stream, int mode)
{
    return cudaStreamBeginCapture(PER_THREAD(stream), mode);
}

cudaError_t cudaStreamBeginCaptureToGraph(cudaStream_t stream, cudaGraph_t graph, const cudaGraphNode_t *deps,
                                          const cudaGraphEdgeData *edges, size_t count, int mode)
{
    (void)edges;
    ENTER();
    return done(!graph ? MAF_E_INVALID_VALUE : maf_capture_start(stream, mode, graph, (nodes_t)deps, count));
}

cudaError_t cudaStreamBeginCaptureToGraph_ptsz(cudaStream_t stream, cudaGraph_t graph, const cudaGraphNode_t *deps,
                                               const cudaGraphEdgeData *edges, size_t count, int mode)
{
    return cudaStreamBeginCaptureToGraph(PER_THREAD(stream), graph, deps, edges, count, mode);
}

cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t *graph)
{
    TRACE(cudaStreamEndCapture);
    return done(maf_capture_finish(stream, graph));
}

cudaError_t cudaStreamEndCapture_ptsz(cudaStream_t stream, cudaGraph_t *graph)
{
    return cudaStreamEndCapture(PER_THREAD(stream), graph);
}

cudaError_t cudaStreamIsCapturing(cudaStream_t stream, int *status)
{
    TRACE(cudaStreamIsCapturing);
    struct maf_capture_info info;
    int error = maf_capture_status(stream, &info);
    *status = info.status;
    return done(error);
}

cudaError_t cudaStreamIsCapturing_ptsz(cudaStream_t stream, int *status)
{
    return cudaStreamIsCapturing(PER_THREAD(stream), status);
}

cudaError_t cudaThreadExchangeStreamCaptureMode(int *mode)
{
    if (*mode < 0 || *mode > 2)
        return done(MAF_E_INVALID_VALUE);
    *mode = maf_capture_mode(*mode);
    return 0;
}

static cudaError_t capture_info(cudaStream_t stream, int *status, unsigned long long *id, cudaGraph_t *graph,
                                const cudaGraphNode_t **deps, const cudaGraphEdgeData **edges, size_t *count)
{
    struct maf_capture_info info;
    int error = maf_capture_status(stream, &info);
    if (error)
        return done(error);
    *status = info.status;
    if (id)
        *id = info.id;
    if (graph)
        *graph = info.graph;
    if (deps)
        *deps = (const cudaGraphNode_t *)info.deps;
    if (edges)
        *edges = NULL; /* all edges are plain */
    if (count)
        *count = info.dep_count;
    return 0;
}

#if MAF_CUDART_MAJOR == 12
cudaError_t cudaStreamGetCaptureInfo(cudaStream_t stream, int *status, unsigned long long *id)
{
    return capture_info(stream, status, id, NULL, NULL, NULL, NULL);
}

cudaError_t cudaStreamGetCaptureInfo_v2(cudaStream_t stream, int *status, unsigned long long *id, cudaGraph_t *graph,
                                        const cudaGraphNode_t **deps, size_t *count)
{
    return capture_info(stream, status, id, graph, deps, NULL, count);
}

cudaError_t cudaStreamGetCaptureInfo_v3(cudaStream_t stream, int *status, unsigned long long *id, cudaGraph_t *graph,
                                        const cudaGraphNode_t **deps, const cudaGraphEdgeData **edges, size_t *count)
{
    return capture_info(stream, status, id, graph, deps, edges, count);
}

cudaError_t cudaStreamUpdateCaptureDependencies(cudaStream_t stream, cudaGraphNode_t *deps, size_t count,
                                                unsigned flags)
{
    return done(maf_capture_update(stream, deps, count, flags == 1));
}

cudaError_t cudaStreamUpdateCaptureDependencies_v2(cudaStream_t stream, cudaGraphNode_t *deps,
                                                   const cudaGraphEdgeData *edges, size_t count, unsigned flags)
{
    (void)edges;
    return done(maf_capture_update(stream, deps, count, flags == 1));
}
#else
cudaError_t cudaStreamGetCaptureInfo(cudaStream_t stream, int *status, unsigned long long *id, cudaGraph_t *graph,
                                     const cudaGraphNode_t **deps, const cudaGraphEdgeData **edges, size_t *count)
{
    return capture_info(stream, status, id, graph, deps, edges, count);
}

cudaError_t cudaStreamGetCaptureInfo_ptsz(cudaStream_t stream, int *status, unsigned long long *id, cudaGraph_t *graph,
                                          const cudaGraphNode_t **deps, const cudaGraphEdgeData **edges, size_t *count)
{
    return capture_info(PER_THREAD(stream), status, id, graph, deps, edges, count);
}

cudaError_t cudaStreamUpdateCaptureDependencies(cudaStream_t stream, cudaGraphNode_t *deps,
                                                const cudaGraphEdgeData *edges, size_t count, unsigned flags)
{
    (void)edges;
    return done(maf_capture_update(stream, deps, count, flags == 1));
}

cudaError_t cudaStreamUpdateCaptureDependencies_ptsz(cudaStream_t stream, cudaGraphNode_t *deps,
                                                     const cudaGraphEdgeData *edges, size_t count, unsigned flags)
{
    return cudaStreamUpdateCaptureDependencies(PER_THREAD(stream), deps, edges, count, flags);
}
#endif

/* --- graphs --------------------------------------------------------------------------------------------- */
cudaError_t cudaGraphCreate(cudaGraph_t *graph, unsigned flags)
{
    return done(flags ? MAF_E_INVALID_VALUE : maf_graph_create(graph));
}

cudaError_t cudaGraphDestroy(cudaGraph_t graph)
{
    return done(maf_graph_destroy(graph));
}

cudaError_t cudaGraphClone(cudaGraph_t *clone, cudaGraph_t graph)
{
    return done(maf_graph_clone(graph, clone));
}

cudaError_t cudaGraphGetNodes(cudaGraph_t graph, cudaGraphNode_t *nodes, size_t *count)
{
    return done(maf_graph_nodes(graph, nodes, count, 0));
}

cudaError_t cudaGraphGetRootNodes(cudaGraph_t graph, cudaGraphNode_t *nodes, size_t *count)
{
    return done(maf_graph_nodes(graph, nodes, count, 1));
}

cudaError_t cudaGraphNodeGetType(cudaGraphNode_t node, int *type)
{
    return done(maf_node_type(node, type));
}

cudaError_t cudaGraphNodeFindInClone(cudaGraphNode_t *out, cudaGraphNode_t node, cudaGraph_t clone)
{
    return done(maf_graph_find(node, clone, out));
}

cudaError_t cudaGraphDestroyNode(cudaGraphNode_t node)
{
    return done(maf_node_destroy(node));
}

/* Edge data other than all zeros means programmatic dependencies, which CC 7.5 does not have. */
static int plain(const cudaGraphEdgeData *edges, size_t count)
{
    static const cudaGraphEdgeData zero;
    for (size_t i = 0; edges && i < count; i++)
        if (memcmp(&edges[i], &zero, sizeof zero) != 0)
            return 0;
    return 1;
}

static cudaError_t links(cudaGraph_t graph, const cudaGraphNode_t *from, const cudaGraphNode_t *to,
                         const cudaGraphEdgeData *edges, size_t count, int add)
{
    if (!plain(edges, count))
        return unsupported("programmatic graph edges");
    return done(maf_graph_link(graph, (nodes_t)from, (nodes_t)to, count, add));
}

static void clear_edges(cudaGraphEdgeData *edges, const size_t *count)
{
    if (edges)
        memset(edges, 0, *count * sizeof *edges);
}

static cudaError_t add_node(cudaGraphNode_t *node, cudaGraph_t graph, const cudaGraphNode_t *deps,
                            const cudaGraphEdgeData *edges, size_t count, cudaGraphNodeParams *p)
{
    if (!plain(edges, count))
        return unsupported("programmatic graph edges");
    switch (p->type) {
    case MAF_NODE_KERNEL: {
        struct cudaKernelNodeParams k = {p->u.kernel.func, p->u.kernel.gridDim, p->u.kernel.blockDim,
                                         p->u.kernel.sharedMemBytes, p->u.kernel.kernelParams, p->u.kernel.extra};
        return cudaGraphAddKernelNode(node, graph, deps, count, &k);
    }
    case MAF_NODE_MEMCPY:
        return cudaGraphAddMemcpyNode(node, graph, deps, count, &p->u.memcpy.copyParams);
    case MAF_NODE_MEMSET:
        return cudaGraphAddMemsetNode(node, graph, deps, count, &p->u.memset);
    case MAF_NODE_HOST:
        return cudaGraphAddHostNode(node, graph, deps, count, &p->u.host);
    case MAF_NODE_GRAPH:
        return cudaGraphAddChildGraphNode(node, graph, deps, count, p->u.graph.graph);
    case MAF_NODE_EMPTY:
        return cudaGraphAddEmptyNode(node, graph, deps, count);
    case MAF_NODE_WAIT_EVENT:
        return cudaGraphAddEventWaitNode(node, graph, deps, count, p->u.event.event);
    case MAF_NODE_EVENT_RECORD:
        return cudaGraphAddEventRecordNode(node, graph, deps, count, p->u.event.event);
    case MAF_NODE_MEM_ALLOC:
        return cudaGraphAddMemAllocNode(node, graph, deps, count, &p->u.alloc);
    case MAF_NODE_MEM_FREE:
        return cudaGraphAddMemFreeNode(node, graph, deps, count, p->u.free.dptr);
    }
    return unsupported("cudaGraphAddNode of this node type");
}

#if MAF_CUDART_MAJOR == 12
cudaError_t cudaGraphGetEdges(cudaGraph_t graph, cudaGraphNode_t *from, cudaGraphNode_t *to, size_t *count)
{
    return done(maf_graph_edges(graph, from, to, count));
}

cudaError_t cudaGraphGetEdges_v2(cudaGraph_t graph, cudaGraphNode_t *from, cudaGraphNode_t *to,
                                 cudaGraphEdgeData *edges, size_t *count)
{
    clear_edges(edges, count);
    return done(maf_graph_edges(graph, from, to, count));
}

cudaError_t cudaGraphNodeGetDependencies(cudaGraphNode_t node, cudaGraphNode_t *deps, size_t *count)
{
    return done(maf_node_neighbours(node, deps, count, 0));
}

cudaError_t cudaGraphNodeGetDependencies_v2(cudaGraphNode_t node, cudaGraphNode_t *deps, cudaGraphEdgeData *edges,
                                            size_t *count)
{
    clear_edges(edges, count);
    return done(maf_node_neighbours(node, deps, count, 0));
}

cudaError_t cudaGraphNodeGetDependentNodes(cudaGraphNode_t node, cudaGraphNode_t *nodes, size_t *count)
{
    return done(maf_node_neighbours(node, nodes, count, 1));
}

cudaError_t cudaGraphNodeGetDependentNodes_v2(cudaGraphNode_t node, cudaGraphNode_t *nodes, cudaGraphEdgeData *edges,
                                              size_t *count)
{
    clear_edges(edges, count);
    return done(maf_node_neighbours(node, nodes, count, 1));
}

cudaError_t cudaGraphAddDependencies(cudaGraph_t graph, const cudaGraphNode_t *from, const cudaGraphNode_t *to,
                                     size_t count)
{
    return links(graph, from, to, NULL, count, 1);
}

cudaError_t cudaGraphAddDependencies_v2(cudaGraph_t graph, const cudaGraphNode_t *from, const cudaGraphNode_t *to,
                                        const cudaGraphEdgeData *edges, size_t count)
{
    return links(graph, from, to, edges, count, 1);
}

cudaError_t cudaGraphRemoveDependencies(cudaGraph_t graph, const cudaGraphNode_t *from, const cudaGraphNode_t *to,
                                        size_t count)
{
    return links(graph, from, to, NULL, count, 0);
}

cudaError_t cudaGraphRemoveDependencies_v2(cudaGraph_t graph, const cudaGraphNode_t *from, const cudaGraphNode_t *to,
                                           const cudaGraphEdgeData *edges, size_t count)
{
    return links(graph, from, to, edges, count, 0);
}

cudaError_t cudaGraphAddNode(cudaGraphNode_t *node, cudaGraph_t graph, const cudaGraphNode_t *deps, size_t count,
                             cudaGraphNodeParams *params)
{
    return add_node(node, graph, deps, NULL, count, params);
}

cudaError_t cudaGraphAddNode_v2(cudaGraphNode_t *node, cudaGraph_t graph, const cudaGraphNode_t *deps,
                                const cudaGraphEdgeData *edges, size_t count, cudaGraphNodeParams *params)
{
    return add_node(node, graph, deps, edges, count, params);
}
#else
cudaError_t cudaGraphGetEdges(cudaGraph_t graph, cudaGraphNode_t *from, cudaGraphNode_t *to, cudaGraphEdgeData *edges,
                              size_t *count)
{
    clear_edges(edges, count);
    return done(maf_graph_edges(graph, from, to, count));
}

cudaError_t cudaGraphNodeGetDependencies(cudaGraphNode_t node, cudaGraphNode_t *deps, cudaGraphEdgeData *edges,
                                         size_t *count)
{
    clear_edges(edges, count);
    return done(maf_node_neighbours(node, deps, count, 0));
}

cudaError_t cudaGraphNodeGetDependentNodes(cudaGraphNode_t node, cudaGraphNode_t *nodes, cudaGraphEdgeData *edges,
                                           size_t *count)
{
    clear_edges(edges, count);
    return done(maf_node_neighbours(node, nodes, count, 1));
}

cudaError_t cudaGraphAddDependencies(cudaGraph_t graph, const cudaGraphNode_t *from, const cudaGraphNode_t *to,
                                     const cudaGraphEdgeData *edges, size_t count)
{
    return links(graph, from, to, edges, count, 1);
}

cudaError_t cudaGraphRemoveDependencies(cudaGraph_t graph, const cudaGraphNode_t *from, const cudaGraphNode_t *to,
                                        const cudaGraphEdgeData *edges, size_t count)
{
    return links(graph, from, to, edges, count, 0);
}

cudaError_t cudaGraphAddNode(cudaGraphNode_t *node, cudaGraph_t graph, const cudaGraphNode_t *deps,
                             const cudaGraphEdgeData *edges, size_t count, cudaGraphNodeParams *params)
{
    return add_node(node, graph, deps, edges, count, params);
}
#endif

/* --- nodes ------------------------------------------------------------------------------------------------ */
cudaError_t cudaGraphAddEmptyNode(cudaGraphNode_t *node, cudaGraph_t graph, const cudaGraphNode_t *deps, size_t count)
{
    return done(maf_node_empty(graph, (nodes_t)deps, count, MAF_NODE_EMPTY, node));
}

cudaError_t cudaGraphAddKernelNode(cudaGraphNode_t *node, cudaGraph_t graph, const cudaGraphNode_t *deps, size_t count,
                                   const struct cudaKernelNodeParams *p)
{
    struct maf_launch l = {
        .kernel = p->func,
        .grid = {p->gridDim.x, p->gridDim.y, p->gridDim.z},
        .block = {p->blockDim.x, p->blockDim.y, p->blockDim.z},
        .shared = p->sharedMemBytes,
        .args = p->kernelParams,
        .extra = p->extra,
    };
    ENTER();
    return done(maf_node_kernel(graph, (nodes_t)deps, count, &l, node));
}

cudaError_t cudaGraphAddMemcpyNode(cudaGraphNode_t *node, cudaGraph_t graph, const cudaGraphNode_t *deps, size_t count,
                                   const struct cudaMemcpy3DParms *params)
{
    struct maf_box b;
    ENTER();
    int error = maf_cudart_box(params, &b);
    return done(error ? error : maf_node_memcpy(graph, (nodes_t)deps, count, &b, node));
}

cudaError_t cudaGraphAddMemcpyNode1D(cudaGraphNode_t *node, cudaGraph_t graph, const cudaGraphNode_t *deps,
                                     size_t count, void *dst, const void *src, size_t bytes, int kind)
{
    struct maf_box b = {.dst = u64(dst), .src = u64(src), .width = bytes, .height = 1, .depth = 1};
    (void)kind;
    ENTER();
    return done(maf_node_memcpy(graph, (nodes_t)deps, count, &b, node));
}

cudaError_t cudaGraphAddMemsetNode(cudaGraphNode_t *node, cudaGraph_t graph, const cudaGraphNode_t *deps, size_t count,
                                   const struct cudaMemsetParams *p)
{
    struct maf_box b = {.dst = u64(p->dst), .width = p->width, .height = p->height, .depth = 1, .dst_pitch = p->pitch};
    ENTER();
    return done(maf_node_memset(graph, (nodes_t)deps, count, &b, p->value, p->elementSize, node));
}

cudaError_t cudaGraphAddHostNode(cudaGraphNode_t *node, cudaGraph_t graph, const cudaGraphNode_t *deps, size_t count,
                                 const struct cudaHostNodeParams *params)
{
    ENTER();
    return done(maf_node_host(graph, (nodes_t)deps, count, params->fn, params->userData, node));
}

cudaError_t cudaGraphAddChildGraphNode(cudaGraphNode_t *node, cudaGraph_t graph, const cudaGraphNode_t *deps,
                                       size_t count, cudaGraph_t child)
{
    return done(maf_node_child(graph, (nodes_t)deps, count, child, node));
}

cudaError_t cudaGraphAddEventRecordNode(cudaGraphNode_t *node, cudaGraph_t graph, const cudaGraphNode_t *deps,
                                        size_t count, cudaEvent_t event)
{
    return done(maf_node_event(graph, (nodes_t)deps, count, event, 1, node));
}

cudaError_t cudaGraphAddEventWaitNode(cudaGraphNode_t *node, cudaGraph_t graph, const cudaGraphNode_t *deps,
                                      size_t count, cudaEvent_t event)
{
    return done(maf_node_event(graph, (nodes_t)deps, count, event, 0, node));
}

cudaError_t cudaGraphChildGraphNodeGetGraph(cudaGraphNode_t node, cudaGraph_t *graph)
{
    return done(maf_node_child_graph(node, graph));
}

cudaError_t cudaGraphKernelNodeGetParams(cudaGraphNode_t node, struct cudaKernelNodeParams *p)
{
    struct maf_launch l;
    int error = maf_node_get_launch(node, &l);
    if (error)
        return done(error);
    *p = (struct cudaKernelNodeParams){
        .func = l.kernel,
        .gridDim = {l.grid[0], l.grid[1], l.grid[2]},
        .blockDim = {l.block[0], l.block[1], l.block[2]},
        .sharedMemBytes = (unsigned)l.shared,
        .kernelParams = l.args,
    };
    return 0;
}

/* New work for a node is made as a node of a passing graph, whose work the old node then takes. */
struct change {
    cudaGraph_t graph;
    cudaGraphNode_t node;
};

static cudaError_t finish_change(struct change *c, cudaError_t error, cudaGraphExec_t exec, cudaGraphNode_t node)
{
    if (!error)
        error = done(exec ? maf_exec_take(exec, node, c->node) : maf_node_take(node, c->node));
    maf_graph_destroy(c->graph);
    return error;
}

cudaError_t cudaGraphKernelNodeSetParams(cudaGraphNode_t node, const struct cudaKernelNodeParams *params)
{
    return cudaGraphExecKernelNodeSetParams(NULL, node, params);
}

cudaError_t cudaGraphExecKernelNodeSetParams(cudaGraphExec_t exec, cudaGraphNode_t node,
                                             const struct cudaKernelNodeParams *params)
{
    struct change c;
    int error = maf_graph_create(&c.graph);
    if (error)
        return done(error);
    return finish_change(&c, cudaGraphAddKernelNode(&c.node, c.graph, NULL, 0, params), exec, node);
}

cudaError_t cudaGraphExecMemcpyNodeSetParams1D(cudaGraphExec_t exec, cudaGraphNode_t node, void *dst, const void *src,
                                               size_t bytes, int kind)
{
    struct change c;
    int error = maf_graph_create(&c.graph);
    if (error)
        return done(error);
    return finish_change(&c, cudaGraphAddMemcpyNode1D(&c.node, c.graph, NULL, 0, dst, src, bytes, kind), exec, node);
}

cudaError_t cudaGraphMemcpyNodeSetParams1D(cudaGraphNode_t node, void *dst, const void *src, size_t bytes, int kind)
{
    return cudaGraphExecMemcpyNodeSetParams1D(NULL, node, dst, src, bytes, kind);
}

cudaError_t cudaGraphExecMemcpyNodeSetParams(cudaGraphExec_t exec, cudaGraphNode_t node,
                                             const struct cudaMemcpy3DParms *params)
{
    struct change c;
    int error = maf_graph_create(&c.graph);
    if (error)
        return done(error);
    return finish_change(&c, cudaGraphAddMemcpyNode(&c.node, c.graph, NULL, 0, params), exec, node);
}

cudaError_t cudaGraphMemcpyNodeSetParams(cudaGraphNode_t node, const struct cudaMemcpy3DParms *params)
{
    return cudaGraphExecMemcpyNodeSetParams(NULL, node, params);
}

cudaError_t cudaGraphExecMemsetNodeSetParams(cudaGraphExec_t exec, cudaGraphNode_t node,
                                             const struct cudaMemsetParams *params)
{
    struct change c;
    int error = maf_graph_create(&c.graph);
    if (error)
        return done(error);
    return finish_change(&c, cudaGraphAddMemsetNode(&c.node, c.graph, NULL, 0, params), exec, node);
}

cudaError_t cudaGraphMemsetNodeSetParams(cudaGraphNode_t node, const struct cudaMemsetParams *params)
{
    return cudaGraphExecMemsetNodeSetParams(NULL, node, params);
}

cudaError_t cudaGraphExecHostNodeSetParams(cudaGraphExec_t exec, cudaGraphNode_t node,
                                           const struct cudaHostNodeParams *params)
{
    struct change c;
    int error = maf_graph_create(&c.graph);
    if (error)
        return done(error);
    return finish_change(&c, cudaGraphAddHostNode(&c.node, c.graph, NULL, 0, params), exec, node);
}

cudaError_t cudaGraphHostNodeSetParams(cudaGraphNode_t node, const struct cudaHostNodeParams *params)
{
    return cudaGraphExecHostNodeSetParams(NULL, node, params);
}

cudaError_t cudaGraphExecChildGraphNodeSetParams(cudaGraphExec_t exec, cudaGraphNode_t node, cudaGraph_t child)
{
    return done(maf_exec_take_child(exec, node, child));
}

cudaError_t cudaGraphExecNodeSetParams(cudaGraphExec_t exec, cudaGraphNode_t node, cudaGraphNodeParams *params)
{
    struct change c;
    if (params->type == MAF_NODE_GRAPH && exec)
        return done(maf_exec_take_child(exec, node, params->u.graph.graph));
    int error = maf_graph_create(&c.graph);
    if (error)
        return done(error);
    return finish_change(&c, add_node(&c.node, c.graph, NULL, NULL, 0, params), exec, node);
}

cudaError_t cudaGraphNodeSetParams(cudaGraphNode_t node, cudaGraphNodeParams *params)
{
    return cudaGraphExecNodeSetParams(NULL, node, params);
}

/* --- executable graphs -------------------------------------------------------------------------------------- */
enum { FLAG_AUTO_FREE = 1, FLAG_UPLOAD = 2, FLAG_DEVICE_LAUNCH = 4, FLAG_PRIORITY = 8 };

cudaError_t cudaGraphInstantiate(cudaGraphExec_t *exec, cudaGraph_t graph, unsigned long long flags)
{
    if (flags & ~15ull)
        return done(MAF_E_INVALID_VALUE);
    if (flags & FLAG_DEVICE_LAUNCH)
        return unsupported("graphs launched from the device");
    return done(maf_graph_instantiate(graph, flags, exec));
}

cudaError_t cudaGraphInstantiateWithFlags(cudaGraphExec_t *exec, cudaGraph_t graph, unsigned long long flags)
{
    TRACE(cudaGraphInstantiateWithFlags);
    return cudaGraphInstantiate(exec, graph, flags);
}

cudaError_t cudaGraphInstantiateWithParams(cudaGraphExec_t *exec, cudaGraph_t graph,
                                           cudaGraphInstantiateParams *params)
{
    cudaError_t error = cudaGraphInstantiate(exec, graph, params->flags);
    params->errNode_out = NULL;
    params->result_out = error ? 1 : 0;
    return error;
}

cudaError_t cudaGraphInstantiateWithParams_ptsz(cudaGraphExec_t *exec, cudaGraph_t graph,
                                                cudaGraphInstantiateParams *params)
{
    return cudaGraphInstantiateWithParams(exec, graph, params);
}

cudaError_t cudaGraphExecGetFlags(cudaGraphExec_t exec, unsigned long long *flags)
{
    *flags = maf_exec_flags(exec);
    return 0;
}

cudaError_t cudaGraphExecUpdate(cudaGraphExec_t exec, cudaGraph_t graph, cudaGraphExecUpdateResultInfo *info)
{
    int result;
    int error = maf_exec_update(exec, graph, &result);
    if (info)
        *info = (cudaGraphExecUpdateResultInfo){.result = result};
    return done(error);
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec)
{
    return done(maf_exec_destroy(exec));
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t stream)
{
    TRACE(cudaGraphLaunch);
    ENTER();
    return done(maf_exec_launch(exec, stream));
}

cudaError_t cudaGraphLaunch_ptsz(cudaGraphExec_t exec, cudaStream_t stream)
{
    return cudaGraphLaunch(exec, PER_THREAD(stream));
}

/* An executable graph is its list of commands: there is nothing to upload. */
cudaError_t cudaGraphUpload(cudaGraphExec_t exec, cudaStream_t stream)
{
    (void)exec;
    return done(maf_stream_info(stream, NULL, NULL, NULL, NULL));
}

cudaError_t cudaGraphUpload_ptsz(cudaGraphExec_t exec, cudaStream_t stream)
{
    return cudaGraphUpload(exec, PER_THREAD(stream));
}

/* --- user objects --------------------------------------------------------------------------------------------- */
struct user_object {
    int references;
    cudaHostFn_t destroy;
    void *pointer;
};

static void release(void *object)
{
    struct user_object *o = object;
    if (__atomic_sub_fetch(&o->references, 1, __ATOMIC_ACQ_REL) == 0) {
        o->destroy(o->pointer);
        free(o);
    }
}

cudaError_t cudaUserObjectCreate(cudaUserObject_t *object, void *pointer, cudaHostFn_t destroy, unsigned references,
                                 unsigned flags)
{
    if (!destroy || !references || flags != 1)
        return done(MAF_E_INVALID_VALUE);
    struct user_object *o = malloc(sizeof *o);
    if (!o)
        return done(MAF_E_OUT_OF_MEMORY);
    *o = (struct user_object){(int)references, destroy, pointer};
    *object = o;
    return 0;
}

cudaError_t cudaUserObjectRetain(cudaUserObject_t object, unsigned count)
{
    struct user_object *o = object;
    __atomic_fetch_add(&o->references, (int)count, __ATOMIC_ACQ_REL);
    return 0;
}

cudaError_t cudaUserObjectRelease(cudaUserObject_t object, unsigned count)
{
    while (count--)
        release(object);
    return 0;
}

cudaError_t cudaGraphRetainUserObject(cudaGraph_t graph, cudaUserObject_t object, unsigned count, unsigned flags)
{
    enum { MOVE = 1 };
    if (!object || !maf_graph_valid(graph))
        return done(MAF_E_INVALID_VALUE);
    for (unsigned i = 0; i < count; i++) {
        if (!(flags & MOVE))
            cudaUserObjectRetain(object, 1);
        int error = maf_graph_retain(graph, release, object);
        if (error)
            return done(error);
    }
    return 0;
}

cudaError_t cudaGraphReleaseUserObject(cudaGraph_t graph, cudaUserObject_t object, unsigned count)
{
    (void)graph, (void)object, (void)count;
    return unsupported("cudaGraphReleaseUserObject");
}
