/* cuFile as plain file input and output. off_t is 64 bits wide, int64_t here. Include <stddef.h>, <stdint.h> and <sys/types.h> first. */
#ifndef MAF_CUFILE_H
#define MAF_CUFILE_H

typedef enum {
    CU_FILE_SUCCESS = 0,
    CU_FILE_DRIVER_NOT_INITIALIZED = 5001,
    CU_FILE_PLATFORM_NOT_SUPPORTED = 5007,
    CU_FILE_IO_NOT_SUPPORTED = 5008,
    CU_FILE_CUDA_POINTER_INVALID = 5012,
    CU_FILE_INVALID_FILE_TYPE = 5018,
    CU_FILE_INVALID_VALUE = 5022,
    CU_FILE_MEMORY_ALREADY_REGISTERED = 5023,
    CU_FILE_MEMORY_NOT_REGISTERED = 5024,
    CU_FILE_HANDLE_NOT_REGISTERED = 5027,
    CU_FILE_INTERNAL_ERROR = 5030
} CUfileOpError;

typedef struct {
    CUfileOpError err;
    int cu_err; /* CUresult */
} CUfileError_t;

typedef void *CUfileHandle_t;

typedef struct {
    int type; /* 1: a file descriptor */
    union {
        int fd;
        void *handle;
    } handle;
    const void *fs_ops;
} CUfileDescr_t;

CUfileError_t cuFileDriverOpen(void);
CUfileError_t cuFileDriverClose(void);
CUfileError_t cuFileDriverClose_v2(void);
long cuFileUseCount(void);
CUfileError_t cuFileGetVersion(int *version);
CUfileError_t cuFileHandleRegister(CUfileHandle_t *handle, CUfileDescr_t *description);
void cuFileHandleDeregister(CUfileHandle_t handle);
CUfileError_t cuFileBufRegister(const void *base, size_t bytes, int flags);
CUfileError_t cuFileBufDeregister(const void *base);
ssize_t cuFileRead(CUfileHandle_t handle, void *base, size_t bytes, int64_t file_offset, int64_t base_offset);
ssize_t cuFileWrite(CUfileHandle_t handle, const void *base, size_t bytes, int64_t file_offset, int64_t base_offset);

#endif
