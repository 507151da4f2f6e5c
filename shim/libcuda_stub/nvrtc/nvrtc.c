/* NVRTC: the executor compiles the program with a C++ compiler of the machine, to code that cuModuleLoadData takes in
 * place of a cubin; PTX there is none. The version's minor number is one that NVIDIA never shipped: frameworks key
 * their disk caches of compiled kernels by it, and neither side may take the other's entries. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "maf_client.h"
#include "nvrtc.h"

enum { MAGIC = 0x6d616672, MINOR = 97 };

struct _nvrtcProgram {
    uint32_t magic;
    uint32_t compiled; /* tried */
    char *name;
    char *source;
    char *log;   /* of a failed compilation */
    char *image; /* of a successful one */
    uint64_t image_bytes;
};

static int valid(nvrtcProgram program)
{
    return program && program->magic == MAGIC;
}

const char *nvrtcGetErrorString(nvrtcResult result)
{
    static const char *const names[] = {
        "NVRTC_SUCCESS",
        "NVRTC_ERROR_OUT_OF_MEMORY",
        "NVRTC_ERROR_PROGRAM_CREATION_FAILURE",
        "NVRTC_ERROR_INVALID_INPUT",
        "NVRTC_ERROR_INVALID_PROGRAM",
        "NVRTC_ERROR_INVALID_OPTION",
        "NVRTC_ERROR_COMPILATION",
        "NVRTC_ERROR_BUILTIN_OPERATION_FAILURE",
        "NVRTC_ERROR_NO_NAME_EXPRESSIONS_AFTER_COMPILATION",
        "NVRTC_ERROR_NO_LOWERED_NAMES_BEFORE_COMPILATION",
        "NVRTC_ERROR_NAME_EXPRESSION_NOT_VALID",
        "NVRTC_ERROR_INTERNAL_ERROR",
    };
    if ((unsigned)result >= sizeof names / sizeof names[0])
        return "NVRTC_ERROR unknown";
    return names[result];
}

nvrtcResult nvrtcVersion(int *major, int *minor)
{
    if (!major || !minor)
        return NVRTC_ERROR_INVALID_INPUT;
    *major = MAF_NVRTC_MAJOR;
    *minor = MINOR;
    return NVRTC_SUCCESS;
}

static const int archs[] = {75};

nvrtcResult nvrtcGetNumSupportedArchs(int *count)
{
    if (!count)
        return NVRTC_ERROR_INVALID_INPUT;
    *count = sizeof archs / sizeof archs[0];
    return NVRTC_SUCCESS;
}

nvrtcResult nvrtcGetSupportedArchs(int *out)
{
    if (!out)
        return NVRTC_ERROR_INVALID_INPUT;
    memcpy(out, archs, sizeof archs);
    return NVRTC_SUCCESS;
}

nvrtcResult nvrtcCreateProgram(nvrtcProgram *program, const char *source, const char *name, int headers,
                               const char *const *header_sources, const char *const *include_names)
{
    if (!program || !source || headers < 0 || (headers > 0 && (!header_sources || !include_names)))
        return NVRTC_ERROR_INVALID_INPUT;
    nvrtcProgram made = calloc(1, sizeof *made);
    if (!made)
        return NVRTC_ERROR_OUT_OF_MEMORY;
    made->magic = MAGIC;
    made->name = strdup(name ? name : "default_program");
    made->source = strdup(source);
    *program = made;
    if (made->name && made->source && headers == 0)
        return NVRTC_SUCCESS;
    nvrtcResult result = headers ? NVRTC_ERROR_PROGRAM_CREATION_FAILURE : NVRTC_ERROR_OUT_OF_MEMORY;
    if (headers)
        maf_unsupported("nvrtc", "headers in memory");
    nvrtcDestroyProgram(program);
    return result;
}

nvrtcResult nvrtcDestroyProgram(nvrtcProgram *program)
{
    if (!program || !valid(*program))
        return NVRTC_ERROR_INVALID_PROGRAM;
    (*program)->magic = 0;
    free((*program)->name);
    free((*program)->source);
    free((*program)->log);
    free((*program)->image);
    free(*program);
    *program = NULL;
    return NVRTC_SUCCESS;
}

nvrtcResult nvrtcCompileProgram(nvrtcProgram program, int count, const char *const *options)
{
    char *image = NULL;
    uint64_t bytes = 0;
    if (!valid(program))
        return NVRTC_ERROR_INVALID_PROGRAM;
    if (count < 0 || (count > 0 && !options))
        return NVRTC_ERROR_INVALID_INPUT;
    int error = maf_compile(program->name, program->source, count, options, &image, &bytes);
    program->compiled = 1;
    free(program->image);
    free(program->log);
    program->image = error ? NULL : image;
    program->image_bytes = error ? 0 : bytes;
    program->log = error ? image : NULL;
    if (!error)
        return NVRTC_SUCCESS;
    maf_log(1, "nvrtc: %s does not compile", program->name);
    return bytes ? NVRTC_ERROR_COMPILATION : NVRTC_ERROR_INTERNAL_ERROR;
}

nvrtcResult nvrtcGetProgramLogSize(nvrtcProgram program, size_t *bytes)
{
    if (!valid(program))
        return NVRTC_ERROR_INVALID_PROGRAM;
    if (!bytes)
        return NVRTC_ERROR_INVALID_INPUT;
    *bytes = program->log ? strlen(program->log) + 1 : 1;
    return NVRTC_SUCCESS;
}

nvrtcResult nvrtcGetProgramLog(nvrtcProgram program, char *log)
{
    if (!valid(program))
        return NVRTC_ERROR_INVALID_PROGRAM;
    if (!log)
        return NVRTC_ERROR_INVALID_INPUT;
    strcpy(log, program->log ? program->log : "");
    return NVRTC_SUCCESS;
}

nvrtcResult nvrtcAddNameExpression(nvrtcProgram program, const char *expression)
{
    if (!valid(program))
        return NVRTC_ERROR_INVALID_PROGRAM;
    if (!expression)
        return NVRTC_ERROR_INVALID_INPUT;
    return program->compiled ? NVRTC_ERROR_NO_NAME_EXPRESSIONS_AFTER_COMPILATION : NVRTC_SUCCESS;
}

nvrtcResult nvrtcGetLoweredName(nvrtcProgram program, const char *expression, const char **name)
{
    if (!valid(program))
        return NVRTC_ERROR_INVALID_PROGRAM;
    if (!expression || !name)
        return NVRTC_ERROR_INVALID_INPUT;
    return NVRTC_ERROR_NO_LOWERED_NAMES_BEFORE_COMPILATION;
}

/* What is compiled here is machine code of this computer, and no PTX. */
nvrtcResult nvrtcGetPTXSize(nvrtcProgram program, size_t *bytes)
{
    (void)bytes;
    if (!valid(program))
        return NVRTC_ERROR_INVALID_PROGRAM;
    maf_unsupported("nvrtc", "nvrtcGetPTXSize");
    return NVRTC_ERROR_INTERNAL_ERROR;
}

nvrtcResult nvrtcGetPTX(nvrtcProgram program, char *ptx)
{
    size_t bytes;
    (void)ptx;
    return nvrtcGetPTXSize(program, &bytes);
}

nvrtcResult nvrtcGetCUBINSize(nvrtcProgram program, size_t *bytes)
{
    if (!valid(program) || !program->image)
        return NVRTC_ERROR_INVALID_PROGRAM;
    if (!bytes)
        return NVRTC_ERROR_INVALID_INPUT;
    *bytes = program->image_bytes;
    return NVRTC_SUCCESS;
}

nvrtcResult nvrtcGetCUBIN(nvrtcProgram program, char *cubin)
{
    if (!valid(program) || !program->image)
        return NVRTC_ERROR_INVALID_PROGRAM;
    if (!cubin)
        return NVRTC_ERROR_INVALID_INPUT;
    memcpy(cubin, program->image, program->image_bytes);
    return NVRTC_SUCCESS;
}
