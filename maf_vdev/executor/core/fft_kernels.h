/* Transforms in one type: included once with `real` float and once with double.
 *
 * Several lines are transformed side by side: number j of line l is at j * lanes + l of two arrays, real and imaginary
 * parts. The factors' passes are Stockham's: `stride` results so far, times the lanes, lie next to each other, so that
 * the inner loops run over neighbouring memory with one factor. */

#define LOOP _Pragma("GCC ivdep") for (int64_t i = 0; i < stride; i++)
#define TIMES(re, im, wr, wi, outr, outi)                                                                              \
    do {                                                                                                               \
        real tr_ = re, ti_ = im;                                                                                       \
        outr = tr_ * (wr) - ti_ * (wi);                                                                                \
        outi = tr_ * (wi) + ti_ * (wr);                                                                                \
    } while (0)

TARGETS static void NAME(stage2)(const real *restrict xr, const real *restrict xi, real *restrict yr,
                                 real *restrict yi, int64_t rest, int64_t stride, const real *w)
{
    for (int64_t p = 0; p < rest; p++, w += 2) {
        const real *ar = xr + p * stride, *ai = xi + p * stride, *br = ar + rest * stride, *bi = ai + rest * stride;
        real *cr = yr + 2 * p * stride, *ci = yi + 2 * p * stride, *dr = cr + stride, *di = ci + stride;
        real wr = w[0], wi = w[1];
        LOOP
        {
            real sr = ar[i] - br[i], si = ai[i] - bi[i];
            cr[i] = ar[i] + br[i];
            ci[i] = ai[i] + bi[i];
            TIMES(sr, si, wr, wi, dr[i], di[i]);
        }
    }
}

TARGETS static void NAME(stage4)(const real *restrict xr, const real *restrict xi, real *restrict yr,
                                 real *restrict yi, int64_t rest, int64_t stride, const real *w)
{
    int64_t far = rest * stride;
    for (int64_t p = 0; p < rest; p++, w += 6) {
        const real *ar = xr + p * stride, *ai = xi + p * stride;
        real *cr = yr + 4 * p * stride, *ci = yi + 4 * p * stride;
        real w1r = w[0], w1i = w[1], w2r = w[2], w2i = w[3], w3r = w[4], w3i = w[5];
        LOOP
        {
            real s0r = ar[i] + ar[i + 2 * far], s0i = ai[i] + ai[i + 2 * far];
            real d0r = ar[i] - ar[i + 2 * far], d0i = ai[i] - ai[i + 2 * far];
            real s1r = ar[i + far] + ar[i + 3 * far], s1i = ai[i + far] + ai[i + 3 * far];
            real d1r = ai[i + far] - ai[i + 3 * far], d1i = ar[i + 3 * far] - ar[i + far]; /* -i times the difference */
            cr[i] = s0r + s1r;
            ci[i] = s0i + s1i;
            TIMES(d0r + d1r, d0i + d1i, w1r, w1i, cr[i + stride], ci[i + stride]);
            TIMES(s0r - s1r, s0i - s1i, w2r, w2i, cr[i + 2 * stride], ci[i + 2 * stride]);
            TIMES(d0r - d1r, d0i - d1i, w3r, w3i, cr[i + 3 * stride], ci[i + 3 * stride]);
        }
    }
}

TARGETS static void NAME(stage3)(const real *restrict xr, const real *restrict xi, real *restrict yr,
                                 real *restrict yi, int64_t rest, int64_t stride, const real *w)
{
    const real half = (real)0.5, root = (real)0.86602540378443864676;
    int64_t far = rest * stride;
    for (int64_t p = 0; p < rest; p++, w += 4) {
        const real *ar = xr + p * stride, *ai = xi + p * stride;
        real *cr = yr + 3 * p * stride, *ci = yi + 3 * p * stride;
        real w1r = w[0], w1i = w[1], w2r = w[2], w2i = w[3];
        LOOP
        {
            real sr = ar[i + far] + ar[i + 2 * far], si = ai[i + far] + ai[i + 2 * far];
            real dr = root * (ai[i + far] - ai[i + 2 * far]), di = root * (ar[i + 2 * far] - ar[i + far]);
            real mr = ar[i] - half * sr, mi = ai[i] - half * si;
            cr[i] = ar[i] + sr;
            ci[i] = ai[i] + si;
            TIMES(mr + dr, mi + di, w1r, w1i, cr[i + stride], ci[i + stride]);
            TIMES(mr - dr, mi - di, w2r, w2i, cr[i + 2 * stride], ci[i + 2 * stride]);
        }
    }
}

TARGETS static void NAME(stage5)(const real *restrict xr, const real *restrict xi, real *restrict yr,
                                 real *restrict yi, int64_t rest, int64_t stride, const real *w)
{
    /* cos and sin of 2 pi / 5 and 4 pi / 5 */
    const real c1 = (real)0.30901699437494742410, c2 = (real)-0.80901699437494742410;
    const real s1 = (real)0.95105651629515357212, s2 = (real)0.58778525229247312917;
    int64_t far = rest * stride;
    for (int64_t p = 0; p < rest; p++, w += 8) {
        const real *ar = xr + p * stride, *ai = xi + p * stride;
        real *cr = yr + 5 * p * stride, *ci = yi + 5 * p * stride;
        LOOP
        {
            real sar = ar[i + far] + ar[i + 4 * far], sai = ai[i + far] + ai[i + 4 * far];
            real dar = ar[i + far] - ar[i + 4 * far], dai = ai[i + far] - ai[i + 4 * far];
            real sbr = ar[i + 2 * far] + ar[i + 3 * far], sbi = ai[i + 2 * far] + ai[i + 3 * far];
            real dbr = ar[i + 2 * far] - ar[i + 3 * far], dbi = ai[i + 2 * far] - ai[i + 3 * far];
            real m1r = ar[i] + c1 * sar + c2 * sbr, m1i = ai[i] + c1 * sai + c2 * sbi;
            real m2r = ar[i] + c2 * sar + c1 * sbr, m2i = ai[i] + c2 * sai + c1 * sbi;
            real n1r = s1 * dai + s2 * dbi, n1i = -(s1 * dar + s2 * dbr);
            real n2r = s2 * dai - s1 * dbi, n2i = -(s2 * dar - s1 * dbr);
            cr[i] = ar[i] + sar + sbr;
            ci[i] = ai[i] + sai + sbi;
            TIMES(m1r + n1r, m1i + n1i, w[0], w[1], cr[i + stride], ci[i + stride]);
            TIMES(m2r + n2r, m2i + n2i, w[2], w[3], cr[i + 2 * stride], ci[i + 2 * stride]);
            TIMES(m2r - n2r, m2i - n2i, w[4], w[5], cr[i + 3 * stride], ci[i + 3 * stride]);
            TIMES(m1r - n1r, m1i - n1i, w[6], w[7], cr[i + 4 * stride], ci[i + 4 * stride]);
        }
    }
}

TARGETS static void NAME(stage7)(const real *restrict xr, const real *restrict xi, real *restrict yr,
                                 real *restrict yi, int64_t rest, int64_t stride, const real *w)
{
    /* cos and sin of 2 pi / 7, 4 pi / 7 and 6 pi / 7 */
    const real c1 = (real)0.62348980185873353053, c2 = (real)-0.22252093395631440429;
    const real c3 = (real)-0.90096886790241912624, s1 = (real)0.78183148246802980871;
    const real s2 = (real)0.97492791218182360702, s3 = (real)0.43388373911755812048;
    int64_t far = rest * stride;
    for (int64_t p = 0; p < rest; p++, w += 12) {
        const real *ar = xr + p * stride, *ai = xi + p * stride;
        real *cr = yr + 7 * p * stride, *ci = yi + 7 * p * stride;
        LOOP
        {
            real sar = ar[i + far] + ar[i + 6 * far], sai = ai[i + far] + ai[i + 6 * far];
            real dar = ar[i + far] - ar[i + 6 * far], dai = ai[i + far] - ai[i + 6 * far];
            real sbr = ar[i + 2 * far] + ar[i + 5 * far], sbi = ai[i + 2 * far] + ai[i + 5 * far];
            real dbr = ar[i + 2 * far] - ar[i + 5 * far], dbi = ai[i + 2 * far] - ai[i + 5 * far];
            real scr = ar[i + 3 * far] + ar[i + 4 * far], sci = ai[i + 3 * far] + ai[i + 4 * far];
            real dcr = ar[i + 3 * far] - ar[i + 4 * far], dci = ai[i + 3 * far] - ai[i + 4 * far];
            real m1r = ar[i] + c1 * sar + c2 * sbr + c3 * scr, m1i = ai[i] + c1 * sai + c2 * sbi + c3 * sci;
            real m2r = ar[i] + c2 * sar + c3 * sbr + c1 * scr, m2i = ai[i] + c2 * sai + c3 * sbi + c1 * sci;
            real m3r = ar[i] + c3 * sar + c1 * sbr + c2 * scr, m3i = ai[i] + c3 * sai + c1 * sbi + c2 * sci;
            real n1r = s1 * dai + s2 * dbi + s3 * dci, n1i = -(s1 * dar + s2 * dbr + s3 * dcr);
            real n2r = s2 * dai - s3 * dbi - s1 * dci, n2i = -(s2 * dar - s3 * dbr - s1 * dcr);
            real n3r = s3 * dai - s1 * dbi + s2 * dci, n3i = -(s3 * dar - s1 * dbr + s2 * dcr);
            cr[i] = ar[i] + sar + sbr + scr;
            ci[i] = ai[i] + sai + sbi + sci;
            TIMES(m1r + n1r, m1i + n1i, w[0], w[1], cr[i + stride], ci[i + stride]);
            TIMES(m2r + n2r, m2i + n2i, w[2], w[3], cr[i + 2 * stride], ci[i + 2 * stride]);
            TIMES(m3r + n3r, m3i + n3i, w[4], w[5], cr[i + 3 * stride], ci[i + 3 * stride]);
            TIMES(m3r - n3r, m3i - n3i, w[6], w[7], cr[i + 4 * stride], ci[i + 4 * stride]);
            TIMES(m2r - n2r, m2i - n2i, w[8], w[9], cr[i + 5 * stride], ci[i + 5 * stride]);
            TIMES(m1r - n1r, m1i - n1i, w[10], w[11], cr[i + 6 * stride], ci[i + 6 * stride]);
        }
    }
}

/* Any factor: the sum itself. roots: exp(-2 pi i k / factor). */
TARGETS static void NAME(stage_any)(const real *restrict xr, const real *restrict xi, real *restrict yr,
                                    real *restrict yi, int64_t factor, int64_t rest, int64_t stride, const real *w,
                                    const real *roots)
{
    int64_t far = rest * stride;
    for (int64_t p = 0; p < rest; p++, w += 2 * (factor - 1))
        for (int64_t j = 0; j < factor; j++) {
            const real *ar = xr + p * stride, *ai = xi + p * stride;
            real *cr = yr + (factor * p + j) * stride, *ci = yi + (factor * p + j) * stride;
            LOOP
            {
                cr[i] = ar[i];
                ci[i] = ai[i];
            }
            for (int64_t k = 1; k < factor; k++) {
                real rr = roots[2 * (j * k % factor)], ri = roots[2 * (j * k % factor) + 1];
                const real *br = ar + k * far, *bi = ai + k * far;
                LOOP
                {
                    cr[i] += br[i] * rr - bi[i] * ri;
                    ci[i] += br[i] * ri + bi[i] * rr;
                }
            }
            if (j) {
                real wr = w[2 * j - 2], wi = w[2 * j - 1];
                LOOP TIMES(cr[i], ci[i], wr, wi, cr[i], ci[i]);
            }
        }
}

/* Lines in x (both parts) by their factors; y is as large. The result is in the returned one of the two. */
static real *NAME(factors)(const struct maf_fft_line *f, real *x, real *y, int64_t lanes)
{
    int64_t size = f->length * lanes, rest = f->length, stride = lanes;
    const real *w = f->twiddles, *roots = f->roots;
    for (int64_t k = 0; k < f->factors; k++) {
        int64_t factor = f->factor[k];
        rest /= factor;
        switch (factor) {
        case 2:
            NAME(stage2)(x, x + size, y, y + size, rest, stride, w);
            break;
        case 3:
            NAME(stage3)(x, x + size, y, y + size, rest, stride, w);
            break;
        case 4:
            NAME(stage4)(x, x + size, y, y + size, rest, stride, w);
            break;
        case 5:
            NAME(stage5)(x, x + size, y, y + size, rest, stride, w);
            break;
        case 7:
            NAME(stage7)(x, x + size, y, y + size, rest, stride, w);
            break;
        default:
            NAME(stage_any)(x, x + size, y, y + size, factor, rest, stride, w, roots);
            roots += 2 * factor;
        }
        w += 2 * rest * (factor - 1);
        stride *= factor;
        real *swap = x;
        x = y;
        y = swap;
    }
    return x;
}

TARGETS static void NAME(multiply)(real *re, real *im, const real *w, int64_t count, int64_t lanes)
{
    for (int64_t j = 0; j < count; j++)
        for (int64_t l = 0; l < lanes; l++)
            TIMES(re[j * lanes + l], im[j * lanes + l], w[2 * j], w[2 * j + 1], re[j * lanes + l], im[j * lanes + l]);
}

/* A transform with negative exponent; for the other one the caller exchanges the parts. Where it is a convolution, x holds
 * `chirped` numbers and room for `length`. */
static real *NAME(transform)(const struct maf_fft_line *f, real *x, real *y, int64_t lanes)
{
    if (!f->chirped)
        return NAME(factors)(f, x, y, lanes);
    int64_t size = f->length * lanes, used = f->chirped * lanes;
    NAME(multiply)(x, x + size, f->chirp, f->chirped, lanes);
    memset(x + used, 0, (size_t)(size - used) * sizeof *x);
    memset(x + size + used, 0, (size_t)(size - used) * sizeof *x);
    real *z = NAME(factors)(f, x, y, lanes), *other = z == x ? y : x;
    NAME(multiply)(z, z + size, f->kernel, f->length, lanes);
    /* The way back: parts exchanged before and after. */
    memcpy(other, z + size, (size_t)size * sizeof *z);
    memcpy(other + size, z, (size_t)size * sizeof *z);
    real *back = NAME(factors)(f, other, z, lanes), *result = back == z ? other : z;
    memcpy(result, back + size, (size_t)size * sizeof *z);
    memcpy(result + size, back, (size_t)size * sizeof *z);
    NAME(multiply)(result, result + size, f->chirp, f->chirped, lanes);
    return result;
}

/* --- lines from and to memory: `at` are their offsets, in elements of the side's own kind ---- */

static inline void NAME(get)(int64_t type, const char *base, int64_t part, real *to)
{
    if (type == MAF_F16) {
        float value;
        maf_load_floats(&value, type, base + 2 * part, 1, 1);
        *to = (real)value;
    } else {
        *to = ((const real *)(const void *)base)[part];
    }
}

static inline void NAME(put)(int64_t type, char *base, int64_t part, real value)
{
    if (type == MAF_F16) {
        float single = (float)value;
        maf_store_floats(type, base + 2 * part, 1, &single, 1);
    } else {
        ((real *)(void *)base)[part] = value;
    }
}

/* Numbers j below count of all lanes, a few of each lane at a time: side by side they share lines of the cache. */
#define EACH(count)                                                                                                    \
    for (int64_t first = 0; first < (count); first += LANES)                                                           \
        for (int64_t l = 0; l < lanes; l++)                                                                            \
            for (int64_t j = first; j < (count) && j < first + LANES; j++)

static void NAME(load)(const struct maf_fft_pass *p, const char *base, const int64_t *at, int64_t lanes, real *x,
                       int64_t size)
{
    int64_t step = p->source_step, type = p->source_type, n = p->n, half = n / 2;
    real *re = p->inverse ? x + size : x, *im = p->inverse ? x : x + size;
    const real *w = p->halves;
    if (p->kind == MAF_FFT_C2C && type != MAF_F16) {
        const real *from = (const real *)(const void *)base;
        EACH(n)
        {
            int64_t e = 2 * (at[l] + j * step);
            re[j * lanes + l] = from[e];
            im[j * lanes + l] = from[e + 1];
        }
    } else if (p->kind == MAF_FFT_C2C) {
        EACH(n)
        {
            int64_t e = 2 * (at[l] + j * step);
            NAME(get)(type, base, e, &re[j * lanes + l]);
            NAME(get)(type, base, e + 1, &im[j * lanes + l]);
        }
    } else if (p->kind == MAF_FFT_R2C && w) { /* even numbers, and odd ones as imaginary parts */
        EACH(half)
        {
            NAME(get)(type, base, at[l] + 2 * j * step, &re[j * lanes + l]);
            NAME(get)(type, base, at[l] + (2 * j + 1) * step, &im[j * lanes + l]);
        }
    } else if (p->kind == MAF_FFT_R2C) {
        EACH(n)
        {
            NAME(get)(type, base, at[l] + j * step, &re[j * lanes + l]);
            im[j * lanes + l] = 0;
        }
    } else if (w) { /* the spectrum of even and of odd numbers, as one complex spectrum */
        EACH(half)
        {
            real ar, ai = 0, br, bi = 0;
            NAME(get)(type, base, 2 * (at[l] + j * step), &ar);
            NAME(get)(type, base, 2 * (at[l] + (half - j) * step), &br);
            if (j) { /* the ends of a Hermitian half are real, whatever is stored */
                NAME(get)(type, base, 2 * (at[l] + j * step) + 1, &ai);
                NAME(get)(type, base, 2 * (at[l] + (half - j) * step) + 1, &bi);
            }
            real er = ar + br, ei = ai - bi, dr = ar - br, di = ai + bi, tr, ti;
            TIMES(dr, di, w[2 * j], -w[2 * j + 1], tr, ti);
            re[j * lanes + l] = er - ti;
            im[j * lanes + l] = ei + tr;
        }
    } else {
        EACH(half + 1)
        {
            real ar, ai = 0;
            NAME(get)(type, base, 2 * (at[l] + j * step), &ar);
            if (j)
                NAME(get)(type, base, 2 * (at[l] + j * step) + 1, &ai);
            re[j * lanes + l] = ar;
            im[j * lanes + l] = ai;
            if (j) {
                re[(n - j) * lanes + l] = ar;
                im[(n - j) * lanes + l] = -ai;
            }
        }
    }
}

static void NAME(store)(const struct maf_fft_pass *p, char *base, const int64_t *at, const int64_t *number,
                        int64_t lanes, const real *x, int64_t size)
{
    int64_t step = p->target_step, type = p->target_type, n = p->n, half = n / 2;
    const real *re = p->inverse ? x + size : x, *im = p->inverse ? x : x + size, *w = p->halves, *cross = p->cross;
    if (p->kind == MAF_FFT_C2C && type != MAF_F16 && !cross) {
        real *to = (real *)(void *)base;
        EACH(n)
        {
            int64_t e = 2 * (at[l] + j * step);
            to[e] = re[j * lanes + l];
            to[e + 1] = im[j * lanes + l];
        }
    } else if (p->kind == MAF_FFT_C2C) {
        EACH(n)
        {
            int64_t e = 2 * (at[l] + j * step);
            real r = re[j * lanes + l], i = im[j * lanes + l];
            if (cross) {
                const real *f = cross + 2 * j * number[l];
                TIMES(r, i, f[0], p->inverse ? -f[1] : f[1], r, i);
            }
            NAME(put)(type, base, e, r);
            NAME(put)(type, base, e + 1, i);
        }
    } else if (p->kind == MAF_FFT_C2R && w) {
        EACH(half)
        {
            NAME(put)(type, base, at[l] + 2 * j * step, re[j * lanes + l]);
            NAME(put)(type, base, at[l] + (2 * j + 1) * step, im[j * lanes + l]);
        }
    } else if (p->kind == MAF_FFT_C2R) {
        EACH(n) NAME(put)(type, base, at[l] + j * step, re[j * lanes + l]);
    } else if (w) {
        EACH(half + 1)
        {
            int64_t a = (j == half ? 0 : j) * lanes + l, b = (j ? half - j : 0) * lanes + l;
            real er = (re[a] + re[b]) / 2, ei = (im[a] - im[b]) / 2, dr = (re[a] - re[b]) / 2, di = (im[a] + im[b]) / 2;
            real tr, ti;
            TIMES(dr, di, w[2 * j], w[2 * j + 1], tr, ti);
            NAME(put)(type, base, 2 * (at[l] + j * step), er + ti);
            NAME(put)(type, base, 2 * (at[l] + j * step) + 1, ei - tr);
        }
    } else {
        EACH(half + 1)
        {
            NAME(put)(type, base, 2 * (at[l] + j * step), re[j * lanes + l]);
            NAME(put)(type, base, 2 * (at[l] + j * step) + 1, im[j * lanes + l]);
        }
    }
}

static int NAME(lines)(const struct pass_run *r, uint64_t begin, uint64_t end)
{
    const struct maf_fft_pass *p = r->pass;
    int64_t size = p->line.length, most = r->lanes, source[LANES], target[LANES], number[LANES];
    real *x = maf_array_scratch((uint64_t)(4 * size * most) * sizeof(real)), *y = x + 2 * size * most;
    if (!x)
        return OUT_OF_MEMORY;
    for (uint64_t first = begin; first < end; first += (uint64_t)most) {
        int64_t lanes = end - first < (uint64_t)most ? (int64_t)(end - first) : most;
        for (int64_t l = 0; l < lanes; l++)
            locate(p, first + (uint64_t)l, &source[l], &target[l], &number[l]);
        NAME(load)(p, r->source, source, lanes, x, size * lanes);
        const real *z = NAME(transform)(&p->line, x, y, lanes);
        NAME(store)(p, r->target, target, number, lanes, z, size * lanes);
    }
    return 0;
}

#undef LOOP
#undef TIMES
#undef EACH
