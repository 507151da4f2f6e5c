/* Textures and surfaces: what TEX, TLD, TLD4, TXD, TXQ, SULD, SUST and SURED do for the lanes of a warp.
 *
 * Arithmetic as the CUDA C++ Programming Guide's chapter "Texture Fetching" says: linear filtering at x - 0.5 with weights
 * of 8 fractional bits, coordinates that wrap or mirror only where they are normalized. */
#define _GNU_SOURCE
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "cpu_texture.h"
#include "cpu_warp.h"
#include "protocol.h"

enum { TABLE_ENTRIES = 1 << 20 };
enum { SIGNED = 0, UNSIGNED = 1, FLOATING = 2 };
enum { WRAP = 0, CLAMP = 1, MIRROR = 2, BORDER = 3 };

static struct maf_texture *table;

int maf_texture_set(uint32_t index, const struct maf_texture *t) {
    if (index >= TABLE_ENTRIES || t->levels > MAF_TEXTURE_LEVELS || !t->element || !t->channels) return -1;
    if (!table) {
        void *p = mmap(NULL, sizeof *table * TABLE_ENTRIES, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (p == MAP_FAILED) return -1;
        table = p;
    }
    table[index] = *t;
    return 0;
}

/* One mip level. */
struct image {
    const struct maf_texture *t;
    uint64_t address, pitch, slice;
    int64_t width, height, depth;
};

static int64_t shrink(uint32_t size, uint32_t level) {
    uint32_t n = size >> level;
    return n ? n : 1;
}

static struct image image_of(const struct maf_texture *t, uint32_t level) {
    struct image m = {t, t->address[level], t->pitch, t->slice, shrink(t->width, level), shrink(t->height, level), 0};
    m.depth = t->flags & MAF_TEXTURE_LAYERED ? t->depth : shrink(t->depth, level);
    if (level) { /* as the client lays out the levels of an array */
        m.pitch = (uint64_t)(m.width * t->element + 31) & ~31ull;
        m.slice = m.pitch * (uint64_t)m.height;
    }
    return m;
}

static float half_to_float(uint16_t h) {
    uint32_t sign = (uint32_t)(h & 0x8000) << 16, e = h >> 10 & 31, f = h & 1023;
    uint32_t bits = e == 31 ? 0x7f800000 | f << 13 : (e + 112) << 23 | f << 13;
    float v;
    if (e == 0) {
        v = (float)f * 0x1p-24f;
        return sign ? -v : v;
    }
    bits |= sign;
    memcpy(&v, &bits, 4);
    return v;
}

static float linear_of(float v) { /* sRGB to linear (IEC 61966-2-1) */
    return v <= 0.04045f ? v / 12.92f : powf((v + 0.055f) / 1.055f, 2.4f);
}

/* A texel's four components as 32-bit patterns; absent ones are 0, and 1 for the fourth of a colour read as floats. */
static void fetch(const struct image *m, int64_t x, int64_t y, int64_t z, uint32_t out[4]) {
    const struct maf_texture *t = m->t;
    const uint8_t *p = (const uint8_t *)(uintptr_t)m->address + (uint64_t)z * m->slice + (uint64_t)y * m->pitch +
                       (uint64_t)x * t->element;
    uint32_t size = t->element / t->channels;
    for (uint32_t c = 0; c < 4; c++) {
        uint32_t raw = 0;
        float f = 0;
        if (c >= t->channels) {
            out[c] = 0;
            continue;
        }
        memcpy(&raw, p + c * size, size);
        if (t->kind == FLOATING) {
            if (size == 2) {
                f = half_to_float((uint16_t)raw);
                memcpy(&raw, &f, 4);
            }
            out[c] = raw;
            continue;
        }
        unsigned bits = 8 * size;
        int32_t value = t->kind == SIGNED ? (int32_t)(raw << (32 - bits)) >> (32 - bits) : (int32_t)raw;
        if (t->flags & MAF_TEXTURE_NORMALIZED_READ) {
            f = t->kind == SIGNED ? fmaxf((float)value / (float)((1u << (bits - 1)) - 1), -1.0f)
                                  : (float)raw / (float)((1u << bits) - 1);
            if (t->flags & MAF_TEXTURE_SRGB && c < 3) f = linear_of(f);
            memcpy(&out[c], &f, 4);
        } else {
            out[c] = (uint32_t)value;
        }
    }
}

/* The texel that an index stands for, -1 for the border. */
static int64_t place(int64_t i, int64_t size, uint32_t mode) {
    if (i >= 0 && i < size) return i;
    switch (mode) {
    case WRAP: return ((i % size) + size) % size;
    case MIRROR: {
        int64_t k = ((i % (2 * size)) + 2 * size) % (2 * size);
        return k < size ? k : 2 * size - 1 - k;
    }
    case CLAMP: return i < 0 ? 0 : size - 1;
    default: return -1;
    }
}

static uint32_t mode_of(const struct maf_texture *t, int axis) {
    uint32_t mode = t->mode[axis];
    return (mode == WRAP || mode == MIRROR) && !(t->flags & MAF_TEXTURE_NORMALIZED) ? CLAMP : mode;
}

static void texel(const struct image *m, int64_t x, int64_t y, int64_t z, uint32_t out[4]) {
    const struct maf_texture *t = m->t;
    x = place(x, m->width, mode_of(t, 0));
    y = t->height ? place(y, m->height, mode_of(t, 1)) : 0;
    if (!(t->flags & MAF_TEXTURE_LAYERED)) z = t->depth ? place(z, m->depth, mode_of(t, 2)) : 0;
    if (x < 0 || y < 0 || z < 0) {
        int floats = t->kind == FLOATING || t->flags & MAF_TEXTURE_NORMALIZED_READ;
        for (int c = 0; c < 4; c++) {
            if (floats)
                memcpy(&out[c], &t->border[c], 4);
            else
                out[c] = (uint32_t)(int32_t)t->border[c];
            if ((uint32_t)c >= t->channels) out[c] = 0;
        }
        return;
    }
    fetch(m, x, y, z, out);
}

/* A coordinate in texels, kept in the range of indices; NaN is 0. */
static double scaled(const struct image *m, float x, int64_t size) {
    double v = m->t->flags & MAF_TEXTURE_NORMALIZED ? (double)x * (double)size : x;
    return v != v ? 0 : v > 1e9 ? 1e9 : v < -1e9 ? -1e9 : v;
}

/* Lower texel and weight of the upper one in 1/256. */
static int64_t split(double x, uint32_t *weight) {
    double b = x - 0.5, f = floor(b);
    int64_t i = (int64_t)f;
    *weight = (uint32_t)((b - f) * 256 + 0.5);
    if (*weight == 256) i++, *weight = 0;
    return i;
}

static void filtered(const struct image *m, double x, double y, double z, int64_t layer, uint32_t out[4]) {
    const struct maf_texture *t = m->t;
    int volume = !(t->flags & MAF_TEXTURE_LAYERED) && t->depth;
    if (!(t->flags & MAF_TEXTURE_LINEAR)) {
        texel(m, (int64_t)floor(x), (int64_t)floor(y), volume ? (int64_t)floor(z) : layer, out);
        return;
    }
    uint32_t a, b = 0, c = 0;
    int64_t i = split(x, &a), j = t->height ? split(y, &b) : 0, k = volume ? split(z, &c) : layer;
    float sum[4] = {0, 0, 0, 0};
    for (unsigned n = 0; n < 8; n++) {
        float w = (float)(n & 1 ? a : 256 - a) * (float)(n & 2 ? b : 256 - b) * (float)(n & 4 ? c : 256 - c);
        if (w == 0) continue;
        uint32_t raw[4];
        texel(m, i + (n & 1), j + (n >> 1 & 1), k + (n >> 2 & 1), raw);
        for (int q = 0; q < 4; q++) {
            float v;
            memcpy(&v, &raw[q], 4);
            sum[q] += w * v;
        }
    }
    for (int q = 0; q < 4; q++) {
        float v = sum[q] * 0x1p-24f;
        memcpy(&out[q], &v, 4);
    }
}

/* Face of a cube and the coordinates on it, of 0 to 1. */
static int face_of(float x, float y, float z, float *s, float *t) {
    float ax = fabsf(x), ay = fabsf(y), az = fabsf(z), m, u, v;
    int face;
    if (ax >= ay && ax >= az)
        face = x < 0, m = ax, u = x < 0 ? z : -z, v = -y;
    else if (ay >= az)
        face = 2 + (y < 0), m = ay, u = x, v = y < 0 ? -z : z;
    else
        face = 4 + (z < 0), m = az, u = z < 0 ? -x : x, v = -y;
    *s = (u / m + 1) / 2;
    *t = (v / m + 1) / 2;
    return face;
}

static float bits_float(uint32_t v) {
    float f;
    memcpy(&f, &v, 4);
    return f;
}

struct sample {
    float x, y, z;
    int64_t layer;
    float lod;
};

static void one_level(const struct maf_texture *t, uint32_t level, const struct sample *s, uint32_t out[4]) {
    struct image m = image_of(t, level);
    filtered(&m, scaled(&m, s->x, m.width), scaled(&m, s->y, m.height), scaled(&m, s->z, m.depth), s->layer, out);
}

static void sample(const struct maf_texture *t, const struct sample *s, uint32_t out[4]) {
    float top = (float)(t->levels ? t->levels - 1 : 0), lod = s->lod + t->lod_bias;
    lod = fminf(fmaxf(lod, t->lod_low), t->lod_high);
    lod = lod > 0 ? fminf(lod, top) : 0;
    if (!(t->flags & MAF_TEXTURE_MIP_LINEAR)) {
        one_level(t, (uint32_t)(lod + 0.5f), s, out);
        return;
    }
    uint32_t level = (uint32_t)lod, w = (uint32_t)((lod - (float)level) * 256 + 0.5f), upper[4];
    one_level(t, level, s, out);
    if (!w) return;
    one_level(t, level + 1, s, upper);
    for (int c = 0; c < 4; c++) {
        float v = (bits_float(out[c]) * (float)(256 - w) + bits_float(upper[c]) * (float)w) / 256;
        memcpy(&out[c], &v, 4);
    }
}

static void gather(const struct maf_texture *t, const struct sample *s, uint32_t component, uint32_t out[4]) {
    static const int8_t dx[4] = {0, 1, 1, 0}, dy[4] = {1, 1, 0, 0};
    struct image m = image_of(t, 0);
    uint32_t raw[4];
    int64_t i = (int64_t)floor(scaled(&m, s->x, m.width) - 0.5), j = (int64_t)floor(scaled(&m, s->y, m.height) - 0.5);
    for (int n = 0; n < 4; n++) {
        texel(&m, i + dx[n], j + dy[n], s->layer, raw);
        out[n] = raw[component];
    }
}

/* TLD: integer coordinates; outside there are zeros. */
static void load(const struct maf_texture *t, const uint32_t *x, uint32_t layer, uint32_t level, uint32_t out[4]) {
    struct image m = image_of(t, level < t->levels ? level : 0);
    memset(out, 0, 16);
    int layered = t->flags & MAF_TEXTURE_LAYERED;
    if ((int64_t)x[0] >= m.width || (t->height && (int64_t)x[1] >= m.height) ||
        (!layered && t->depth && (int64_t)x[2] >= m.depth))
        return;
    fetch(&m, x[0], t->height ? x[1] : 0, layered ? layer : t->depth ? x[2] : 0, out);
}

/* log2 of the longer of the two steps, in texels. args: dx/dX dx/dY dy/dX dy/dY. */
static float level_of(const struct maf_texture *t, const float d[4]) {
    int normalized = t->flags & MAF_TEXTURE_NORMALIZED;
    float w = normalized ? (float)t->width : 1, h = normalized ? (float)t->height : 1;
    float a = hypotf(d[0] * w, d[2] * h), b = hypotf(d[1] * w, d[3] * h);
    return log2f(fmaxf(a, b));
}

static int has_x_only(uint32_t dimension) { return dimension == MAF_DIM_1D || dimension == MAF_DIM_1D_ARRAY; }

static int is_array(uint32_t d) { return d == MAF_DIM_1D_ARRAY || d == MAF_DIM_2D_ARRAY || d == MAF_DIM_CUBE_ARRAY; }

static void read_lane(const struct maf_texture *t, uint32_t code, uint32_t (*args)[MAF_WARP], int l, uint32_t out[4]) {
    uint32_t op = code & 15, dimension = code >> 4 & 15;
    int64_t layers = t->flags & MAF_TEXTURE_LAYERED ? t->depth : 1;
    int64_t layer = is_array(dimension) ? args[MAF_ARG_LAYER][l] & 0xffff : 0;
    if (op == MAF_TEX_QUERY) {
        out[0] = t->width, out[1] = t->height, out[2] = t->depth, out[3] = t->levels ? t->levels : 1;
        return;
    }
    if (op == MAF_TEX_LOAD) {
        uint32_t x[3] = {args[0][l], args[1][l], args[2][l]};
        load(t, x, (uint32_t)(layer < layers ? layer : layers - 1), args[MAF_ARG_LOD][l], out);
        return;
    }
    struct sample s = {bits_float(args[0][l]), has_x_only(dimension) ? 0 : bits_float(args[1][l]), 0, layer, 0};
    if (dimension == MAF_DIM_3D) s.z = bits_float(args[2][l]);
    if (dimension == MAF_DIM_CUBE || dimension == MAF_DIM_CUBE_ARRAY)
        s.layer = 6 * layer + face_of(s.x, s.y, bits_float(args[2][l]), &s.x, &s.y);
    if (s.layer >= layers) s.layer = layers - 1;
    if (op == MAF_TEX_GATHER) {
        gather(t, &s, code >> 8 & 3, out);
        return;
    }
    if (op == MAF_TEX_GRADIENT) {
        float d[4];
        for (int k = 0; k < 4; k++) d[k] = bits_float(args[MAF_ARG_DATA + k][l]);
        if (has_x_only(dimension)) d[2] = d[3] = 0;
        s.lod = level_of(t, d);
    } else {
        s.lod = bits_float(args[MAF_ARG_LOD][l]);
    }
    sample(t, &s, out);
}

/* Address of a surface's element, 0 where there is none, -1: the access traps. */
static int64_t surface_place(const struct maf_texture *t, uint32_t code, uint32_t (*args)[MAF_WARP], int l, uint32_t size) {
    uint32_t dimension = code >> 4 & 15, boundary = code >> 8 & 3;
    int64_t limit[3] = {(int64_t)t->width * t->element - size, t->height ? (int64_t)t->height - 1 : 0,
                        t->depth ? (int64_t)t->depth - 1 : 0};
    int64_t at[3] = {(int32_t)args[0][l], 0, 0};
    if (!has_x_only(dimension)) at[1] = (int32_t)args[1][l];
    if (dimension == MAF_DIM_3D) at[2] = (int32_t)args[2][l];
    if (is_array(dimension)) at[2] = (int32_t)args[MAF_ARG_LAYER][l];
    if (at[0] % size || limit[0] < 0) return -1;
    for (int k = 0; k < 3; k++) {
        if (at[k] >= 0 && at[k] <= limit[k]) continue;
        if (boundary == MAF_SURFACE_ZERO) return 0;
        if (boundary == MAF_SURFACE_TRAP) return -1;
        at[k] = at[k] < 0 ? 0 : limit[k];
    }
    return (int64_t)(t->address[0] + (uint64_t)at[2] * t->slice + (uint64_t)at[1] * t->pitch + (uint64_t)at[0]);
}

static const char *surface(const struct maf_texture *t, uint32_t code, uint32_t (*args)[MAF_WARP], int l, uint32_t out[4],
                           uint64_t *atomic) {
    uint32_t op = code & 15, size = 1u << (code >> 10 & 7);
    int64_t p = surface_place(t, code, args, l, size);
    if (p < 0) return "a surface access outside its array";
    *atomic = (uint64_t)p;
    if (op == MAF_SURFACE_LOAD) {
        memset(out, 0, 16);
        if (p) memcpy(out, (const void *)(uintptr_t)p, size);
    } else if (op == MAF_SURFACE_STORE && p) {
        uint32_t data[4];
        for (int k = 0; k < 4; k++) data[k] = args[MAF_ARG_DATA + k][l];
        memcpy((void *)(uintptr_t)p, data, size);
    }
    return NULL;
}

const char *maf_texture_run(uint32_t code, uint32_t mask, const uint32_t *handles, uint32_t (*args)[MAF_WARP],
                            uint32_t (*out)[MAF_WARP]) {
    uint32_t op = code & 15, found = 0;
    uint64_t places[MAF_WARP];
    for (uint32_t m = mask; m; m &= m - 1) {
        int l = __builtin_ctz(m);
        uint32_t index = handles[l], result[4] = {0, 0, 0, 0};
        const struct maf_texture *t = table && index < TABLE_ENTRIES ? &table[index] : NULL;
        if (!t || !t->element) return "a texture or surface that does not exist";
        int is_surface = op >= MAF_SURFACE_LOAD;
        if (((t->flags & MAF_TEXTURE_SURFACE) != 0) != is_surface) return "a texture used as a surface, or the reverse";
        if (is_surface) {
            const char *error = surface(t, code, args, l, result, &places[l]);
            if (error) return error;
            if (places[l]) found |= 1u << l;
        } else {
            read_lane(t, code, args, l, result);
        }
        for (int c = 0; c < 4; c++) out[c][l] = result[c];
    }
    if (op == MAF_SURFACE_REDUCE && found) {
        uint64_t values[MAF_WARP];
        uint32_t atomic = code >> 16;
        int wide = (atomic >> 8 & 255) == 1;
        for (int l = 0; l < MAF_WARP; l++) {
            uint32_t *narrow = (uint32_t *)values;
            if (wide)
                values[l] = args[MAF_ARG_DATA][l] | (uint64_t)args[MAF_ARG_DATA + 1][l] << 32;
            else
                narrow[l] = args[MAF_ARG_DATA][l];
        }
        maf_rt_atomic(NULL, atomic, found, places, values, NULL, NULL);
    }
    return NULL;
}
