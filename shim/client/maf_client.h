/* What a library front (cuBLAS, cuDNN, ...) may ask of the client.
 *
 * Functions that return int return 0 or a cudaError_t value unless said otherwise. A `stream` is a
 * cudaStream_t / CUstream handle as the application passes it: NULL, cudaStreamLegacy (1) and
 * cudaStreamPerThread (2) included. Device addresses are those the application sees. All functions
 * may be called from any thread. */
#ifndef MAF_CLIENT_H
#define MAF_CLIENT_H

#include <stdint.h>

#include "../protocol.h"

#if defined(__GNUC__)
#define MAF_API __attribute__((visibility("default")))
#define MAF_PRINTF(f, a) __attribute__((format(printf, f, a)))
#else
#define MAF_API
#define MAF_PRINTF(f, a)
#endif

/* Connects, starting the executor if needed, and waits until it serves. */
MAF_API int maf_client_ready(void);

/* The calling thread's current device (SDA number). */
MAF_API int maf_current_device(void);

/* Plan of an op on the current device; `desc` is the op struct named by op_kind (enum maf_op_kind).
 * Cached by its bytes, refusals too. Returns enum maf_plan_error, or minus a cudaError_t when the
 * executor cannot be reached. */
MAF_API int maf_plan(uint32_t op_kind, const void *desc, uint32_t bytes, struct maf_plan_info *out);

/* Appends the op to the stream, or to the graph that the stream is capturing. Asynchronous; pointers
 * and scalars are copied before it returns. */
MAF_API int maf_op(void *stream, uint32_t plan, const uint64_t *ptrs, uint32_t nptrs, const void *scalars,
                   uint32_t scalar_bytes);

/* Stream-ordered copy and fill; addresses in the device or pinned windows only. */
MAF_API int maf_copy(void *stream, uint64_t dst, uint64_t src, uint64_t bytes);
MAF_API int maf_fill(void *stream, uint64_t dst, int byte, uint64_t bytes);

/* Waits until all work given to the stream so far has finished. Error 900 while it captures. */
MAF_API int maf_stream_sync(void *stream);

/* 1 when the stream records into a graph: then nothing executes now and maf_read would see old data. */
MAF_API int maf_stream_is_capturing(void *stream);

/* 1 when p lies in the device or pinned windows, so that the executor can dereference it. */
MAF_API int maf_is_device_pointer(const void *p);

/* Synchronous transfer between host memory and a device address, after all work queued so far. */
MAF_API int maf_read(void *dst, uint64_t src_device, uint64_t bytes);
MAF_API int maf_write(uint64_t dst_device, const void *src, uint64_t bytes);

/* Device memory of the current device; 0 when there is not enough. maf_free waits for queued work. */
MAF_API uint64_t maf_alloc(uint64_t bytes);
MAF_API void maf_free(uint64_t p);

/* A request of any kind whose reply has no fixed size. 0: *reply holds the payload, else a cudaError_t and *reply holds a
 * message; both with a NUL after *bytes bytes, NULL without memory. The caller frees *reply. */
MAF_API int maf_ask(uint32_t kind, const void *head, uint64_t head_bytes, const void *body, uint64_t body_bytes,
                    char **reply, uint64_t *bytes);

/* Names an entry point that is not implemented: once per name on stderr under MAF_LOG and in the run record. */
MAF_API void maf_unsupported(const char *library, const char *function);

/* Message on stderr when MAF_LOG >= level (1 errors and slow paths, 2 calls of note, 3 everything). */
MAF_API void maf_log(int level, const char *fmt, ...) MAF_PRINTF(2, 3);

#endif
