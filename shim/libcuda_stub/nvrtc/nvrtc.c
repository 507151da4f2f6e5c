/* NVRTC without a compiler: compilation ends as a compilation error whose log says why, so that a framework's
 * message reaches the user. The version's minor number is one that NVIDIA never shipped: frameworks key their disk
 * caches of compiled kernels by it, and neither side may take the other's entries. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "maf_client.h"
#include "nvrtc.h"

enum { MAGIC = 0x6d616672, MINOR = 97 };

struct _nvrtcProgram {
    uint32_t magic;
    uint32_t compiled;
    char name[256];
    char log[1024];
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
    snprintf(made->name, sizeof made->name, "%s", name ? name : "default_program");
    *program = made;
    return NVRTC_SUCCESS;
}

nvrtcResult nvrtcDestroyProgram(nvrtcProgram *program)
{
    if (!program || !valid(*program))
        return NVRTC_ERROR_INVALID_PROGRAM;
    (*program)->magic = 0;
    free(*program);
    *program = NULL;
    return NVRTC_SUCCESS;
}

nvrtcResult nvrtcCompileProgram(nvrtcProgram program, int count, const char *const *options)
{
    (void)count, (void)options;
    if (!valid(program))
        return NVRTC_ERROR_INVALID_PROGRAM;
    maf_unsupported("nvrtc", "nvrtcCompileProgram");
    snprintf(program->log, sizeof program->log,
             "%s: error: MAF vdev has no CUDA C++ compiler: this operation is compiled at run time by NVRTC "
             "(torch: jiterator and special functions), which is not supported yet\n",
             program->name);
    program->compiled = 1;
    return NVRTC_ERROR_COMPILATION;
}

nvrtcResult nvrtcGetProgramLogSize(nvrtcProgram program, size_t *bytes)
{
    if (!valid(program))
        return NVRTC_ERROR_INVALID_PROGRAM;
    if (!bytes)
        return NVRTC_ERROR_INVALID_INPUT;
    *bytes = strlen(program->log) + 1;
    return NVRTC_SUCCESS;
}

nvrtcResult nvrtcGetProgramLog(nvrtcProgram program, char *log)
{
    if (!valid(program))
        return NVRTC_ERROR_INVALID_PROGRAM;
    if (!log)
        return NVRTC_ERROR_INVALID_INPUT;
    strcpy(log, program->log);
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

/* No compilation succeeds, so that no program holds a result: the documented answer to asking for one. */
nvrtcResult nvrtcGetPTXSize(nvrtcProgram program, size_t *bytes)
{
    (void)program, (void)bytes;
    return NVRTC_ERROR_INVALID_PROGRAM;
}

nvrtcResult nvrtcGetPTX(nvrtcProgram program, char *ptx)
{
    (void)program, (void)ptx;
    return NVRTC_ERROR_INVALID_PROGRAM;
}

nvrtcResult nvrtcGetCUBINSize(nvrtcProgram program, size_t *bytes)
{
    (void)program, (void)bytes;
    return NVRTC_ERROR_INVALID_PROGRAM;
}

nvrtcResult nvrtcGetCUBIN(nvrtcProgram program, char *cubin)
{
    (void)program, (void)cubin;
    return NVRTC_ERROR_INVALID_PROGRAM;
}
