/* Nodes that allocate and free memory. */
#include "front.h"

typedef void *const *nodes_t;

CUresult cuGraphAddMemAllocNode(CUgraphNode *node, CUgraph graph, const CUgraphNode *deps, size_t count,
                                CUDA_MEM_ALLOC_NODE_PARAMS *params)
{
    if (!params || params->poolProps.allocType != 1)
        return MAF_E_INVALID_VALUE;
    if (params->poolProps.location.type != 1 || params->poolProps.handleTypes)
        return unsupported("cuGraphAddMemAllocNode of host or shareable memory");
    int error = valid_device(params->poolProps.location.id);
    for (size_t i = 0; !error && i < params->accessDescCount; i++)
        error = valid_device(params->accessDescs[i].location.id);
    uint64_t address = 0;
    if (!error)
        error = maf_node_alloc(graph, (nodes_t)deps, count, params->poolProps.location.id, params->bytesize, &address, node);
    params->dptr = address;
    return error;
}

CUresult cuGraphAddMemFreeNode(CUgraphNode *node, CUgraph graph, const CUgraphNode *deps, size_t count, CUdeviceptr dptr)
{
    return maf_node_free(graph, (nodes_t)deps, count, dptr, node);
}

CUresult cuGraphMemAllocNodeGetParams(CUgraphNode node, CUDA_MEM_ALLOC_NODE_PARAMS *params)
{
    uint64_t address = 0, bytes = 0;
    struct maf_pointer where;
    int error = maf_node_get_memory(node, MAF_NODE_MEM_ALLOC, &address, &bytes);
    if (!error)
        error = maf_pointer((const void *)(uintptr_t)address, &where);
    if (!error)
        *params = (CUDA_MEM_ALLOC_NODE_PARAMS){
            .poolProps = {.allocType = 1, .location = {1, where.device}},
            .bytesize = bytes,
            .dptr = address,
        };
    return error;
}

CUresult cuGraphMemFreeNodeGetParams(CUgraphNode node, CUdeviceptr *dptr)
{
    uint64_t bytes, address = 0;
    int error = maf_node_get_memory(node, MAF_NODE_MEM_FREE, &address, &bytes);
    if (!error)
        *dptr = address;
    return error;
}
