/* Overrides of kernels with a block of threads per row: see struct maf_rows in override.h. A launch is cut into rows for the
 * launch pool. Loops whose input may be their output, element by element, say so (ivdep). */
#ifndef MAF_OVERRIDE_ROWS_H
#define MAF_OVERRIDE_ROWS_H

#include "vector_rows.h"

#include "core.h"

#include "cpu_launch.h"
#include "op_convert.h"
#include "override.h"

enum { SUM_BLOCK = 1024 };

/* A launch over rows. A task's scratch holds `buffers` rows. */
struct rows {
    const struct maf_rows *o;
    int64_t n; /* elements of a row */
    int buffers;
    void (*task)(const struct rows *, uint64_t begin, uint64_t end, float *scratch);
    const void *params;
    int error;
};

/* Runs the task over the rows of a grid with one block each: MAF_OVERRIDE_DECLINED, 0 or a cudaError_t value. */
int maf_rows_launch(struct rows *r, const uint32_t grid[3]);

/* Row `row` of a packed matrix, in place where it holds floats, else converted into `buffer`. */
const float *maf_rows_read(const struct rows *r, int64_t type, uint64_t base, uint64_t row, float *buffer);

/* Where to compute a row of the output: its place where it holds floats, else `buffer`, which maf_rows_write stores. */
float *maf_rows_output(const struct rows *r, uint64_t base, uint64_t row, float *buffer);
void maf_rows_write(const struct rows *r, uint64_t base, uint64_t row, const float *from);

/* Blocks of m elements from i on, over [0, n): their sums are floats, the sum of these a double. */
#define FOR_BLOCKS(i, m, n) for (int64_t i = 0, m; (m = n - i < SUM_BLOCK ? n - i : SUM_BLOCK) > 0; i += m)

#endif
