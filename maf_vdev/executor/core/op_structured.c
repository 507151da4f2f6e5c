/* See op_structured.h. A row along the inner dimension is one unit of work; pruning by tiles takes a row of tiles. */

#pragma GCC optimize("O3")

#include <math.h>
#include <string.h>

#include "core.h"

#include "cpu_launch.h"
#include "op_convert.h"
#include "op_structured.h"

enum { DENSE, OTHER, SPAN_MAX = 16, GROUP_MAX = 4, FIRST_OF_TWO = 4, SECOND_OF_TWO = 14, TASK = 1 << 15 };

struct run {
    const struct maf_structured *plan;
    const uint64_t *ptrs;
    int64_t bytes; /* of an element */
    int64_t group;
    int64_t kept;
    int64_t span; /* dense elements whose places one 16-bit word holds */
    int64_t words; /* per row */
    int64_t compressed_bytes; /* of one matrix */
    int wrong;
};

static uint32_t get(const char *p, int64_t bytes)
{
    uint32_t value = 0;
    memcpy(&value, p, (size_t)bytes);
    return value;
}

/* Minus zero is a zero of a floating-point type. */
static int is_zero(const struct run *r, uint32_t bits)
{
    return r->bytes == 4 ? !(bits << 1) : r->bytes == 2 ? !(bits & 0x7fff) : !bits;
}

static char *dense_at(const struct run *r, int64_t matrix, int64_t row)
{
    const struct maf_structured *p = r->plan;
    return (char *)(uintptr_t)r->ptrs[DENSE] + (matrix * p->stride + row * p->outer_stride) * r->bytes;
}

/* Number of the word that holds the places of elements [span * word, ...) of a row. */
static int64_t word_index(const struct run *r, int64_t row, int64_t word)
{
    const struct maf_structured *p = r->plan;
    if (r->bytes != 2 || p->outer % 128 || p->inner % 64)
        return row * r->words + word;
    int64_t col = word * 16;
    return row / 128 * 512 + col / 64 * 512 * (p->outer / 128) + row % 128 / 32 * 64 + col % 64 / 32 * 256 +
           (row % 8 * 4 + row % 32 / 16 * 2 + col % 32 / 16) * 2 + row % 16 / 8;
}

static void compress_row(const struct run *r, int64_t matrix, int64_t row)
{
    const struct maf_structured *p = r->plan;
    const char *from = dense_at(r, matrix, row);
    char *base = (char *)(uintptr_t)r->ptrs[OTHER] + matrix * r->compressed_bytes;
    char *values = base + row * (p->inner / 2) * r->bytes;
    uint16_t *places = (uint16_t *)(void *)(base + p->outer * (p->inner / 2) * r->bytes);
    int64_t step = p->inner_stride * r->bytes;
    for (int64_t word = 0; word < r->words; word++) {
        unsigned packed = 0;
        int shift = 0;
        for (int64_t g = word * r->span; g < (word + 1) * r->span; g += r->group) {
            uint32_t x[GROUP_MAX];
            int at[2] = {0, 1}, found = 0;
            for (int i = 0; i < r->group; i++) {
                x[i] = get(from + (g + i) * step, r->bytes);
                if (!is_zero(r, x[i]) && found < r->kept)
                    at[found++] = i;
            }
            if (r->kept == 2 && found == 1) { /* ascending, the other one a zero */
                at[1] = 3;
                if (at[0] == 3)
                    at[0] = 0;
            }
            for (int i = 0; i < r->kept; i++) {
                memcpy(values, &x[at[i]], (size_t)r->bytes);
                values += r->bytes;
                unsigned place = r->kept == 2 ? (unsigned)at[i] : at[0] ? SECOND_OF_TWO : FIRST_OF_TWO;
                packed |= place << shift;
                shift += r->kept == 2 ? 2 : 4;
            }
        }
        places[word_index(r, row, word)] = (uint16_t)packed;
    }
}

static void expand_row(const struct run *r, int64_t matrix, int64_t row)
{
    const struct maf_structured *p = r->plan;
    char *to = dense_at(r, matrix, row);
    const char *base = (const char *)(uintptr_t)r->ptrs[OTHER] + matrix * r->compressed_bytes;
    const char *values = base + row * (p->inner / 2) * r->bytes;
    const uint16_t *places = (const uint16_t *)(const void *)(base + p->outer * (p->inner / 2) * r->bytes);
    int64_t step = p->inner_stride * r->bytes;
    uint32_t zero = 0;
    for (int64_t word = 0; word < r->words; word++) {
        unsigned packed = places[word_index(r, row, word)];
        for (int64_t g = word * r->span; g < (word + 1) * r->span; g += r->group) {
            for (int i = 0; i < r->group; i++)
                memcpy(to + (g + i) * step, &zero, (size_t)r->bytes);
            for (int i = 0; i < r->kept; i++) {
                uint32_t x = get(values, r->bytes);
                int64_t place = r->kept == 2 ? packed & 3 : (packed & 15) == SECOND_OF_TWO;
                packed >>= r->kept == 2 ? 2 : 4;
                values += r->bytes;
                if (!is_zero(r, x)) /* two places may be the same where one of the values is a zero */
                    memcpy(to + (g + place) * step, &x, (size_t)r->bytes);
            }
        }
    }
}

static float magnitude(const struct run *r, const char *p)
{
    float value = 0;
    if (r->bytes == 1)
        return fabsf((float)*(const int8_t *)(const void *)p);
    maf_load_floats(&value, r->plan->type, p, 1, 1);
    return isnan(value) ? INFINITY : fabsf(value);
}

static void put(const struct run *r, int64_t matrix, int64_t row, int64_t col, int keep)
{
    const struct maf_structured *p = r->plan;
    int64_t offset = (matrix * p->stride + row * p->outer_stride + col * p->inner_stride) * r->bytes;
    uint32_t x = keep ? get((const char *)(uintptr_t)r->ptrs[DENSE] + offset, r->bytes) : 0;
    memcpy((char *)(uintptr_t)r->ptrs[OTHER] + offset, &x, (size_t)r->bytes);
}

static void prune_row(const struct run *r, int64_t matrix, int64_t row)
{
    const struct maf_structured *p = r->plan;
    const char *from = dense_at(r, matrix, row);
    for (int64_t g = 0; g < p->inner; g += r->group) {
        float size[GROUP_MAX];
        for (int i = 0; i < r->group; i++)
            size[i] = magnitude(r, from + (g + i) * p->inner_stride * r->bytes);
        for (int i = 0; i < r->group; i++) {
            int larger = 0;
            for (int j = 0; j < r->group; j++)
                larger += size[j] > size[i] || (size[j] == size[i] && j < i);
            put(r, matrix, row, g + i, larger < r->kept);
        }
    }
}

/* The best of the square patterns with `kept` elements in each row and column, by the sum of magnitudes. */
static void prune_tiles(const struct run *r, int64_t matrix, int64_t row)
{
    static const uint8_t two_of_four[] = {3, 5, 6, 9, 10, 12}, one_of_two[] = {1, 2};
    const uint8_t *choices = r->group == 4 ? two_of_four : one_of_two;
    int count = r->group == 4 ? 6 : 2, n = (int)r->group;
    for (int64_t g = 0; g < r->plan->inner; g += n) {
        float value[GROUP_MAX][6], best = -1;
        uint8_t pattern[GROUP_MAX] = {0};
        for (int i = 0; i < n; i++) {
            const char *from = dense_at(r, matrix, row + i) + g * r->plan->inner_stride * r->bytes;
            for (int c = 0; c < count; c++) {
                value[i][c] = 0;
                for (int j = 0; j < n; j++)
                    if (choices[c] >> j & 1)
                        value[i][c] += magnitude(r, from + j * r->plan->inner_stride * r->bytes);
            }
        }
        int total = n == 4 ? 6 * 6 * 6 * 6 : 2 * 2;
        for (int number = 0; number < total; number++) {
            int columns[GROUP_MAX] = {0}, chosen[GROUP_MAX], rest = number, fits = 1;
            float sum = 0;
            for (int i = 0; i < n; i++, rest /= count) {
                chosen[i] = rest % count;
                sum += value[i][chosen[i]];
                for (int j = 0; j < n; j++)
                    columns[j] += choices[chosen[i]] >> j & 1;
            }
            for (int j = 0; j < n; j++)
                fits &= columns[j] == r->kept;
            if (fits && sum > best) {
                best = sum;
                for (int i = 0; i < n; i++)
                    pattern[i] = choices[chosen[i]];
            }
        }
        for (int i = 0; i < n; i++)
            for (int j = 0; j < n; j++)
                put(r, matrix, row + i, g + j, pattern[i] >> j & 1);
    }
}

static int row_is_wrong(const struct run *r, int64_t matrix, int64_t row)
{
    const struct maf_structured *p = r->plan;
    const char *from = dense_at(r, matrix, row);
    for (int64_t g = 0; g < p->inner; g += r->group) {
        int64_t found = 0;
        for (int i = 0; i < r->group; i++)
            found += !is_zero(r, get(from + (g + i) * p->inner_stride * r->bytes, r->bytes));
        if (found > r->kept)
            return 1;
    }
    return 0;
}

static void run_range(void *arg, uint64_t begin, uint64_t end)
{
    struct run *r = arg;
    int64_t height = r->plan->routine == MAF_STRUCTURED_PRUNE && r->plan->tiles ? r->group : 1;
    int64_t per_matrix = r->plan->outer / height;
    for (int64_t i = (int64_t)begin; i < (int64_t)end; i++) {
        int64_t matrix = i / per_matrix, row = i % per_matrix * height;
        switch (r->plan->routine) {
        case MAF_STRUCTURED_COMPRESS:
            compress_row(r, matrix, row);
            break;
        case MAF_STRUCTURED_EXPAND:
            expand_row(r, matrix, row);
            break;
        case MAF_STRUCTURED_PRUNE:
            (r->plan->tiles ? prune_tiles : prune_row)(r, matrix, row);
            break;
        default:
            if (row_is_wrong(r, matrix, row))
                __atomic_store_n(&r->wrong, 1, __ATOMIC_RELAXED);
        }
    }
}

int maf_structured_run(void *closure, const uint64_t *ptrs, const void *scalars)
{
    const struct maf_structured *p = closure;
    struct run r = {.plan = p, .ptrs = ptrs, .bytes = maf_type_bytes(p->type)};
    (void)scalars;
    r.group = r.bytes == 4 ? 2 : 4;
    r.kept = r.group / 2;
    r.span = r.bytes == 4 ? 8 : 16;
    r.words = p->inner / r.span;
    r.compressed_bytes = p->outer * (p->inner / 2 * r.bytes + r.words * 2);
    int tiles = p->routine == MAF_STRUCTURED_PRUNE && p->tiles;
    uint64_t units = (uint64_t)(p->batch * p->outer / (tiles ? r.group : 1));
    int64_t cost = p->inner * (tiles ? 128 : 1);
    maf_cpu_parallel_for(units, (uint64_t)(TASK / (cost ? cost : 1) + 1), run_range, &r);
    if (p->routine == MAF_STRUCTURED_CHECK)
        *(int32_t *)(uintptr_t)ptrs[OTHER] = r.wrong;
    return 0;
}
