/* Atomics, device printf and device assertions of translated code. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cpu_warp.h"

enum { ADD, MIN, MAX, UMIN, UMAX, AND, OR, XOR, EXCH, CAS, INC, DEC, FADD, FADD_F16X2 };
enum { I32, I64, F32, F64, I16, I8 };

static float half_to_float(uint16_t h) {
    uint32_t sign = (uint32_t)(h & 0x8000) << 16, e = h >> 10 & 31, m = h & 1023, bits;
    if (e == 31)
        bits = sign | 0x7f800000 | m << 13;
    else if (e)
        bits = sign | (e + 112) << 23 | m << 13;
    else {
        float f = (float)m * 0x1p-24f;
        memcpy(&bits, &f, 4);
        bits |= sign;
    }
    float f;
    memcpy(&f, &bits, 4);
    return f;
}

static uint16_t float_to_half(float f) {
    uint32_t x;
    memcpy(&x, &f, 4);
    uint32_t sign = x >> 16 & 0x8000, a = x & 0x7fffffff;
    if (a > 0x7f800000) return (uint16_t)(sign | 0x7fff);
    if (a >= 0x477ff000) return (uint16_t)(sign | 0x7c00); /* 65520 and above round to infinity */
    if (a < 0x38800000) {                                  /* subnormal: the addition rounds at 2**-24 */
        float t;
        memcpy(&t, &a, 4);
        t += 0.5f;
        uint32_t r;
        memcpy(&r, &t, 4);
        return (uint16_t)(sign | (r - 0x3f000000));
    }
    uint32_t r = a - 0x38000000;
    r += 0xfff + (r >> 13 & 1);
    return (uint16_t)(sign | r >> 13);
}

static uint32_t add_half2(uint32_t a, uint32_t b) {
    uint32_t lo = float_to_half(half_to_float((uint16_t)a) + half_to_float((uint16_t)b));
    uint32_t hi = float_to_half(half_to_float((uint16_t)(a >> 16)) + half_to_float((uint16_t)(b >> 16)));
    return lo | hi << 16;
}

#define COMBINE(T, S)                                                                                   \
    static T combine_##T(uint32_t op, uint32_t type, T old, T v, T cmp) {                               \
        switch (op) {                                                                                   \
        case ADD: return (T)(old + v);                                                                  \
        case MIN: return (S)old < (S)v ? old : v;                                                       \
        case MAX: return (S)old > (S)v ? old : v;                                                       \
        case UMIN: return old < v ? old : v;                                                            \
        case UMAX: return old > v ? old : v;                                                            \
        case AND: return old & v;                                                                       \
        case OR: return old | v;                                                                        \
        case XOR: return old ^ v;                                                                       \
        case EXCH: return v;                                                                            \
        case CAS: return old == cmp ? v : old;                                                          \
        case INC: return old >= v ? 0 : (T)(old + 1);                                                   \
        case DEC: return old == 0 || old > v ? v : (T)(old - 1);                                        \
        case FADD_F16X2: return (T)add_half2((uint32_t)old, (uint32_t)v);                               \
        default:                                                                                        \
            if (type == F64) {                                                                          \
                double a, b;                                                                            \
                uint64_t x = old, y = v;                                                                \
                memcpy(&a, &x, 8), memcpy(&b, &y, 8);                                                   \
                a += b;                                                                                 \
                memcpy(&x, &a, 8);                                                                      \
                return (T)x;                                                                            \
            } else {                                                                                    \
                float a, b;                                                                             \
                uint32_t x = (uint32_t)old, y = (uint32_t)v;                                            \
                memcpy(&a, &x, 4), memcpy(&b, &y, 4);                                                   \
                a += b;                                                                                 \
                memcpy(&x, &a, 4);                                                                      \
                return (T)x;                                                                            \
            }                                                                                           \
        }                                                                                               \
    }                                                                                                   \
    static T apply_##T(T *p, uint32_t op, uint32_t type, T v, T cmp) {                                  \
        switch (op) {                                                                                   \
        case ADD: return __atomic_fetch_add(p, v, __ATOMIC_SEQ_CST);                                    \
        case AND: return __atomic_fetch_and(p, v, __ATOMIC_SEQ_CST);                                    \
        case OR: return __atomic_fetch_or(p, v, __ATOMIC_SEQ_CST);                                      \
        case XOR: return __atomic_fetch_xor(p, v, __ATOMIC_SEQ_CST);                                    \
        case EXCH: return __atomic_exchange_n(p, v, __ATOMIC_SEQ_CST);                                  \
        default: {                                                                                      \
            T old = __atomic_load_n(p, __ATOMIC_RELAXED);                                               \
            while (!__atomic_compare_exchange_n(p, &old, combine_##T(op, type, old, v, cmp), 1,         \
                                                __ATOMIC_SEQ_CST, __ATOMIC_RELAXED)) {                  \
            }                                                                                           \
            return old;                                                                                 \
        }                                                                                               \
        }                                                                                               \
    }                                                                                                   \
    static void lanes_##T(uint32_t op, uint32_t type, uint32_t mask, int shared, const uint64_t *addresses, \
                          const T *values, const T *compares, T *olds) {                                \
        for (; shared && mask; mask &= mask - 1) { /* the warps of a CTA share one thread */            \
            int l = __builtin_ctz(mask);                                                                \
            T *p = (T *)(uintptr_t)addresses[l], old = *p;                                              \
            *p = op == ADD ? (T)(old + values[l])                                                       \
                           : combine_##T(op, type, old, values[l], compares ? compares[l] : 0);         \
            if (olds) olds[l] = old;                                                                    \
        }                                                                                               \
        for (; mask; mask &= mask - 1) {                                                                \
            int l = __builtin_ctz(mask);                                                                \
            T old = apply_##T((T *)(uintptr_t)addresses[l], op, type, values[l], compares ? compares[l] : 0); \
            if (olds) olds[l] = old;                                                                    \
        }                                                                                               \
    }

COMBINE(uint32_t, int32_t)
COMBINE(uint64_t, int64_t)
COMBINE(uint16_t, int16_t)
COMBINE(uint8_t, int8_t)

void maf_rt_atomic(struct maf_warp *w, uint32_t code, uint32_t mask, const uint64_t *addresses, const void *values,
                   const void *compares, void *olds) {
    (void)w;
    uint32_t op = code & 255, type = code >> 8 & 255;
    int shared = (code & MAF_ATOMIC_SHARED) != 0;
    switch (type) {
    case I64:
    case F64: lanes_uint64_t(op, type, mask, shared, addresses, values, compares, olds); break;
    case I16: lanes_uint16_t(op, type, mask, shared, addresses, values, compares, olds); break;
    case I8: lanes_uint8_t(op, type, mask, shared, addresses, values, compares, olds); break;
    default: lanes_uint32_t(op, type, mask, shared, addresses, values, compares, olds);
    }
}

/* --- addresses of one lane ----------------------------------------------------------------------- */

static uint64_t pair(uint32_t (*args)[MAF_WARP], int n, int lane) {
    return args[n][lane] | (uint64_t)args[n + 1][lane] << 32;
}

/* Reads size (a multiple of 4) bytes at a generic address of one lane. */
static void read_generic(struct maf_warp *w, int lane, uint64_t address, void *out, size_t size) {
    uint32_t high = (uint32_t)(address >> 32), low = (uint32_t)address;
    for (size_t i = 0; i < size; i += 4) {
        const uint8_t *p = (const uint8_t *)(uintptr_t)(address + i);
        if (high == MAF_SHARED_HI) p = w->shared + low + i;
        if (high == MAF_LOCAL_HI) p = w->local + (((uint64_t)low + i) & ~3ull) * 32 + 4 * (unsigned)lane;
        memcpy((char *)out + i, p, 4);
    }
}

/* A copy of the string at a generic address, at most size - 1 bytes. */
static const char *string_at(struct maf_warp *w, int lane, uint64_t address, char *out, size_t size) {
    size_t n = 0;
    uint32_t high = (uint32_t)(address >> 32);
    if (!address) return "(null)";
    if (high != MAF_SHARED_HI && high != MAF_LOCAL_HI) {
        snprintf(out, size, "%s", (const char *)(uintptr_t)address);
        return out;
    }
    while (n + 1 < size) {
        uint32_t word;
        read_generic(w, lane, (address + n) & ~3ull, &word, 4);
        char c = (char)(word >> 8 * ((address + n) & 3));
        if (!c) break;
        out[n++] = c;
    }
    out[n] = 0;
    return out;
}

static void thread_index(const struct maf_warp *w, int lane, int32_t out[3]) {
    for (int k = 0; k < 3; k++) out[k] = w->tid[32 * k + lane];
}

/* --- printf ---------------------------------------------------------------------------------------- */

struct text {
    char *data;
    size_t used, size;
};

static void append(struct text *t, const char *data, size_t n) {
    if (t->used + n > t->size) {
        size_t size = (t->used + n) * 2 + 256;
        char *grown = realloc(t->data, size);
        if (!grown) return;
        t->data = grown;
        t->size = size;
    }
    memcpy(t->data + t->used, data, n);
    t->used += n;
}

/* Formats one lane's call. Arguments are packed in the buffer with their natural alignment (CUDA ABI of vprintf).
 * Returns the number of arguments. */
static int format_lane(struct maf_warp *w, int lane, uint64_t format, uint64_t args, struct text *out) {
    char copy[4096], piece[4352], text[4096];
    const char *f = string_at(w, lane, format, copy, sizeof copy);
    uint64_t at = args;
    int count = 0;
    while (*f) {
        const char *percent = strchr(f, '%');
        if (!percent) {
            append(out, f, strlen(f));
            break;
        }
        append(out, f, (size_t)(percent - f));
        char spec[64];
        size_t n = 0;
        spec[n++] = '%';
        const char *p = percent + 1;
        int wide = 0;
        while (*p && strchr("-+ #0123456789.*", *p)) {
            if (*p == '*') {
                int32_t value;
                read_generic(w, lane, at, &value, 4);
                at += 4;
                count++;
                n += (size_t)snprintf(spec + n, sizeof spec - n, "%d", value);
                if (n > 40) n = 40;
                p++;
                continue;
            }
            if (n < 40) spec[n++] = *p;
            p++;
        }
        while (*p && strchr("hlLjzt", *p)) {
            if (*p == 'l' || *p == 'j' || *p == 'z' || *p == 't') wide = 1;
            if (*p == 'h') spec[n++] = 'h';
            p++;
        }
        char c = *p;
        if (!c) break;
        f = p + 1;
        int length = 0;
        if (c == '%') {
            append(out, "%", 1);
            continue;
        }
        if (strchr("diouxXc", c)) {
            uint64_t value = 0;
            if (wide) {
                at = (at + 7) & ~7ull;
                read_generic(w, lane, at, &value, 8);
                spec[n++] = 'l';
                spec[n++] = 'l';
            } else {
                read_generic(w, lane, at, &value, 4);
            }
            at += wide ? 8 : 4;
            spec[n++] = c;
            spec[n] = 0;
            length = wide ? snprintf(piece, sizeof piece, spec, (long long)value)
                          : snprintf(piece, sizeof piece, spec, (int)value);
        } else if (strchr("fFeEgGaA", c)) {
            double value;
            at = (at + 7) & ~7ull;
            read_generic(w, lane, at, &value, 8);
            at += 8;
            spec[n++] = c;
            spec[n] = 0;
            length = snprintf(piece, sizeof piece, spec, value);
        } else if (c == 's' || c == 'p') {
            uint64_t value;
            at = (at + 7) & ~7ull;
            read_generic(w, lane, at, &value, 8);
            at += 8;
            spec[n++] = c;
            spec[n] = 0;
            length = c == 's' ? snprintf(piece, sizeof piece, spec, string_at(w, lane, value, text, sizeof text))
                              : snprintf(piece, sizeof piece, spec, (void *)(uintptr_t)value);
        } else {
            append(out, percent, (size_t)(f - percent));
            continue;
        }
        count++;
        if (length > 0) append(out, piece, (size_t)length < sizeof piece ? (size_t)length : sizeof piece - 1);
    }
    return count;
}

void maf_rt_print(struct maf_warp *w, uint32_t mask, uint32_t (*args)[MAF_WARP]) {
    struct text out = {0};
    for (uint32_t m = mask; m; m &= m - 1) {
        int l = __builtin_ctz(m);
        args[0][l] = (uint32_t)format_lane(w, l, pair(args, 0, l), pair(args, 2, l), &out);
    }
    fwrite(out.data, 1, out.used, stdout);
    fflush(stdout);
    free(out.data);
}

void maf_rt_assert_text(struct maf_warp *w, uint32_t mask, uint32_t (*args)[MAF_WARP]) {
    struct text out = {0};
    for (uint32_t m = mask; m; m &= m - 1) {
        int l = __builtin_ctz(m);
        char message[1024], file[1024], function[1024], line[4096];
        int32_t tid[3];
        thread_index(w, l, tid);
        string_at(w, l, pair(args, 0, l), message, sizeof message);
        string_at(w, l, pair(args, 2, l), file, sizeof file);
        string_at(w, l, pair(args, 6, l), function, sizeof function);
        int n = snprintf(line, sizeof line, "%s:%u: %s: block: [%u,%u,%u], thread: [%d,%d,%d] Assertion `%s` failed.\n",
                         file, args[4][l], function, w->ctaid[0], w->ctaid[1], w->ctaid[2], tid[0], tid[1], tid[2],
                         message);
        append(&out, line, (size_t)n < sizeof line ? (size_t)n : sizeof line - 1);
    }
    fwrite(out.data, 1, out.used, stderr);
    fflush(stderr);
    free(out.data);
}
