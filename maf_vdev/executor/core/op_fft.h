/* Discrete Fourier transforms, replayed by the core without Python: a list of passes, each of which transforms all lines
 * of an array along one dimension.
 * Only what a cffi cdef accepts may stand here.
 */

enum maf_fft_kind { MAF_FFT_C2C = 0, MAF_FFT_R2C = 1, MAF_FFT_C2R = 2 };
enum maf_fft_place { MAF_FFT_IN = 0, MAF_FFT_OUT = 1, MAF_FFT_SCRATCH = 2 };

/* A complex transform of `length` numbers: its factors, or by a convolution of `length` smooth numbers (Bluestein). Tables
 * hold real and imaginary parts in the type computed in. */
struct maf_fft_line {
    int64_t length;  /* of the transform that the factors do */
    int64_t factors; /* how many */
    int64_t factor[32];
    const void *twiddles; /* by stage: for each p below the rest, factor - 1 powers */
    const void *roots;    /* of odd factors above 7: for each such stage, factor roots of unity */
    int64_t chirped;      /* length wanted, 0: no convolution */
    const void *chirp;    /* of that many */
    const void *kernel;   /* the chirp's transform, divided by `length` */
};

struct maf_fft_pass {
    int64_t kind;
    int64_t inverse; /* positive exponent */
    int64_t source;  /* enum maf_fft_place */
    int64_t target;
    int64_t n;       /* numbers in a line, real ones if either side is real */
    int64_t outer[4]; /* lines, over up to four dimensions */
    int64_t source_outer[4]; /* elements of the side's own kind, complex or real */
    int64_t target_outer[4];
    int64_t source_step; /* between the numbers of a line */
    int64_t target_step;
    int64_t source_type; /* maf_dtype of the parts */
    int64_t target_type;
    const void *cross; /* powers of the root of unity: output k of line j of the last outer dimension takes power k * j; NULL: none */
    const void *halves; /* exp(-2 pi i k / n), k to n / 2, for real lines of even length */
    struct maf_fft_line line; /* of n, or n / 2 where halves is set */
};

struct maf_fft {
    int64_t wide; /* double, else float */
    int64_t scratch_bytes;
    int64_t staged; /* input bytes to copy first where input and output are the same memory, 0: not needed */
    int64_t passes;
    struct maf_fft_pass step[4];
};

/* ptrs: input output. Returns 0 or a cudaError_t value. */
int maf_fft_run(void *closure, const uint64_t *ptrs, const void *scalars);
