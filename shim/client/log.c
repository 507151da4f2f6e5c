#define _GNU_SOURCE
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "internal.h"

static int log_level(void)
{
    static atomic_int level = -1;
    int v = atomic_load_explicit(&level, memory_order_relaxed);
    if (unlikely(v < 0)) {
        const char *s = getenv("MAF_LOG");
        v = s && *s ? atoi(s) : 0;
        atomic_store_explicit(&level, v < 0 ? 0 : v, memory_order_relaxed);
    }
    return v;
}

/* One write per message, so that lines of several processes do not mix. */
void maf_say(const char *fmt, va_list args)
{
    char line[1024];
    int n = snprintf(line, sizeof line, "maf: ");
    int m = vsnprintf(line + n, sizeof line - (size_t)n - 1, fmt, args);
    if (m < 0)
        return;
    n = m >= (int)sizeof line - n - 1 ? (int)sizeof line - 2 : n + m;
    line[n++] = '\n';
    ssize_t written = write(2, line, (size_t)n);
    (void)written;
}

void maf_log(int level, const char *fmt, ...)
{
    if (level > log_level())
        return;
    va_list args;
    va_start(args, fmt);
    maf_say(fmt, args);
    va_end(args);
}

void maf_warn(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    maf_say(fmt, args);
    va_end(args);
}

/* Names already reported, open addressing. A full table reports nothing more. */
static const char *_Atomic reported[4096];

static int first_report(const char *library, const char *function)
{
    uint32_t h = 2166136261u;
    for (const char *p = library; *p; p++)
        h = (h ^ (unsigned char)*p) * 16777619u;
    for (const char *p = function; *p; p++)
        h = (h ^ (unsigned char)*p) * 16777619u;
    for (uint32_t i = 0; i < 4096; i++) {
        const char *_Atomic *slot = &reported[(h + i) & 4095];
        const char *have = atomic_load(slot);
        if (!have) {
            if (atomic_compare_exchange_strong(slot, &have, function))
                return 1;
        }
        if (have == function || strcmp(have, function) == 0)
            return 0;
    }
    return 0;
}

void maf_unsupported(const char *library, const char *function)
{
    if (!first_report(library, function))
        return;
    maf_log(1, "%s: %s is not supported", library, function);
    if (atomic_load(&maf_g.phase) == MAF_READY) {
        char line[256];
        int n = snprintf(line, sizeof line, "unsupported %s", function);
        maf_request(MAF_REQ_NOTE, 0, line, (uint64_t)n, NULL, 0, NULL, 0, NULL);
    }
}
