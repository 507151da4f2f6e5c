/* Requests with replies of any size. */
#include <stdlib.h>

#include "internal.h"

enum { REPLY_BYTES = 64 << 20 }; /* room; committed on use */

int maf_ask(uint32_t kind, const void *head, uint64_t head_bytes, const void *body, uint64_t body_bytes, char **reply,
            uint64_t *bytes)
{
    *bytes = 0;
    *reply = malloc(REPLY_BYTES);
    if (!*reply)
        return MAF_E_OUT_OF_MEMORY;
    int error =
        maf_request(kind, maf_current_device(), head, head_bytes, body, body_bytes, *reply, REPLY_BYTES - 1, bytes);
    if (error < 0) {
        *bytes = 0;
        error = -error;
    }
    if (*bytes > REPLY_BYTES - 1) {
        *bytes = 0;
        error = MAF_E_OUT_OF_MEMORY;
    }
    char *fitting = realloc(*reply, *bytes + 1);
    if (fitting)
        *reply = fitting;
    (*reply)[*bytes] = 0;
    return error;
}
