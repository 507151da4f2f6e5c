/* Entry points that profilers see: name, CUPTI's callback id, and the name under which CUPTI lists it. */
#define MAF_RUNTIME_CALLS(X) \
    X(cudaFuncGetAttributes, 15, "cudaFuncGetAttributes_v3020") \
    X(cudaMalloc, 20, "cudaMalloc_v3020") \
    X(cudaFree, 22, "cudaFree_v3020") \
    X(cudaMallocHost, 25, "cudaMallocHost_v3020") \
    X(cudaFreeHost, 26, "cudaFreeHost_v3020") \
    X(cudaHostAlloc, 27, "cudaHostAlloc_v3020") \
    X(cudaMemGetInfo, 30, "cudaMemGetInfo_v3020") \
    X(cudaMemcpy, 31, "cudaMemcpy_v3020") \
    X(cudaMemcpy2D, 32, "cudaMemcpy2D_v3020") \
    X(cudaMemcpyToSymbol, 39, "cudaMemcpyToSymbol_v3020") \
    X(cudaMemcpyFromSymbol, 40, "cudaMemcpyFromSymbol_v3020") \
    X(cudaMemcpyAsync, 41, "cudaMemcpyAsync_v3020") \
    X(cudaMemcpy2DAsync, 44, "cudaMemcpy2DAsync_v3020") \
    X(cudaMemset, 49, "cudaMemset_v3020") \
    X(cudaMemset2D, 50, "cudaMemset2D_v3020") \
    X(cudaMemsetAsync, 51, "cudaMemsetAsync_v3020") \
    X(cudaStreamSynchronize, 131, "cudaStreamSynchronize_v3020") \
    X(cudaStreamQuery, 132, "cudaStreamQuery_v3020") \
    X(cudaEventCreateWithFlags, 134, "cudaEventCreateWithFlags_v3020") \
    X(cudaEventRecord, 135, "cudaEventRecord_v3020") \
    X(cudaEventDestroy, 136, "cudaEventDestroy_v3020") \
    X(cudaEventSynchronize, 137, "cudaEventSynchronize_v3020") \
    X(cudaEventQuery, 138, "cudaEventQuery_v3020") \
    X(cudaEventElapsedTime, 139, "cudaEventElapsedTime_v3020") \
    X(cudaMemcpy3D, 144, "cudaMemcpy3D_v3020") \
    X(cudaMemcpy3DAsync, 145, "cudaMemcpy3DAsync_v3020") \
    X(cudaStreamWaitEvent, 147, "cudaStreamWaitEvent_v3020") \
    X(cudaPointerGetAttributes, 151, "cudaPointerGetAttributes_v4000") \
    X(cudaHostRegister, 152, "cudaHostRegister_v4000") \
    X(cudaHostUnregister, 153, "cudaHostUnregister_v4000") \
    X(cudaMemcpyPeerAsync, 161, "cudaMemcpyPeerAsync_v4000") \
    X(cudaDeviceSynchronize, 165, "cudaDeviceSynchronize_v3020") \
    X(cudaStreamCreateWithPriority, 202, "cudaStreamCreateWithPriority_v5050") \
    X(cudaMallocManaged, 206, "cudaMallocManaged_v6000") \
    X(cudaOccupancyMaxActiveBlocksPerMultiprocessor, 207, "cudaOccupancyMaxActiveBlocksPerMultiprocessor_v6000") \
    X(cudaLaunchKernel, 211, "cudaLaunchKernel_v7000") \
    X(cudaLaunchCooperativeKernel, 269, "cudaLaunchCooperativeKernel_v9000") \
    X(cudaFuncSetAttribute, 273, "cudaFuncSetAttribute_v9000") \
    X(cudaLaunchHostFunc, 284, "cudaLaunchHostFunc_v10000") \
    X(cudaGraphLaunch, 311, "cudaGraphLaunch_v10000") \
    X(cudaStreamBeginCapture, 315, "cudaStreamBeginCapture_v10000") \
    X(cudaStreamIsCapturing, 317, "cudaStreamIsCapturing_v10000") \
    X(cudaStreamEndCapture, 319, "cudaStreamEndCapture_v10000") \
    X(cudaEventRecordWithFlags, 370, "cudaEventRecordWithFlags_v11010") \
    X(cudaMallocAsync, 373, "cudaMallocAsync_v11020") \
    X(cudaFreeAsync, 375, "cudaFreeAsync_v11020") \
    X(cudaGraphInstantiateWithFlags, 418, "cudaGraphInstantiateWithFlags_v11040") \
    X(cudaLaunchKernelExC, 430, "cudaLaunchKernelExC_v11060")

#define MAF_DRIVER_CALLS(X) \
    X(cuLaunchKernel, 307, "cuLaunchKernel") \
    X(cuLaunchKernelEx, 652, "cuLaunchKernelEx") \
    X(cuLaunchCooperativeKernel, 477, "cuLaunchCooperativeKernel")
