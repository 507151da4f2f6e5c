/* The command stream between an application's client and its executor.
 *
 * Both sides include this file; the executor's Python parses it with cffi, so it holds only
 * declarations that a cffi cdef accepts (enums, structs of fixed-width fields, one per line).
 *
 * Two channels:
 *   ring    asynchronous commands, one shared-memory ring per application, in process order
 *   socket  requests with one reply each (module load, kernel look-up, plan creation); Unix socket
 *
 * Device memory of the application's SDAs is one shared file (a memfd): device address
 * device_base + x is offset x of that file. The executor maps it at device_base; the application
 * maps it elsewhere and keeps device_base reserved PROT_NONE, so that dereferencing a device
 * pointer on the host faults. SDA number d owns [device_base + d*device_stride, + device_stride);
 * the first MAF_SYSTEM_BYTES of each belong to the executor (module data), the rest to the client's allocator.
 * Pinned and managed host memory is a second file, mapped at pinned_base in both processes.
 */

enum {
    MAF_PROTOCOL_VERSION = 2,
    MAF_EVENT_SLOTS = 65536,
    MAF_FAULT_TEXT = 2048,
    MAF_SYSTEM_BYTES = 0x20000000, /* 512 MiB of address space per SDA, committed on use */
    MAF_RING_ALIGN = 16,
    MAF_MAX_SDA = 16,
    MAF_SPANS = 65536, /* power of two */
    MAF_FILES = 256, /* files that MAF_CMD_MAP can name at one time */
    MAF_QUEUES = 4096 /* a stream's commands belong to queue: its number modulo this. Power of two */
};

/* When a command ran, CLOCK_MONOTONIC nanoseconds. */
struct maf_span {
    uint64_t seq;
    uint64_t start_ns;
    uint64_t end_ns;
};

/* Shared control page, at offset 0 of the ring file; the ring's bytes follow at ring_offset. */
struct maf_control {
    uint32_t version;
    uint32_t ring_bytes; /* power of two */
    uint64_t ring_offset;
    /* Written by the executor. */
    uint64_t completed; /* all commands up to this sequence number have finished */
    uint64_t consumed;  /* ring bytes consumed; low word is a futex for a client that waits for space */
    uint32_t executor_sleeping; /* 1 while the executor waits on `doorbell` */
    uint32_t ready;     /* 1 once the executor serves; futex */
    uint32_t fault;     /* a cudaError_t value: sticky error of the context; 0 = none. The executor prints
                         * fault_text on stderr itself, once; it skips the commands that follow (they complete). */
    uint32_t hostfn_posted; /* number of host callbacks handed to the client; futex */
    uint64_t hostfn_fn;
    uint64_t hostfn_arg;
    uint32_t wake_count; /* the futex that clients sleep on: see wake_seq */
    uint32_t executor_pid;
    uint32_t executor_cpu; /* 1 + the processor on which the replaying thread last waited or woke */
    uint32_t reserved0;
    uint64_t own_bytes; /* set before `ready`. Not 0: the device has memory of its own, of so many bytes from device_base
                         * on; the device file is not its contents, and only one SDA uses it */
    uint32_t heap_used[16]; /* per SDA: device code's heap exists, its size is fixed */
    /* Written by the client. */
    uint64_t produced;  /* ring bytes produced */
    uint32_t client_waiting; /* 1 while some client thread waits on a futex of this page */
    uint32_t hostfn_done; /* number of host callbacks finished; futex */
    uint64_t used_bytes[16]; /* device memory in use per SDA, for `maf-vdev list` */
    uint64_t heap_bytes[16]; /* cudaLimitMallocHeapSize per SDA; 0: CUDA's default */
    uint64_t stack_bytes[16]; /* cudaLimitStackSize per SDA; 0: CUDA's default */
    /* While client_waiting is set the executor wakes `completed` once completed >= wake_seq and `consumed` once
     * consumed >= wake_consumed: the smallest values that any waiting thread needs; 0 wakes at every command.
     * Both futexes are woken too when the ring runs empty and at a fault. Each time the executor wakes a client it
     * first adds 1 to wake_count and wakes all sleepers of that word: `completed` itself changes too often to sleep on. */
    uint64_t wake_seq;
    uint64_t wake_consumed;
    uint32_t tracing; /* the executor fills `spans`; written by the client */
    uint32_t client_cpu; /* 1 + the processor on which a client thread last began to wait */
    uint32_t doorbell;   /* futex: who finds executor_sleeping set clears that, adds 1 here and wakes */
    uint32_t reserved1;
    uint64_t pad2[4];
    char fault_text[2048]; /* kernel name and reason, NUL-terminated */
    uint64_t event_ns[65536]; /* time stamp of each event slot, CLOCK_MONOTONIC nanoseconds */
    struct maf_span spans[65536]; /* by sequence number modulo MAF_SPANS, while `tracing` is set */
    /* While a stream waits, the commands of other streams overtake it: `completed` stands before the oldest one that has
     * not finished, and each command that finishes writes its number here, at its stream's queue. */
    uint64_t queue_done[4096];
};

enum maf_command_kind {
    MAF_CMD_PAD = 0,     /* skip to the ring's start */
    MAF_CMD_LAUNCH = 1,
    MAF_CMD_OP = 2,
    MAF_CMD_COPY = 3,    /* both addresses in device or pinned windows */
    MAF_CMD_WRITE = 4,   /* payload bytes to a device address */
    MAF_CMD_FILL = 5,
    MAF_CMD_EVENT = 6,   /* time stamp into a slot */
    MAF_CMD_HOSTFN = 7,  /* run a callback in the application; its stream waits for it */
    MAF_CMD_COPY2D = 8,
    MAF_CMD_NOP = 9,
    MAF_CMD_EXIT = 10,
    MAF_CMD_PROTECT = 11, /* access to a range of the device window; all of it is accessible at start */
    MAF_CMD_MAP = 12,     /* a part of a file takes the place of a range of the device window */
    MAF_CMD_SIGNAL = 13,  /* a counter or a word of memory becomes a value */
    MAF_CMD_COLLECTIVE = 14,
    MAF_CMD_TEXTURE = 16,
    MAF_CMD_WAIT = 15     /* its stream waits for another command or for a word of memory */
};

/* Order between streams of one device: the commands of one queue run in order; a command of the legacy default stream
 * follows all earlier ones of blocking streams, and those follow all earlier ones of the legacy stream. PROTECT, MAP and TEXTURE
 * take effect at once. */
enum maf_stream_flags { MAF_STREAM_NON_BLOCKING = 1, MAF_STREAM_LEGACY = 2 };

/* Header of each command. size counts header and payload, a multiple of MAF_RING_ALIGN;
 * a command never wraps: PAD fills the ring's end. seq grows by one per command other than PAD. */
struct maf_command {
    uint32_t size;
    uint16_t kind;
    uint16_t sda;
    uint64_t seq;
    uint32_t stream; /* client's stream number */
    uint32_t flags;  /* enum maf_stream_flags */
};

struct maf_cmd_launch {
    struct maf_command h;
    uint32_t kernel; /* id from MAF_REQ_KERNEL */
    uint32_t grid[3];
    uint32_t block[3];
    uint32_t dynamic_shared;
    uint32_t cooperative;
    uint32_t param_bytes; /* packed parameter block, as in the cubin's layout, follows */
};

struct maf_cmd_op {
    struct maf_command h;
    uint32_t plan; /* id from MAF_REQ_PLAN */
    uint32_t pointers;     /* count of uint64_t addresses that follow */
    uint32_t scalar_bytes; /* then this many bytes of scalars */
    uint32_t reserved;
};

struct maf_cmd_copy {
    struct maf_command h;
    uint64_t dst;
    uint64_t src;
    uint64_t bytes;
};

struct maf_cmd_write {
    struct maf_command h;
    uint64_t dst;
    uint64_t bytes; /* payload follows */
};

struct maf_cmd_fill {
    struct maf_command h;
    uint64_t dst;
    uint64_t width;  /* elements per row */
    uint64_t height; /* rows */
    uint64_t pitch;  /* bytes between rows */
    uint32_t value;
    uint32_t element; /* 1, 2 or 4 bytes */
};

struct maf_cmd_copy2d { /* also 3-D: depth slices */
    struct maf_command h;
    uint64_t dst;
    uint64_t src;
    uint64_t width; /* bytes */
    uint64_t height;
    uint64_t depth;
    uint64_t dst_pitch;
    uint64_t src_pitch;
    uint64_t dst_slice;
    uint64_t src_slice;
};

struct maf_cmd_event {
    struct maf_command h;
    uint32_t slot;
    uint32_t reserved;
};

struct maf_cmd_hostfn {
    struct maf_command h;
    uint64_t fn;
    uint64_t arg;
};

/* A client that closes its whole window at start and opens each allocation makes a kernel's access to memory
 * that is not allocated fault (error 700). Addresses and sizes are multiples of 4096. */
struct maf_cmd_protect {
    struct maf_command h;
    uint64_t address;
    uint64_t bytes;
    uint32_t accessible; /* 1 read and write, 0 none */
    uint32_t reserved;
};

enum {
    MAF_FILE_NONE = 0xffffffff, /* no file: the range is closed */
    MAF_FILE_DEVICE = 0         /* the application's own device file; others come from MAF_REQ_FILE */
};

/* The range is inaccessible until a PROTECT opens it, unless `accessible` is set. All numbers are multiples of 4096. */
struct maf_cmd_map {
    struct maf_command h;
    uint64_t address;
    uint64_t bytes;
    uint64_t offset; /* in the file */
    uint32_t file;
    uint32_t accessible;
};

enum maf_signal_kind {
    MAF_SIGNAL_MAX64 = 0, /* the 64-bit word becomes the greater of itself and value */
    MAF_SIGNAL_STORE32 = 1,
    MAF_SIGNAL_STORE64 = 2
};

struct maf_cmd_signal { /* atomic, after all earlier work of its stream */
    struct maf_command h;
    uint64_t address;
    uint64_t value;
    uint32_t kind; /* enum maf_signal_kind */
    uint32_t reserved;
};

enum maf_wait_kind {
    MAF_WAIT_COMMAND = 0, /* the command number `value` of queue `queue` has finished */
    /* The word at address, 4 or 8 bytes (CUstreamWaitValue_flags) */
    MAF_WAIT_GEQ = 1, /* (signed)(word - value) >= 0 */
    MAF_WAIT_EQ = 2,
    MAF_WAIT_AND = 3, /* word & value is not 0 */
    MAF_WAIT_NOR = 4  /* ~(word | value) is not 0 */
};

struct maf_cmd_wait {
    struct maf_command h;
    uint64_t address;
    uint64_t value;
    uint32_t kind; /* enum maf_wait_kind */
    uint32_t queue;
    uint32_t bytes; /* of the word */
    uint32_t reserved;
};

/* --- textures and surfaces -------------------------------------------------------------------------------------- */
enum { MAF_TEXTURE_LEVELS = 16 };

enum maf_texture_flag {
    MAF_TEXTURE_NORMALIZED = 1, /* coordinates of 0 to 1 */
    MAF_TEXTURE_LINEAR = 2,
    MAF_TEXTURE_NORMALIZED_READ = 4, /* integers are read as floats of 0 or -1 to 1 */
    MAF_TEXTURE_SRGB = 8,
    MAF_TEXTURE_MIP_LINEAR = 16,
    MAF_TEXTURE_LAYERED = 32, /* depth counts layers, six of them for each cube */
    MAF_TEXTURE_SURFACE = 64
};

struct maf_texture {
    uint64_t address[16]; /* of each level */
    uint64_t pitch; /* bytes, of level 0 */
    uint64_t slice;
    uint32_t width; /* elements */
    uint32_t height; /* 0: one-dimensional */
    uint32_t depth; /* 0: none */
    uint32_t levels;
    uint32_t flags;
    uint32_t element; /* bytes */
    uint32_t channels;
    uint32_t kind; /* cudaChannelFormatKind: 0 signed, 1 unsigned, 2 floating point */
    uint32_t mode[3]; /* cudaTextureAddressMode */
    float lod_bias;
    float lod_low;
    float lod_high;
    float border[4];
};

/* A texture or surface object begins to exist, at once. Its number is its handle; numbers are used again late. */
struct maf_cmd_texture {
    struct maf_command h;
    uint32_t index;
    uint32_t reserved;
    struct maf_texture texture;
};

/* --- collective operations (NCCL) -----------------------------------------------------------------------------
 * Ranks are either all in one application, whose command then names the buffers of all, or one each in several
 * applications of this machine: a gang. The gang's file holds what each rank's executor tells the others; each maps the
 * device memory of all, so that it reads their send buffers where they lie. */
enum { MAF_GANG_RANKS = 64, MAF_GANGS = 64, MAF_GANG_NONE = 0xffffffff };

enum maf_collective_kind {
    MAF_ALL_REDUCE = 0,     /* count elements at each rank */
    MAF_REDUCE = 1,         /* to root */
    MAF_REDUCE_SCATTER = 2, /* count received; rank r has part r of the sum */
    MAF_BROADCAST = 3,      /* from root's send buffer */
    MAF_ALL_GATHER = 4,     /* count sent */
    MAF_ALL_TO_ALL = 5,     /* count to each */
    MAF_GATHER = 6,
    MAF_SCATTER = 7,
    MAF_MESSAGES = 8 /* sends and receives, all at once */
};

struct maf_collective_part {
    uint64_t send;
    uint64_t receive;
};

struct maf_message {
    uint64_t address;
    uint64_t bytes;
    uint32_t peer;
    uint32_t sends; /* 1: to peer, 0: from it */
};

struct maf_cmd_collective {
    struct maf_command h;
    uint32_t gang; /* MAF_GANG_NONE: all ranks are here */
    uint32_t kind;
    uint32_t dtype;     /* ncclDataType_t */
    uint32_t reduction; /* ncclRedOp_t: 0 sum, 1 product, 2 maximum, 3 minimum, 4 average */
    uint64_t count;
    double factor; /* of each rank's values before a sum */
    uint32_t root;
    uint32_t entries; /* struct maf_collective_part that follow, of all ranks or of this one; or struct maf_message */
};

struct maf_gang_rank {
    uint32_t joined;
    int32_t pid; /* of the application */
    int32_t descriptor; /* its device file */
    uint32_t reserved;
    uint64_t file_device;
    uint64_t file_inode;
    uint64_t first; /* offset of the rank's device in that file, and how much of it others map */
    uint64_t span;
    uint64_t arrived; /* collectives begun and ended by the executor */
    uint64_t finished;
    uint64_t send; /* of the current one: offsets in the file */
    uint64_t receive;
    uint64_t count;
    uint32_t kind;
    uint32_t dtype;
    uint32_t reduction;
    uint32_t root;
};

struct maf_mailbox { /* from one rank to another */
    uint64_t posted;
    uint64_t taken;
    uint64_t offset; /* in the sender's file */
    uint64_t bytes;
};

struct maf_gang {
    uint32_t ranks;
    uint32_t rank; /* unused in the file */
    uint32_t pulse; /* futex, moves with every change */
    uint32_t aborted;
    uint64_t attached; /* ranks whose executor has mapped the others */
    struct maf_gang_rank rank_info[64];
    struct maf_mailbox mail[4096]; /* sender * MAF_GANG_RANKS + receiver */
};

/* --- requests on the socket ---------------------------------------------------------------- */

enum maf_request_kind {
    MAF_REQ_HELLO = 1,   /* no payload -> no payload; returns when the executor serves */
    MAF_REQ_MODULE = 2,  /* payload: fatbin container or ELF or PTX bytes -> struct maf_module_info */
    MAF_REQ_KERNEL = 3,  /* struct maf_kernel_query + name bytes -> struct maf_kernel_info */
    MAF_REQ_SYMBOL = 4,  /* struct maf_kernel_query + name bytes -> struct maf_symbol_info */
    MAF_REQ_PLAN = 5,    /* struct maf_op_header + its op struct -> struct maf_plan_info */
    MAF_REQ_UNLOAD = 6,  /* uint32_t module -> nothing */
    MAF_REQ_NOTE = 7,    /* text line for the run record ("unsupported cublasFoo") -> nothing */
    MAF_REQ_COMPILE = 8, /* struct maf_compile_query, then texts, each with a NUL after it: program name, CUDA C++ source,
                          * per header its include name and text, options, name expressions, the working directory
                          * -> struct maf_compile_info and what it counts */
    MAF_REQ_COMPILER = 9, /* no payload -> struct maf_compiler_info and its architectures, uint32_t each */
    MAF_REQ_GANG = 11,    /* struct maf_gang_query -> nothing, once every rank of the gang's file has joined */
    MAF_REQ_FILE = 10     /* struct maf_file_query -> nothing. The executor opens a descriptor of the application, so
                           * that MAF_CMD_MAP can name it, or with descriptor -1 closes it. */
};

struct maf_request {
    uint32_t kind;
    uint32_t sda;
    uint64_t bytes; /* of payload */
};

struct maf_reply {
    int32_t error; /* a cudaError_t value, or for MAF_REQ_PLAN one of enum maf_plan_error */
    uint32_t reserved;
    uint64_t bytes; /* of payload; with an error: a UTF-8 message */
};

struct maf_file_query {
    uint32_t file; /* number for MAF_CMD_MAP, 1 .. MAF_FILES - 1 */
    int32_t descriptor;
};

struct maf_gang_query {
    uint32_t gang;      /* number for MAF_CMD_COLLECTIVE, below MAF_GANGS */
    int32_t descriptor; /* of the application; -1: the gang ends */
    uint32_t rank;
    uint32_t reserved;
};

struct maf_compile_query {
    uint32_t options; /* how many follow */
    uint32_t headers;
    uint32_t expressions;
    uint32_t reserved;
};

struct maf_compile_info { /* followed by the image, the PTX (with its NUL), the log, and the names with a NUL after each */
    uint32_t status; /* nvrtcResult */
    uint32_t names;  /* lowered names, one per name expression, empty where there is none */
    uint64_t image_bytes; /* what MAF_REQ_MODULE takes */
    uint64_t ptx_bytes;
    uint64_t log_bytes;
};

struct maf_compiler_info {
    uint32_t major; /* 0: the compiler knows no version of CUDA, and the minor number is one that CUDA never had */
    uint32_t minor;
    uint32_t archs; /* how many follow, ascending */
    uint32_t reserved;
};

struct maf_module_info {
    uint32_t module;
    uint32_t status; /* 0, or the cudaError_t that its kernels will give (209: no usable image) */
};

struct maf_kernel_query {
    uint32_t module;
    uint32_t name_bytes;
};

struct maf_kernel_info { /* followed by `params` entries of struct maf_param */
    uint32_t kernel;
    uint32_t params;
    uint32_t param_bytes;
    uint32_t registers;
    uint32_t static_shared;
    uint32_t local_bytes; /* per thread */
    uint32_t const_bytes; /* user constants */
    uint32_t max_threads;
    uint32_t binary_version; /* e.g. 75 */
    uint32_t ptx_version;
};

struct maf_param {
    uint32_t offset;
    uint32_t bytes;
};

struct maf_symbol_info {
    uint64_t address; /* device address */
    uint64_t bytes;
};

enum maf_plan_error { MAF_PLAN_OK = 0, MAF_PLAN_UNSUPPORTED = 1, MAF_PLAN_INVALID = 2, MAF_PLAN_INTERNAL = 3 };

struct maf_plan_info {
    uint32_t plan;
    uint32_t reserved;
    uint64_t workspace_bytes;
    uint64_t reserve_bytes;
};

/* --- op descriptions (moDNN) -------------------------------------------------------------------
 * One struct per op, int64_t fields only (zero when unused), so that equal descriptions are equal bytes.
 * The pointers and scalars of MAF_CMD_OP come in the order stated at each struct. */

enum maf_op_kind { MAF_OP_GEMM = 1, MAF_OP_CONV = 2, MAF_OP_BATCHNORM = 3, MAF_OP_FFT = 4, MAF_OP_LAPACK = 5, MAF_OP_BLAS = 6, MAF_OP_RNN = 7,
                   MAF_OP_SAMPLER = 8, MAF_OP_CTC = 9,
                   MAF_OP_ELEMENTWISE = 10, MAF_OP_REDUCE = 11, MAF_OP_SOFTMAX = 12, MAF_OP_POOLING = 13,
                   MAF_OP_SPARSE = 14, MAF_OP_STRUCTURED = 15, MAF_OP_RANDOM = 16, MAF_OP_GRAPH = 17, MAF_OP_LRN = 18 };

enum maf_dtype { /* element types */
    MAF_F32 = 0,
    MAF_F64 = 1,
    MAF_F16 = 2,
    MAF_BF16 = 3,
    MAF_C64 = 4,
    MAF_C128 = 5,
    MAF_I8 = 6,
    MAF_I32 = 7,
    MAF_U8 = 8,
    MAF_I64 = 9
};

struct maf_op_header {
    uint32_t kind;
    uint32_t bytes; /* of the op struct that follows */
};

/* D = epilogue(alpha * op(A) op(B) + beta * C), column major as in BLAS, batched.
 * pointers: A B C D bias aux alpha beta (0 where unused; alpha/beta only if scalars_on_device)
 * scalars: 4 doubles: alpha re, im, beta re, im (host values, when not scalars_on_device). */
struct maf_op_gemm {
    int64_t m;
    int64_t n;
    int64_t k;
    int64_t transa; /* 0 N, 1 T, 2 C */
    int64_t transb;
    int64_t lda;
    int64_t ldb;
    int64_t ldc;
    int64_t ldd;
    int64_t order_a; /* 0 column major, 1 row major */
    int64_t order_b;
    int64_t order_c;
    int64_t order_d;
    int64_t type_a; /* maf_dtype */
    int64_t type_b;
    int64_t type_c;
    int64_t type_d;
    int64_t type_compute; /* accumulation */
    int64_t type_scale;   /* type of alpha and beta in device memory */
    int64_t batch;
    int64_t stride_a; /* elements */
    int64_t stride_b;
    int64_t stride_c;
    int64_t stride_d;
    int64_t pointer_array; /* 1: A, B, C, D are device arrays of `batch` addresses */
    int64_t scalars_on_device;
    int64_t epilogue; /* cublasLtEpilogue_t value */
    int64_t type_bias;
    int64_t type_aux;
    int64_t ld_aux;
    int64_t stride_aux;
    int64_t stride_bias;
};

/* Convolution (cross-correlation), one of three directions. Tensors: strided, up to 3 spatial dims.
 * pointers: x y w workspace (dx/dy/dw take the place of x/y/w); scalars: 2 doubles alpha, beta. */
struct maf_op_conv {
    int64_t direction; /* 0 forward, 1 backward data, 2 backward filter */
    int64_t spatial;   /* 1..3 */
    int64_t type_x;
    int64_t type_w;
    int64_t type_y;
    int64_t type_compute;
    int64_t mode; /* 0 convolution (flipped), 1 cross-correlation */
    int64_t x_dims[5]; /* N C then spatial */
    int64_t x_strides[5];
    int64_t w_dims[5]; /* K C/groups then spatial */
    int64_t w_strides[5];
    int64_t y_dims[5];
    int64_t y_strides[5];
    int64_t pad_before[3];
    int64_t pad_after[3];
    int64_t stride[3];
    int64_t dilation[3];
    /* fused 1 (forward only): y = activation(alpha * conv(x, w) + beta * z + bias), bias per channel;
     * pointers go on with z bias, scalars with the activation's coefficient. */
    int64_t fused;
    int64_t activation; /* cudnnActivationMode_t */
    int64_t z_strides[5];
};

/* A graph of tensor operations: cuDNN's backend descriptors, of any length. A sequence of descriptors, children first, the
 * operation graph last, each: its type's name (CUDNN_BACKEND_<name>_DESCRIPTOR) with a NUL, uint32_t number of attributes;
 * then each attribute: its name (CUDNN_ATTR_<name>) with a NUL, uint32_t element type (cudnnBackendAttributeType_t),
 * uint32_t count, and the elements, not aligned; descriptors as uint32_t index into the sequence.
 * pointers: workspace, then the tensors that are in memory, in the order in which their descriptors come, each uid once;
 * scalars: 16 bytes for each tensor given by value, likewise. */
struct maf_op_graph {
    char text[1];
};

/* Batch normalisation. direction: 0 training forward, 1 inference, 2 backward.
 * pointers forward: x y scale bias running_mean running_var saved_mean saved_invstd
 * pointers inference: x y scale bias mean var
 * pointers backward: x dy dx scale dscale dbias saved_mean saved_invstd
 * scalars: doubles alpha, beta, alpha_param, beta_param, epsilon, exponential_average_factor. */
struct maf_op_batchnorm {
    int64_t direction;
    int64_t per_activation; /* 1: statistics per element, else per channel */
    int64_t dims_count;
    int64_t type_x;
    int64_t type_param;
    int64_t x_dims[5];
    int64_t x_strides[5];
    int64_t y_strides[5]; /* of y, or dy */
    int64_t dx_strides[5];
    /* fuse 1: y = relu(bn(x)), 2: y = relu(bn(x) + z). Pointers forward go on with z, backward with y bias dz. */
    int64_t fuse;
    int64_t z_strides[5]; /* of z, or dz */
    int64_t out_strides[5]; /* backward, fused: of y */
};

/* Discrete Fourier transform over a batch of arrays of `rank` dimensions, unnormalised, as cuFFT defines it.
 * Element (i0, i1, i2) of array b lies at b * distance + ((i0 * embed[1] + i1) * embed[2] + i2) * stride, counted in
 * elements of its own type; with fewer dimensions the leading terms fall away. A real transform's complex side has
 * dims[rank - 1] / 2 + 1 elements in the last dimension.
 * pointers: input output (may be equal); scalars: none. */
struct maf_op_fft {
    int64_t rank;      /* 1..3 */
    int64_t kind;      /* 0 complex to complex, 1 real to complex, 2 complex to real */
    int64_t direction; /* -1 forward, 1 inverse: the sign of the exponent */
    int64_t type;      /* maf_dtype of the real and imaginary parts: F32, F64 or F16 */
    int64_t batch;
    int64_t dims[3];
    int64_t in_embed[3];
    int64_t in_stride;
    int64_t in_distance;
    int64_t out_embed[3];
    int64_t out_stride;
    int64_t out_distance;
};

enum maf_lapack_routine {
    MAF_GETRF = 1, /* a: m x n -> L and U; p: min(m, n) pivots, or none for no pivoting */
    MAF_GETRS = 2, /* a: n x n factors, p, b: n x k -> solution; trans */
    MAF_GETRI = 3, /* a: n x n factors, p -> b: inverse */
    MAF_POTRF = 4, /* a: n x n; uplo */
    MAF_POTRS = 5, /* a: n x n factor, b: n x k -> solution; uplo */
    MAF_POTRI = 6, /* a: n x n factor -> inverse; uplo */
    MAF_GEQRF = 7, /* a: m x n; w: min(m, n) tau */
    MAF_ORGQR = 8, /* a: m x n, w: k tau -> Q */
    MAF_ORMQR = 9, /* a: reflectors, w: k tau, b: m x n -> op(Q) b or b op(Q); side, trans */
    MAF_SYEVD = 10, /* a: n x n -> eigenvectors if job_u == 'V'; w: n real eigenvalues; uplo */
    MAF_GESVD = 11, /* a: m x n; w: min(m, n) singular values; u, v by job_u, job_v; v holds V^H, or V if v_plain */
    MAF_SYTRF = 12, /* a: n x n; p: pivots; uplo */
    MAF_SYTRS = 13, /* a: factors, p, b: n x k -> solution; uplo */
    MAF_GEEV = 14, /* a: n x n; w: n complex eigenvalues; u: right eigenvectors if job_u == 'V'; v: left ones */
    MAF_MATINV = 16, /* a: n x n -> b: its inverse; a is kept */
    MAF_SYEVDX = 17, /* as SYEVD; then only eigenvalues number `first` to `last`, or, with p, those in (low, high], whose
                      * count becomes the int32 at p; they and their vectors move to the front */
    MAF_SYGVD = 18, /* a x = w b x (itype 1), a b x = w x (2), b a x = w x (3): a -> vectors, b -> its factor; w: n */
    MAF_SYTRD = 19, /* a: n x n -> tridiagonal form; w: its diagonal, u: the one beside it, v: tau; uplo */
    MAF_ORGTR = 20, /* a: of SYTRD, w: tau -> Q; uplo */
    MAF_ORMTR = 21, /* a: of SYTRD, w: tau, b: m x n -> op(Q) b or b op(Q); side, uplo, trans */
    MAF_GEBRD = 22, /* a: m x n -> bidiagonal form; w, u: its diagonals; v, p: tau of both sides */
    MAF_ORGBR = 23, /* a: of GEBRD, w: tau -> Q (side 0) or P^H (side 1); m x n, k */
    MAF_LASWP = 24, /* a: n columns, rows exchanged by p[first - 1 ...] up to `last`, `step` apart */
    MAF_TRTRI = 25, /* a: n x n triangular -> its inverse; uplo, unit_diagonal */
    MAF_LARFT = 26, /* a: k reflectors of order n, by columns or (side 1) rows; w: tau -> b: k x k; `step` -1: backward */
    MAF_GESVDR = 27, /* as GESVD with v_plain, the largest k values and their vectors only */
    MAF_GELS = 15  /* a: m x n of full rank, b: max(m, n) x k -> least-squares solutions in its first rows; trans */
};

/* One LAPACK routine over a batch of column-major matrices. Definitions and info values are LAPACK's.
 * pointers: a b w u v p info (0 where unused); scalars: none. info: one int32 per matrix. */
struct maf_op_lapack {
    int64_t routine; /* maf_lapack_routine */
    int64_t type;    /* maf_dtype: F32, F64, C64, C128 */
    int64_t m;
    int64_t n;
    int64_t k;
    int64_t trans; /* 0 N, 1 T, 2 C */
    int64_t side;  /* 0 left, 1 right */
    int64_t uplo;  /* 0 lower, 1 upper */
    int64_t job_u; /* LAPACK's letter: 'N', 'V', 'A', 'S', 'O' */
    int64_t job_v;
    int64_t v_plain;
    int64_t lda;
    int64_t ldb;
    int64_t ldu;
    int64_t ldv;
    int64_t batch;
    int64_t stride_a; /* elements from one matrix to the next */
    int64_t stride_b;
    int64_t stride_w;
    int64_t stride_u;
    int64_t stride_v;
    int64_t stride_p;
    int64_t a_is_array; /* 1: a is a device array of `batch` addresses */
    int64_t b_is_array;
    int64_t pivot_bytes; /* 4 or 8 */
    int64_t w_is_array;
    int64_t itype;
    int64_t unit_diagonal;
    int64_t first;
    int64_t last;
    int64_t step;
    int64_t low; /* bits of a double */
    int64_t high;
    int64_t w_split; /* of real GEEV: w is n real parts, then n imaginary parts */
};

/* Routines of BLAS that are no GEMM. a, b, c are matrices; x, y vectors; operands in brackets are written. */
enum maf_blas_routine {
    MAF_BLAS_TRSM = 1,  /* [b] = alpha inverse(op(a)) b, or from the right; m x n */
    MAF_BLAS_TRMM = 2,  /* [c] = alpha op(a) b, or from the right; m x n */
    MAF_BLAS_SYMM = 3,  /* [c] = alpha a b + beta c, or b a; a symmetric */
    MAF_BLAS_HEMM = 4,
    MAF_BLAS_SYRK = 5,  /* [c] = alpha op(a) op(a)^T + beta c; n x n, k */
    MAF_BLAS_HERK = 6,
    MAF_BLAS_SYR2K = 7, /* [c] = alpha op(a) op(b)^T + alpha op(b) op(a)^T + beta c */
    MAF_BLAS_HER2K = 8,
    MAF_BLAS_TRSV = 9,  /* [x] = inverse(op(a)) x */
    MAF_BLAS_TRMV = 10, /* [x] = op(a) x */
    MAF_BLAS_SYMV = 11, /* [y] = alpha a x + beta y */
    MAF_BLAS_HEMV = 12,
    MAF_BLAS_GER = 13,  /* [a] += alpha x y^T; m x n */
    MAF_BLAS_GERC = 14, /* [a] += alpha x y^H */
    MAF_BLAS_SYR = 15,  /* [a] += alpha x x^T */
    MAF_BLAS_HER = 16,
    MAF_BLAS_SYR2 = 17, /* [a] += alpha x y^T + alpha y x^T */
    MAF_BLAS_HER2 = 18,
    MAF_BLAS_AXPY = 19, /* [y] += alpha x */
    MAF_BLAS_SCAL = 20, /* [x] = alpha x */
    MAF_BLAS_COPY = 21, /* [y] = x */
    MAF_BLAS_SWAP = 22, /* [x], [y] = y, x */
    MAF_BLAS_NRM2 = 23, /* [c] = sqrt(sum |x|^2), of the real type */
    MAF_BLAS_ASUM = 24, /* [c] = sum |re x| + |im x|, of the real type */
    MAF_BLAS_IAMAX = 25, /* [c] = number, from 1, of the first element of largest |re| + |im|; int32, or int64 if index_bytes is 8 */
    MAF_BLAS_IAMIN = 26,
    MAF_BLAS_ROT = 27,  /* [x], [y] = c x + s y, c y - conj(s) x; c = alpha (real), s = beta */
    MAF_BLAS_GEAM = 28, /* [c] = alpha op(a) + beta op(b); m x n */
    MAF_BLAS_DGMM = 29, /* [c] = a diag(x), or diag(x) a; m x n, x in b */
    MAF_BLAS_ROTM = 30, /* [x], [y] = h11 x + h12 y, h21 x + h22 y; scalars h11 h21 h12 h22; on the device: rotmg's 5 values at alpha */
    /* Banded and packed matrices as BLAS stores them; k diagonals beside the main one (GBMV: below it, `above` above it). */
    MAF_BLAS_GBMV = 31, /* [y] = alpha op(a) x + beta y; m x n */
    MAF_BLAS_SBMV = 32, /* [y] = alpha a x + beta y */
    MAF_BLAS_HBMV = 33,
    MAF_BLAS_SPMV = 34,
    MAF_BLAS_HPMV = 35,
    MAF_BLAS_TBMV = 36, /* [x] = op(a) x */
    MAF_BLAS_TBSV = 37, /* [x] = inverse(op(a)) x */
    MAF_BLAS_TPMV = 38,
    MAF_BLAS_TPSV = 39,
    MAF_BLAS_SPR = 40,  /* [a] += alpha x x^T */
    MAF_BLAS_HPR = 41,
    MAF_BLAS_SPR2 = 42,
    MAF_BLAS_HPR2 = 43,
    MAF_BLAS_TPTTR = 44, /* [a] = the triangle packed in x */
    MAF_BLAS_TRTTP = 45, /* [x] = a's triangle, packed */
    MAF_BLAS_SYRKX = 46, /* [c] = alpha op(a) op(b)^T + beta c, one triangle of it; n x n, k */
    MAF_BLAS_HERKX = 47
};

/* pointers: a b c x y alpha beta (0 where unused; alpha and beta if scalars_on_device); scalars: 4 doubles. */
struct maf_op_blas {
    int64_t routine; /* maf_blas_routine */
    int64_t type;    /* maf_dtype: F32, F64, C64, C128 */
    int64_t type_scale; /* of alpha and beta in device memory: type, or its real type */
    int64_t side;    /* 0 left, 1 right */
    int64_t uplo;    /* 0 lower, 1 upper */
    int64_t transa;  /* 0 N, 1 T, 2 C */
    int64_t transb;
    int64_t unit_diagonal;
    int64_t m;
    int64_t n;
    int64_t k;
    int64_t lda;
    int64_t ldb;
    int64_t ldc;
    int64_t incx; /* negative: x points to the vector's lowest address, as in BLAS */
    int64_t incy;
    int64_t batch;
    int64_t pointer_array; /* 1: a, b, c, x, y are device arrays of `batch` addresses */
    int64_t scalars_on_device;
    int64_t index_bytes;
    int64_t above;
};

/* Recurrent layers as cuDNN defines them, all layers and time steps in one op. direction: 0 inference forward,
 * 1 training forward, 2 backward data, 3 backward weights (adds to dw).
 * pointers: x y hx hy cx cy w reserve states dx dy dhx dhy dcx dcy dw (0 where unused or absent)
 * scalars: doubles padding_fill, dropout; int64 clear_dw; then `batch` int32 sequence lengths.
 * x and y: 0 time major, padded; 1 time major, packed by descending length; 2 batch major, padded.
 * w: per layer and direction the input matrices of all gates, then their recurrent matrices, then (LSTM) the
 * projection; after all of them, in the same order, input biases and recurrent biases. hx, cx, ...: layers * directions by batch by size.
 * states: uint64 seed, uint64 counter (read and advanced by training with dropout). */
struct maf_op_rnn {
    int64_t direction;
    int64_t cell; /* cudnnRNNMode_t: 0 ReLU, 1 tanh, 2 LSTM, 3 GRU */
    int64_t bias; /* cudnnRNNBiasMode_t: 0 none, 1 input, 2 both, 3 recurrent */
    int64_t bidirectional;
    int64_t type;
    int64_t layout;
    int64_t layers;
    int64_t input;
    int64_t hidden;
    int64_t projection; /* size of a projected output, equal to hidden without projection */
    int64_t time; /* longest sequence */
    int64_t batch;
    int64_t skip_input; /* the first layer takes its input without a matrix */
    int64_t dropout; /* 1: between layers, in training */
};

/* Bilinear sampling at a grid of points, zero outside; corners of the image are at -1 and 1 (cuDNN's spatial
 * transformer), and the grid itself. direction: 0 sample, 1 gradients of sampling, 2 grid from matrices, 3 its gradient.
 * x is N C H W, y is N C by the output's height and width, grid N by height by width by 2 (x, y), packed.
 * pointers: x grid y dx dgrid dy theta (N by 2 by 3) dtheta; scalars: doubles alpha, beta, alpha_grid, beta_grid. */
struct maf_op_sampler {
    int64_t direction;
    int64_t type;
    int64_t x_dims[4];
    int64_t x_strides[4];
    int64_t dx_strides[4];
    int64_t y_dims[4];
    int64_t y_strides[4]; /* of y, or dy */
};

/* Connectionist temporal classification. probs: time by batch by classes, class 0 is blank.
 * pointers: probs costs gradients labels label_lengths input_lengths (the last three with on_device; int32, labels of all samples in a row)
 * scalars, without on_device: int32 input_lengths[batch], label_lengths[batch], labels. */
struct maf_op_ctc {
    int64_t type;
    int64_t time;
    int64_t batch;
    int64_t classes;
    int64_t strides[3];
    int64_t gradient_strides[3];
    int64_t softmax; /* 1: probs are logarithms up to a constant per row; gradients are with respect to them */
    int64_t gradients; /* 1: wanted */
    int64_t on_device;
};

/* out = f(alpha1 * a, alpha2 * b), or an activation's gradient, blended: out = result + beta * out.
 * pointers: out a b c; scalars: doubles alpha1, alpha2, beta, coefficient. Strides 0 repeat an operand.
 * function: 0 a (copy, scale, convert), 1 a + b, 2 a * b, 3 min, 4 max, 5 sqrt a, 6 1 - a, 7 the coefficient;
 * activations 16 + cudnnActivationMode_t: out = alpha1 * f(a); their gradients 32 + mode: out = alpha1 * df(y = a, dy = b, x = c);
 * 48 dropout with the mask's bytes in c: out = a * mask / (1 - coefficient), 49 dropout that makes the mask: b holds the generator's states. */
struct maf_op_elementwise {
    int64_t function;
    int64_t rank;
    int64_t dims[8];
    int64_t type_out;
    int64_t type_a;
    int64_t type_b;
    int64_t type_c;
    int64_t out_strides[8];
    int64_t a_strides[8];
    int64_t b_strides[8];
    int64_t c_strides[8];
    int64_t nan_propagation;
};

/* c = alpha * reduce(a) + beta * c over the dimensions where c's size is 1.
 * pointers: a c indices (int32 positions within the reduced dimensions, MIN, MAX and AMAX only); scalars: doubles alpha, beta. */
struct maf_op_reduce {
    int64_t function; /* cudnnReduceTensorOp_t */
    int64_t rank;
    int64_t type_a;
    int64_t type_c;
    int64_t a_dims[8];
    int64_t a_strides[8];
    int64_t c_dims[8];
    int64_t c_strides[8];
    int64_t nan_propagation;
    int64_t indices;
};

/* pointers forward: x y; backward: y dy dx. scalars: doubles alpha, beta. */
struct maf_op_softmax {
    int64_t direction; /* 0 forward, 1 backward */
    int64_t algorithm; /* cudnnSoftmaxAlgorithm_t: 2 is the logarithm */
    int64_t per_instance; /* over C and all spatial positions, else over C */
    int64_t type;
    int64_t rank;
    int64_t dims[5];
    int64_t x_strides[5]; /* x, or dx */
    int64_t y_strides[5];
    int64_t dy_strides[5];
};

/* pointers forward: x y; backward: y dy x dx. scalars: doubles alpha, beta. */
struct maf_op_pooling {
    int64_t direction; /* 0 forward, 1 backward */
    int64_t mode;      /* cudnnPoolingMode_t */
    int64_t nan_propagation;
    int64_t type;
    int64_t spatial;
    int64_t x_dims[5];
    int64_t y_dims[5];
    int64_t x_strides[5];
    int64_t y_strides[5];
    int64_t dx_strides[5];
    int64_t dy_strides[5];
    int64_t window[3];
    int64_t pad[3];
    int64_t stride[3];
};

/* Local response normalization across channels (dimension 1): y = x s^-beta, s = k + alpha / window * (sum of squares of x
 * over `window` channels, (window - 1) / 2 of them before).
 * pointers forward: x y; backward: y dy x dx. scalars: doubles alpha, beta (of the result's blend), LRN's alpha, beta, k. */
struct maf_op_lrn {
    int64_t direction; /* 0 forward, 1 backward */
    int64_t type;
    int64_t window;
    int64_t rank;
    int64_t dims[5];
    int64_t x_strides[5];
    int64_t y_strides[5];
    int64_t dy_strides[5];
    int64_t dx_strides[5];
};

/* Sparse matrices: a (and b, c in the routines that say so) is CSR, CSC, COO or BSR, the others dense. */
enum maf_sparse_routine {
    MAF_SPARSE_MM = 1,       /* c = alpha op(a) op(b) + beta c */
    MAF_SPARSE_SDDMM = 2,    /* sparse a = alpha op(b) op(c) on a's pattern + beta a */
    MAF_SPARSE_SOLVE = 3,    /* c = alpha inverse(op(a)) op(b), a triangular by fill and unit_diagonal */
    MAF_SPARSE_GEMM_COUNT = 4, /* number of entries of a b into `extra` (int64), both sparse in CSR */
    MAF_SPARSE_GEMM = 5,     /* sparse c = alpha a b + beta c, all CSR, columns ascending; c has that many entries */
    MAF_SPARSE_ADD_COUNT = 6, /* row offsets of a + b into c_offsets, the number of entries into `extra` (int32) */
    MAF_SPARSE_ADD = 7,      /* sparse c = alpha a + beta b, all CSR */
    MAF_SPARSE_COMPRESS = 8, /* a_indices: nnz row numbers, ascending -> a_offsets: rows + 1 of them */
    MAF_SPARSE_SORT = 9,     /* a_offsets (row or column numbers, or CSR offsets if format is CSR), a_indices: sorted by
                              * row, then column; extra: int32 permutation, moved along */
    MAF_SPARSE_EXPAND = 10,  /* a_offsets: rows + 1 -> a_indices: nnz row numbers */
    MAF_SPARSE_TURN = 11,    /* a in CSR -> the same in CSC at c: offsets, row numbers, values unless 0 */
    MAF_SPARSE_TO_DENSE = 12, /* a -> dense c */
    MAF_SPARSE_COUNT = 13,   /* dense b (rows x cols): number of its nonzeros into `extra` (int64), and, if a is CSR or CSC,
                              * offsets into a_offsets */
    MAF_SPARSE_FROM_DENSE = 14, /* dense b -> a, whose nnz is known */
    /* a is a vector of `rows` elements, nnz of them at a_indices and a_values; c is a dense one. */
    MAF_SPARSE_AXPBY = 15,   /* c = alpha a + beta c */
    MAF_SPARSE_GATHER = 16,  /* a_values = c at a_indices */
    MAF_SPARSE_SCATTER = 17, /* c at a_indices = a_values */
    MAF_SPARSE_DOT = 18,     /* extra, of type_compute, = sum of op(a) c; op_a 2 conjugates */
    MAF_SPARSE_QR_SOLVE = 19 /* c = inverse(a) b of square a by QR; extra, an int32: the first row of R whose diagonal is
                              * within beta, else -1 */
};

enum maf_sparse_format { MAF_CSR = 1, MAF_CSC = 2, MAF_COO = 3, MAF_BSR = 4 };

/* pointers: a_offsets a_indices a_values b_offsets b_indices b_values c_offsets c_indices c_values extra alpha beta
 * (a dense matrix's elements at its values; for COO the row numbers at a_offsets; 0 where unused)
 * scalars: 4 doubles: alpha re, im, beta re, im (when not scalars_on_device). */
struct maf_op_sparse {
    int64_t routine;
    int64_t type; /* maf_dtype of the elements */
    int64_t type_c; /* of dense c; else as type */
    int64_t type_compute;
    int64_t format; /* of a */
    int64_t rows;   /* of a, not of op(a); blocks if BSR */
    int64_t cols;
    int64_t nnz;    /* entries, or blocks if BSR */
    int64_t base;   /* first index: 0 or 1 */
    int64_t offset_bytes; /* 4 or 8 */
    int64_t index_bytes;
    int64_t block_rows;
    int64_t block_cols;
    int64_t block_by_columns; /* 1: elements of a block column by column */
    int64_t op_a; /* 0 N, 1 T, 2 C */
    int64_t op_b;
    int64_t op_c; /* of SDDMM's second factor */
    int64_t fill; /* 0 lower, 1 upper */
    int64_t unit_diagonal;
    int64_t b_rows; /* as stored; of sparse b: its rows */
    int64_t b_cols;
    int64_t b_ld;
    int64_t b_by_rows; /* 1: row major */
    int64_t b_nnz;
    int64_t c_ld;
    int64_t c_by_rows;
    int64_t c_nnz;
    int64_t batch;
    int64_t stride_offsets; /* elements from one matrix to the next; 0: shared */
    int64_t stride_indices;
    int64_t stride_values;
    int64_t stride_b;
    int64_t stride_c;
    int64_t scalars_on_device;
};

/* Structured sparsity as cuSPARSELt has it: of each group of elements along the inner (multiplied) dimension half are
 * kept, 2 of 4, or 1 of 2 where an element has 4 bytes. */
enum maf_structured_routine {
    MAF_STRUCTURED_COMPRESS = 1, /* dense -> compressed */
    MAF_STRUCTURED_EXPAND = 2,   /* compressed -> dense, zeros included */
    MAF_STRUCTURED_PRUNE = 3,    /* dense -> the same with the smallest elements zero; other may be dense itself */
    MAF_STRUCTURED_CHECK = 4     /* other, an int32: 1 if a group holds too many elements, else 0 */
};

/* A compressed matrix is its outer * inner / 2 kept elements row by row, then their places in 16-bit words of one row each:
 * 2 bits per element (4 bits, 4 or 14, where an element has 4 bytes). Words follow each other row by row, or for 16-bit
 * elements with outer a multiple of 128 and inner one of 64 in the order of PyTorch's _sparse_semi_structured_tile.
 * pointers: dense other. */
struct maf_op_structured {
    int64_t routine; /* maf_structured_routine */
    int64_t type;    /* maf_dtype: F32, F16, BF16, I8 */
    int64_t outer;   /* rows if the inner dimension is a row */
    int64_t inner;
    int64_t outer_stride; /* of dense, elements */
    int64_t inner_stride;
    int64_t batch;
    int64_t stride; /* from one dense matrix to the next */
    int64_t tiles;  /* PRUNE: 1 groups along both dimensions (square tiles), 0 along the inner one */
};

/* Random numbers as cuRAND's host interface orders them. A generator has `lanes` sequences of its own; they give one item
 * each in turn, of one or more numbers. */
enum maf_random_routine {
    MAF_RANDOM_SEED = 1,    /* the state at an offset in the sequence of single numbers */
    MAF_RANDOM_GENERATE = 2 /* the next numbers; the state moves on */
};

enum maf_random_generator { MAF_XORWOW = 1, MAF_MRG32K3A = 2, MAF_PHILOX = 3 };

enum maf_random_distribution {
    MAF_RANDOM_BITS = 0,
    MAF_RANDOM_UNIFORM = 1, /* (0, 1] */
    MAF_RANDOM_NORMAL = 2,
    MAF_RANDOM_LOG_NORMAL = 3,
    MAF_RANDOM_POISSON = 4
};

/* pointers: state out. State: uint64 lane whose turn it is, numbers taken of its item, seed, reserved; then uint32 words,
 * each kind for all lanes: XORWOW v0..v4 and d, MRG32K3A both triples, Philox one counter.
 * scalars: SEED uint64 seed, uint64 offset; GENERATE double mean (Poisson's lambda), double deviation, uint64 count. */
struct maf_op_random {
    int64_t routine;
    int64_t generator;
    int64_t lanes;
    int64_t distribution;
    int64_t type; /* maf_dtype of out: I32 for bits and Poisson, F32, F64 */
};
