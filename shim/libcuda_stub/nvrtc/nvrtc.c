/* NVRTC: a program is text until it is compiled, by the compiler that the executor finds: a real NVRTC library, whose
 * version is reported and whose cubins and PTX are returned, or a C++ compiler of the machine, whose code
 * cuModuleLoadData takes in place of a cubin; PTX there is none then, and the version's minor number is one that NVIDIA
 * never shipped: frameworks key their disk caches of compiled kernels by it, and neither side may take the other's. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "maf_client.h"
#include "nvrtc.h"

enum { MAGIC = 0x6d616672, MINOR_WITHOUT_EXECUTOR = 96, PATH_BYTES = 4096 };

struct text { /* strings, each with its NUL, one after the other */
    char *bytes;
    size_t used;
    size_t room;
    int failed;
};

struct _nvrtcProgram {
    uint32_t magic;
    uint32_t compiled; /* tried */
    struct maf_compile_query query;
    struct text source;      /* name, source, headers */
    struct text expressions;
    char *reply;             /* of the executor: struct maf_compile_info and its parts, or a message */
    struct maf_compile_info info;
    const char *image;
    const char *ptx;
    const char *log;
    const char *names;
};

static int valid(nvrtcProgram program)
{
    return program && program->magic == MAGIC;
}

static void append(struct text *text, const char *string)
{
    size_t bytes = strlen(string) + 1;
    if (text->used + bytes > text->room) {
        size_t room = 2 * (text->used + bytes);
        char *larger = realloc(text->bytes, room);
        if (!larger) {
            text->failed = 1;
            return;
        }
        text->bytes = larger;
        text->room = room;
    }
    memcpy(text->bytes + text->used, string, bytes);
    text->used += bytes;
}

static void append_all(struct text *text, const struct text *other)
{
    for (size_t at = 0; at < other->used; at += strlen(other->bytes + at) + 1)
        append(text, other->bytes + at);
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
        "NVRTC_ERROR_TIME_FILE_WRITE_FAILED",
        "NVRTC_ERROR_NO_PCH_CREATE_ATTEMPTED",
        "NVRTC_ERROR_PCH_CREATE_HEAP_EXHAUSTED",
        "NVRTC_ERROR_PCH_CREATE",
        "NVRTC_ERROR_CANCELLED",
        "NVRTC_ERROR_TIME_TRACE_FILE_WRITE_FAILED",
        "NVRTC_ERROR_BUSY",
    };
    if ((unsigned)result >= sizeof names / sizeof names[0])
        return "NVRTC_ERROR unknown";
    return names[result];
}

/* --- the compiler ------------------------------------------------------------------------------------- */

/* What the executor's compiler is; *archs (to be freed) holds info->archs numbers. Without an executor: no archs. */
static void ask_compiler(struct maf_compiler_info *info, char **reply, const uint32_t **archs)
{
    uint64_t bytes;
    *info = (struct maf_compiler_info){.minor = MINOR_WITHOUT_EXECUTOR};
    *archs = NULL;
    if (maf_ask(MAF_REQ_COMPILER, NULL, 0, NULL, 0, reply, &bytes) || bytes < sizeof *info)
        return;
    memcpy(info, *reply, sizeof *info);
    if (info->archs <= (bytes - sizeof *info) / sizeof **archs)
        *archs = (const uint32_t *)(*reply + sizeof *info);
    else
        info->archs = 0;
}

nvrtcResult nvrtcVersion(int *major, int *minor)
{
    struct maf_compiler_info info;
    const uint32_t *archs;
    char *reply;
    if (!major || !minor)
        return NVRTC_ERROR_INVALID_INPUT;
    ask_compiler(&info, &reply, &archs);
    free(reply);
    *major = info.major ? (int)info.major : MAF_NVRTC_MAJOR;
    *minor = (int)info.minor;
    return NVRTC_SUCCESS;
}

nvrtcResult nvrtcGetNumSupportedArchs(int *count)
{
    struct maf_compiler_info info;
    const uint32_t *archs;
    char *reply;
    if (!count)
        return NVRTC_ERROR_INVALID_INPUT;
    ask_compiler(&info, &reply, &archs);
    free(reply);
    *count = (int)info.archs;
    return info.archs ? NVRTC_SUCCESS : NVRTC_ERROR_INTERNAL_ERROR;
}

nvrtcResult nvrtcGetSupportedArchs(int *out)
{
    struct maf_compiler_info info;
    const uint32_t *archs;
    char *reply;
    if (!out)
        return NVRTC_ERROR_INVALID_INPUT;
    ask_compiler(&info, &reply, &archs);
    for (uint32_t i = 0; i < info.archs; i++)
        out[i] = (int)archs[i];
    free(reply);
    return info.archs ? NVRTC_SUCCESS : NVRTC_ERROR_INTERNAL_ERROR;
}

/* --- programs ----------------------------------------------------------------------------------------- */

nvrtcResult nvrtcCreateProgram(nvrtcProgram *program, const char *source, const char *name, int headers,
                               const char *const *header_sources, const char *const *include_names)
{
    if (!program || !source || headers < 0 || (headers > 0 && (!header_sources || !include_names)))
        return NVRTC_ERROR_INVALID_INPUT;
    for (int i = 0; i < headers; i++)
        if (!header_sources[i] || !include_names[i])
            return NVRTC_ERROR_INVALID_INPUT;
    nvrtcProgram made = calloc(1, sizeof *made);
    if (!made)
        return NVRTC_ERROR_OUT_OF_MEMORY;
    made->magic = MAGIC;
    made->query.headers = (uint32_t)headers;
    append(&made->source, name && *name ? name : "default_program");
    append(&made->source, source);
    for (int i = 0; i < headers; i++) {
        append(&made->source, include_names[i]);
        append(&made->source, header_sources[i]);
    }
    *program = made;
    if (!made->source.failed)
        return NVRTC_SUCCESS;
    nvrtcDestroyProgram(program);
    return NVRTC_ERROR_OUT_OF_MEMORY;
}

nvrtcResult nvrtcDestroyProgram(nvrtcProgram *program)
{
    if (!program || !valid(*program))
        return NVRTC_ERROR_INVALID_PROGRAM;
    (*program)->magic = 0;
    free((*program)->source.bytes);
    free((*program)->expressions.bytes);
    free((*program)->reply);
    free(*program);
    *program = NULL;
    return NVRTC_SUCCESS;
}

nvrtcResult nvrtcAddNameExpression(nvrtcProgram program, const char *expression)
{
    if (!valid(program))
        return NVRTC_ERROR_INVALID_PROGRAM;
    if (!expression)
        return NVRTC_ERROR_INVALID_INPUT;
    if (program->compiled)
        return NVRTC_ERROR_NO_NAME_EXPRESSIONS_AFTER_COMPILATION;
    append(&program->expressions, expression);
    if (program->expressions.failed)
        return NVRTC_ERROR_OUT_OF_MEMORY;
    program->query.expressions++;
    return NVRTC_SUCCESS;
}

/* Points the program's parts into the reply. 0, or -1 when the reply's sizes do not add up. */
static int divide(nvrtcProgram program, uint64_t bytes)
{
    struct maf_compile_info *info = &program->info;
    if (bytes < sizeof *info)
        return -1;
    memcpy(info, program->reply, sizeof *info);
    bytes -= sizeof *info;
    program->image = program->reply + sizeof *info;
    if (info->image_bytes > bytes || info->ptx_bytes > bytes - info->image_bytes ||
        info->log_bytes > bytes - info->image_bytes - info->ptx_bytes)
        return -1;
    program->ptx = program->image + info->image_bytes;
    program->log = program->ptx + info->ptx_bytes;
    program->names = program->log + info->log_bytes;
    return 0;
}

static nvrtcResult compile(nvrtcProgram program, const struct text *body)
{
    uint64_t bytes = 0;
    free(program->reply);
    program->image = program->ptx = program->log = program->names = NULL;
    program->info = (struct maf_compile_info){0};
    int error = maf_ask(MAF_REQ_COMPILE, &program->query, sizeof program->query, body->bytes, body->used,
                        &program->reply, &bytes);
    program->compiled = 1;
    if (!error && divide(program, bytes) == 0)
        return (nvrtcResult)program->info.status;
    program->info = (struct maf_compile_info){.log_bytes = error ? bytes : 0};
    program->log = program->reply;
    return NVRTC_ERROR_INTERNAL_ERROR;
}

nvrtcResult nvrtcCompileProgram(nvrtcProgram program, int count, const char *const *options)
{
    char directory[PATH_BYTES];
    struct text body = {0};
    if (!valid(program))
        return NVRTC_ERROR_INVALID_PROGRAM;
    if (count < 0 || (count > 0 && !options))
        return NVRTC_ERROR_INVALID_INPUT;
    for (int i = 0; i < count; i++)
        if (!options[i])
            return NVRTC_ERROR_INVALID_OPTION;
    program->query.options = (uint32_t)count;
    append_all(&body, &program->source);
    for (int i = 0; i < count; i++)
        append(&body, options[i]);
    append_all(&body, &program->expressions);
    append(&body, getcwd(directory, sizeof directory) ? directory : "/");
    nvrtcResult result = body.failed ? NVRTC_ERROR_OUT_OF_MEMORY : compile(program, &body);
    free(body.bytes);
    if (result != NVRTC_SUCCESS)
        maf_log(1, "nvrtc: %s does not compile: %s", program->source.bytes, nvrtcGetErrorString(result));
    return result;
}

/* --- results ------------------------------------------------------------------------------------------ */

nvrtcResult nvrtcGetProgramLogSize(nvrtcProgram program, size_t *bytes)
{
    if (!valid(program))
        return NVRTC_ERROR_INVALID_PROGRAM;
    if (!bytes)
        return NVRTC_ERROR_INVALID_INPUT;
    *bytes = program->info.log_bytes + 1;
    return NVRTC_SUCCESS;
}

nvrtcResult nvrtcGetProgramLog(nvrtcProgram program, char *log)
{
    if (!valid(program))
        return NVRTC_ERROR_INVALID_PROGRAM;
    if (!log)
        return NVRTC_ERROR_INVALID_INPUT;
    if (program->info.log_bytes)
        memcpy(log, program->log, program->info.log_bytes);
    log[program->info.log_bytes] = 0;
    return NVRTC_SUCCESS;
}

nvrtcResult nvrtcGetLoweredName(nvrtcProgram program, const char *expression, const char **name)
{
    if (!valid(program))
        return NVRTC_ERROR_INVALID_PROGRAM;
    if (!expression || !name)
        return NVRTC_ERROR_INVALID_INPUT;
    if (!program->names || program->info.status)
        return NVRTC_ERROR_NO_LOWERED_NAMES_BEFORE_COMPILATION;
    const char *given = program->expressions.bytes, *lowered = program->names;
    for (uint32_t i = 0; i < program->info.names && i < program->query.expressions; i++) {
        if (strcmp(given, expression) == 0 && *lowered) {
            *name = lowered;
            return NVRTC_SUCCESS;
        }
        given += strlen(given) + 1;
        lowered += strlen(lowered) + 1;
    }
    return NVRTC_ERROR_NAME_EXPRESSION_NOT_VALID;
}

static nvrtcResult part_size(nvrtcProgram program, const char *part, uint64_t part_bytes, size_t *bytes)
{
    if (!valid(program) || !part || program->info.status)
        return NVRTC_ERROR_INVALID_PROGRAM;
    if (!bytes)
        return NVRTC_ERROR_INVALID_INPUT;
    *bytes = part_bytes;
    return NVRTC_SUCCESS;
}

static nvrtcResult part_copy(const char *part, uint64_t part_bytes, char *out)
{
    if (!out)
        return NVRTC_ERROR_INVALID_INPUT;
    memcpy(out, part, part_bytes);
    return NVRTC_SUCCESS;
}

/* A C++ compiler of the machine makes no PTX, and that is no failure of the program. */
nvrtcResult nvrtcGetPTXSize(nvrtcProgram program, size_t *bytes)
{
    nvrtcResult result = part_size(program, valid(program) ? program->ptx : NULL,
                                   valid(program) ? program->info.ptx_bytes : 0, bytes);
    if (result != NVRTC_SUCCESS || program->info.ptx_bytes)
        return result;
    maf_unsupported("nvrtc", "nvrtcGetPTXSize without a real NVRTC (pip install nvidia-cuda-nvrtc)");
    return NVRTC_ERROR_INTERNAL_ERROR;
}

nvrtcResult nvrtcGetPTX(nvrtcProgram program, char *ptx)
{
    size_t bytes;
    nvrtcResult result = nvrtcGetPTXSize(program, &bytes);
    return result == NVRTC_SUCCESS ? part_copy(program->ptx, bytes, ptx) : result;
}

nvrtcResult nvrtcGetCUBINSize(nvrtcProgram program, size_t *bytes)
{
    return part_size(program, valid(program) ? program->image : NULL, valid(program) ? program->info.image_bytes : 0,
                     bytes);
}

nvrtcResult nvrtcGetCUBIN(nvrtcProgram program, char *cubin)
{
    size_t bytes;
    nvrtcResult result = nvrtcGetCUBINSize(program, &bytes);
    return result == NVRTC_SUCCESS ? part_copy(program->image, bytes, cubin) : result;
}
