/* Programs in source form: the executor compiles them. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include "internal.h"

enum { IMAGE_BYTES = 16 << 20 }; /* room for a reply; committed on use */

int maf_compile(const char *name, const char *source, int options, const char *const *option, char **image,
                uint64_t *bytes)
{
    struct maf_compile_query query = {.options = (uint32_t)options};
    size_t size = strlen(name) + strlen(source) + 2;
    for (int i = 0; i < options; i++)
        size += strlen(option[i]) + 1;
    char *body = malloc(size), *end = body;
    *bytes = 0;
    *image = malloc(IMAGE_BYTES);
    if (!body || !*image) {
        free(body);
        free(*image);
        *image = NULL;
        return MAF_E_OUT_OF_MEMORY;
    }
    end = stpcpy(end, name) + 1;
    end = stpcpy(end, source) + 1;
    for (int i = 0; i < options; i++)
        end = stpcpy(end, option[i]) + 1;
    int error = maf_request(MAF_REQ_COMPILE, maf_current_device(), &query, sizeof query, body, size, *image,
                            IMAGE_BYTES - 1, bytes);
    free(body);
    if (error < 0) {
        *bytes = 0;
        error = -error;
    }
    if (*bytes > IMAGE_BYTES - 1) {
        *bytes = 0;
        error = MAF_E_OUT_OF_MEMORY;
    }
    (*image)[*bytes] = 0;
    return error;
}
