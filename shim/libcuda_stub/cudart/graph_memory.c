/* Nodes that allocate and free memory. */
#include "front.h"

typedef void *const *nodes_t;

cudaError_t cudaGraphAddMemAllocNode(cudaGraphNode_t *node, cudaGraph_t graph, const cudaGraphNode_t *deps, size_t count,
                                     struct cudaMemAllocNodeParams *params)
{
    if (!params || params->poolProps.allocType != 1)
        return done(MAF_E_INVALID_VALUE);
    if (params->poolProps.location.type != 1 || params->poolProps.handleTypes)
        return unsupported("cudaGraphAddMemAllocNode of host or shareable memory");
    uint64_t address = 0;
    ENTER();
    int error = valid_device(params->poolProps.location.id);
    for (size_t i = 0; !error && i < params->accessDescCount; i++)
        error = valid_device(params->accessDescs[i].location.id);
    if (!error)
        error = maf_node_alloc(graph, (nodes_t)deps, count, params->poolProps.location.id, params->bytesize, &address, node);
    params->dptr = (void *)(uintptr_t)address;
    return done(error);
}

cudaError_t cudaGraphAddMemFreeNode(cudaGraphNode_t *node, cudaGraph_t graph, const cudaGraphNode_t *deps, size_t count,
                                    void *dptr)
{
    ENTER();
    return done(maf_node_free(graph, (nodes_t)deps, count, u64(dptr), node));
}

cudaError_t cudaGraphMemAllocNodeGetParams(cudaGraphNode_t node, struct cudaMemAllocNodeParams *params)
{
    uint64_t address = 0, bytes = 0;
    struct maf_pointer where;
    int error = maf_node_get_memory(node, MAF_NODE_MEM_ALLOC, &address, &bytes);
    if (!error)
        error = maf_pointer((const void *)(uintptr_t)address, &where);
    if (!error)
        *params = (struct cudaMemAllocNodeParams){
            .poolProps = {.allocType = 1, .location = {1, where.device}},
            .bytesize = bytes,
            .dptr = (void *)(uintptr_t)address,
        };
    return done(error);
}

cudaError_t cudaGraphMemFreeNodeGetParams(cudaGraphNode_t node, void *dptr)
{
    uint64_t address = 0, bytes;
    int error = maf_node_get_memory(node, MAF_NODE_MEM_FREE, &address, &bytes);
    if (!error)
        *(void **)dptr = (void *)(uintptr_t)address;
    return done(error);
}
