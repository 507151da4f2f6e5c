/* Modules and kernels. Registration only appends to a list; the host-pointer table is built at the first look-up,
 * and a module's bytes go to the executor when one of its kernels or variables is first used. */
#define _GNU_SOURCE
#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "internal.h"

enum { WRAPPER_MAGIC = 0x466243b1, FATBIN_MAGIC = 0xba55ed50u };

struct wrapper {
    uint32_t magic;
    uint32_t version; /* 2: `more` lists further fat binaries of a relocatable link; data is the linked one */
    const void *data;
    const void *more;
};

struct fatbin_header {
    uint32_t magic;
    uint16_t version;
    uint16_t header_bytes;
    uint64_t bytes; /* after the header */
};

struct maf_registered {
    const void *host;
    const char *name;
    uint64_t bytes; /* of a variable; kernels have UINT64_MAX */
    uint32_t flags; /* MAF_VARIABLE_* */
};
#define KERNEL UINT64_MAX

static struct maf_slab module_slab = {.item = sizeof(struct maf_module), .limit = 1 << 16};
static struct maf_slab kernel_slab = {.item = sizeof(struct maf_kernel), .limit = 1 << 18};

static struct maf_lock registry_lock;

/* Host pointer -> (module, entry): open addressing, rebuilt when registrations were added since. */
struct host_entry {
    const void *host; /* NULL: free */
    struct maf_module *module;
    struct maf_kernel *kernel;
    uint32_t index;
};
static struct host_entry *table;
static uint64_t table_size, table_count;
static struct maf_module **registered_modules;
static uint32_t module_count, module_room;
static atomic_int unindexed; /* registrations since the table was last brought up to date */

static uint64_t hash_pointer(const void *p)
{
    return ((uint64_t)(uintptr_t)p >> 2) * 0x9e3779b97f4a7c15u;
}

void *maf_register_fatbin(const void *wrapper)
{
    const struct wrapper *w = wrapper;
    struct maf_module *m = maf_slab_new(&module_slab);
    if (!m)
        return NULL;
    m->bytes = w && w->magic == WRAPPER_MAGIC ? w->data : wrapper;
    maf_lock(&registry_lock);
    if (module_count == module_room) {
        uint32_t room = module_room ? module_room * 2 : 1024;
        struct maf_module **grown = realloc(registered_modules, room * sizeof *grown);
        if (!grown) {
            maf_unlock(&registry_lock);
            return NULL;
        }
        registered_modules = grown;
        module_room = room;
    }
    registered_modules[module_count++] = m;
    maf_unlock(&registry_lock);
    return m;
}

static void append(struct maf_module *m, const void *host, const char *name, uint64_t bytes, uint32_t flags)
{
    if (!maf_slab_holds(&module_slab, m))
        return;
    maf_lock(&m->lock);
    if (m->name_count == m->name_room) {
        uint32_t room = m->name_room ? m->name_room * 2 : 64;
        struct maf_registered *grown = realloc(m->names, room * sizeof *grown);
        if (!grown) {
            maf_unlock(&m->lock);
            return;
        }
        m->names = grown;
        m->name_room = room;
    }
    m->names[m->name_count++] = (struct maf_registered){host, name, bytes, flags};
    atomic_store_explicit(&unindexed, 1, memory_order_release);
    maf_unlock(&m->lock);
}

void maf_register_function(void *module, const void *host, const char *name)
{
    append(module, host, name, KERNEL, 0);
}

void maf_register_variable(void *module, const void *host, const char *name, uint64_t bytes, uint32_t flags)
{
    append(module, host, name, bytes, flags);
}

/* registry_lock held */
static struct host_entry *slot_of(const void *host)
{
    uint64_t i = hash_pointer(host) >> 20 & (table_size - 1);
    while (table[i].host && table[i].host != host)
        i = (i + 1) & (table_size - 1);
    return &table[i];
}

static int table_reserve(uint64_t count)
{
    uint64_t size = table_size ? table_size : 1024;
    while (count * 2 > size)
        size *= 2;
    if (size == table_size)
        return 0;
    struct host_entry *old = table, *grown = calloc(size, sizeof *grown);
    uint64_t old_size = table_size;
    if (!grown)
        return -1;
    table = grown;
    table_size = size;
    for (uint64_t i = 0; i < old_size; i++)
        if (old[i].host)
            *slot_of(old[i].host) = old[i];
    free(old);
    return 0;
}

/* registry_lock held. The newest registration of a host address wins (a library was unloaded and another loaded in
 * its place). */
static void index_modules(void)
{
    uint64_t more = 0;
    for (uint32_t i = 0; i < module_count; i++)
        more += registered_modules[i]->name_count - registered_modules[i]->indexed;
    if (table_reserve(table_count + more) != 0)
        return;
    for (uint32_t n = 0; n < module_count; n++) {
        struct maf_module *m = registered_modules[n];
        maf_lock(&m->lock);
        for (; m->indexed < m->name_count && table_count * 2 < table_size; m->indexed++) {
            const void *host = m->names[m->indexed].host;
            struct host_entry *e = host ? slot_of(host) : NULL;
            if (!e)
                continue;
            table_count += !e->host;
            *e = (struct host_entry){host, m, NULL, m->indexed};
        }
        maf_unlock(&m->lock);
    }
}

static struct host_entry *find_host(const void *host)
{
    if (atomic_exchange(&unindexed, 0))
        index_modules();
    if (!table_size || !host)
        return NULL;
    struct host_entry *e = slot_of(host);
    return e->host && maf_slab_holds(&module_slab, e->module) && e->index < e->module->name_count ? e : NULL;
}

static struct maf_kernel *new_kernel(struct maf_module *m, const char *name, const void *host)
{
    struct maf_kernel *k = maf_slab_new(&kernel_slab);
    if (k) {
        k->module = m;
        k->name = name;
        k->host = host;
        k->max_dynamic_shared = -1;
        k->carveout = -1;
        maf_lock(&m->lock);
        k->next = m->kernels;
        m->kernels = k;
        maf_unlock(&m->lock);
    }
    return k;
}

struct maf_kernel *maf_kernel_of(const void *func)
{
    if (likely(maf_slab_holds(&kernel_slab, func)))
        return (struct maf_kernel *)(uintptr_t)func;
    struct maf_kernel *k = NULL;
    maf_lock(&registry_lock);
    struct host_entry *e = find_host(func);
    if (e && e->module->names[e->index].bytes == KERNEL) {
        if (!e->kernel)
            e->kernel = new_kernel(e->module, e->module->names[e->index].name, func);
        k = e->kernel;
    }
    maf_unlock(&registry_lock);
    return k;
}

void *maf_kernel_handle(const void *func)
{
    return maf_kernel_of(func);
}

const char *maf_kernel_name(void *kernel)
{
    struct maf_kernel *k = maf_kernel_of(kernel);
    return k ? k->name : NULL;
}

void *maf_kernel_module(void *kernel)
{
    struct maf_kernel *k = maf_kernel_of(kernel);
    return k ? k->module : NULL;
}

/* --- bytes of an image ---------------------------------------------------------------------------------- */
static uint64_t elf_bytes(const unsigned char *p)
{
    const Elf64_Ehdr *h = (const Elf64_Ehdr *)p;
    if (h->e_ident[EI_CLASS] != ELFCLASS64)
        return 0;
    uint64_t end = h->e_shoff + (uint64_t)h->e_shnum * h->e_shentsize;
    uint64_t programs = h->e_phoff + (uint64_t)h->e_phnum * h->e_phentsize;
    end = programs > end ? programs : end;
    for (unsigned i = 0; i < h->e_shnum; i++) {
        const Elf64_Shdr *s = (const Elf64_Shdr *)(p + h->e_shoff + (uint64_t)i * h->e_shentsize);
        if (s->sh_type != SHT_NOBITS && s->sh_offset + s->sh_size > end)
            end = s->sh_offset + s->sh_size;
    }
    return end;
}

/* Follows a wrapper; *bytes = 0 when the image is of no known kind. */
static const void *image_of(const void *image, uint64_t *bytes)
{
    uint32_t magic;
    *bytes = 0;
    if (!image)
        return NULL;
    memcpy(&magic, image, 4);
    if (magic == WRAPPER_MAGIC) {
        image = ((const struct wrapper *)image)->data;
        memcpy(&magic, image, 4);
    }
    if (magic == FATBIN_MAGIC) {
        const struct fatbin_header *h = image;
        *bytes = h->header_bytes + h->bytes;
    } else if (memcmp(&magic, ELFMAG, 4) == 0) {
        *bytes = elf_bytes(image);
    } else {
        const char *text = image;
        size_t n = strnlen(text, 1u << 30), i = 0;
        while (i < n && ((unsigned char)text[i] >= 32 || strchr("\t\r\n", text[i])))
            i++;
        if (n && i == n && strstr(text, ".version"))
            *bytes = n + 1; /* PTX with its terminator */
    }
    return image;
}

int maf_module_load(const void *image, void **module)
{
    uint64_t bytes;
    const void *data = image_of(image, &bytes);
    *module = NULL;
    if (!bytes)
        return MAF_E_INVALID_IMAGE;
    struct maf_module *m = maf_slab_new(&module_slab);
    void *copy = malloc(bytes);
    if (!m || !copy) {
        free(copy);
        if (m)
            maf_slab_delete(&module_slab, m);
        return MAF_E_OUT_OF_MEMORY;
    }
    memcpy(copy, data, bytes); /* the caller may free its buffer */
    m->bytes = copy;
    m->size = bytes;
    m->owned = 1;
    *module = m;
    return 0;
}

int maf_module_load_file(const char *path, void **module)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC), error = MAF_E_FILE_NOT_FOUND;
    char *data = NULL;
    *module = NULL;
    if (fd >= 0 && fstat(fd, &st) == 0 && (data = calloc(1, (size_t)st.st_size + 1))) {
        ssize_t n = 0, got = 0;
        while (got < st.st_size && (n = read(fd, data + got, (size_t)(st.st_size - got))) > 0)
            got += n;
        error = got == st.st_size && got >= 4 ? maf_module_load(data, module) : MAF_E_INVALID_IMAGE;
    }
    free(data);
    if (fd >= 0)
        close(fd);
    return error;
}

int maf_module_valid(void *module)
{
    return maf_slab_holds(&module_slab, module);
}

static void unload(struct maf_module *m)
{
    for (struct maf_kernel *k = m->kernels, *next; k; k = next) {
        next = k->next;
        for (int d = 0; d < MAF_MAX_SDA; d++)
            free(k->state[d]);
        if (m->owned)
            free((void *)(uintptr_t)k->name);
        maf_slab_delete(&kernel_slab, k);
    }
    for (int d = 0; d < maf_g.count; d++)
        if (m->loaded[d] && atomic_load(&maf_g.phase) == MAF_READY) {
            uint32_t id = m->loaded[d] - 1;
            maf_request(MAF_REQ_UNLOAD, d, &id, sizeof id, NULL, 0, NULL, 0, NULL);
        }
    free(m->names);
    if (m->owned)
        free((void *)(uintptr_t)m->bytes);
    maf_slab_delete(&module_slab, m);
}

int maf_module_unload(void *module)
{
    if (!maf_slab_holds(&module_slab, module))
        return MAF_E_INVALID_HANDLE;
    int error = atomic_load(&maf_g.phase) == MAF_READY ? maf_wait_seq(maf_last_seq()) : 0;
    unload(module);
    return error;
}

/* Runs from atexit handlers and at dlclose: must not need the executor, and kernels of the library may still be
 * queued. Names and bytes go away with the library, so nothing of it may be looked up again. */
void maf_unregister_fatbin(void *module)
{
    struct maf_module *m = module;
    /* In a forked child another thread's lock may never be released, and nothing can be looked up anyway. */
    if (!maf_slab_holds(&module_slab, m) || maf_forked_child())
        return;
    maf_lock(&registry_lock);
    if (table_size)
        for (uint32_t i = 0; i < m->name_count; i++) {
            struct host_entry *e = slot_of(m->names[i].host);
            if (e->host && e->module == m)
                e->index = UINT32_MAX;
        }
    for (uint32_t i = module_count; i-- > 0;)
        if (registered_modules[i] == m) {
            memmove(&registered_modules[i], &registered_modules[i + 1], (module_count - i - 1) * sizeof m);
            module_count--;
            break;
        }
    for (struct maf_kernel *k = m->kernels; k; k = k->next)
        k->alive = 0;
    free(m->names);
    m->names = NULL;
    m->name_count = 0;
    m->alive = 0;
    maf_unlock(&registry_lock);
}

/* --- executor side ---------------------------------------------------------------------------------------- */
static int module_id(struct maf_module *m, int device, uint32_t *id)
{
    int error = 0;
    maf_lock(&m->lock);
    if (!m->loaded[device] && !(error = m->load_error[device])) {
        char reply[512] = {0};
        struct maf_module_info info;
        uint64_t got = 0;
        if (!m->size)
            m->bytes = image_of(m->bytes, &m->size);
        error = m->size ? maf_request(MAF_REQ_MODULE, device, m->bytes, m->size, NULL, 0, reply, sizeof reply - 1, &got)
                        : MAF_E_INVALID_IMAGE;
        if (error > 0)
            maf_log(1, "module: %s", reply);
        else if (error == 0) {
            memcpy(&info, reply, sizeof info);
            m->loaded[device] = info.module + 1;
        }
        m->load_error[device] = error < 0 ? 0 : error;
        error = error < 0 ? -error : error;
    }
    *id = m->loaded[device] - 1;
    maf_unlock(&m->lock);
    return error;
}

static int ask(struct maf_module *m, int device, uint32_t request, const char *name, void *reply, uint64_t room)
{
    struct maf_kernel_query query = {.name_bytes = (uint32_t)strlen(name)};
    char head[sizeof query + 2048];
    uint64_t got = 0;
    int error = module_id(m, device, &query.module);
    if (error)
        return error;
    memcpy(head, &query, sizeof query);
    error = maf_request(request, device, head, sizeof query, name, query.name_bytes, reply, room, &got);
    if (error > 0)
        maf_log(error == MAF_E_NOT_FOUND ? 2 : 1, "%s: %.*s", name, (int)(got < room ? got : room), (char *)reply);
    return error < 0 ? -error : error;
}

int maf_kernel_state(struct maf_kernel *k, int device, struct maf_kernel_state **out)
{
    struct maf_kernel_state *state = atomic_load_explicit(&k->state[device], memory_order_acquire);
    if (likely(state != NULL)) {
        *out = state;
        return 0;
    }
    size_t room = sizeof *state + 4096 * sizeof(struct maf_param);
    state = calloc(1, room);
    if (!state)
        return MAF_E_OUT_OF_MEMORY;
    int error = ask(k->module, device, MAF_REQ_KERNEL, k->name, state, room);
    if (error || state->info.params > 4096) {
        free(state);
        return error ? error : MAF_E_INVALID_IMAGE;
    }
    maf_trace_name_kernel(&state->info, k->name);
    struct maf_kernel_state *fit = realloc(state, sizeof *state + state->info.params * sizeof(struct maf_param));
    struct maf_kernel_state *none = NULL;
    state = fit ? fit : state;
    if (!atomic_compare_exchange_strong(&k->state[device], &none, state)) {
        free(state);
        state = none;
    }
    *out = state;
    return 0;
}

int maf_module_kernel(void *module, const char *name, void **kernel)
{
    struct maf_module *m = module;
    struct maf_kernel_state *state;
    *kernel = NULL;
    if (!maf_slab_holds(&module_slab, m))
        return MAF_E_INVALID_HANDLE;
    maf_lock(&m->lock);
    for (struct maf_kernel *k = m->kernels; k && !*kernel; k = k->next)
        if (strcmp(k->name, name) == 0)
            *kernel = k;
    maf_unlock(&m->lock);
    if (*kernel)
        return 0;
    char *copy = m->owned ? strdup(name) : (char *)(uintptr_t)name;
    struct maf_kernel *k = copy ? new_kernel(m, copy, NULL) : NULL;
    if (!k)
        return MAF_E_OUT_OF_MEMORY;
    int error = maf_kernel_state(k, maf_current_device(), &state);
    if (error) {
        maf_lock(&m->lock);
        for (struct maf_kernel **link = &m->kernels; *link; link = &(*link)->next)
            if (*link == k) {
                *link = k->next;
                break;
            }
        maf_unlock(&m->lock);
        if (m->owned)
            free(copy);
        maf_slab_delete(&kernel_slab, k);
        return error;
    }
    *kernel = k;
    return 0;
}

int maf_module_variable(void *module, const char *name, uint64_t *address, uint64_t *bytes)
{
    char reply[512] = {0};
    struct maf_symbol_info info;
    if (!maf_slab_holds(&module_slab, module))
        return MAF_E_INVALID_HANDLE;
    int error = ask(module, maf_current_device(), MAF_REQ_SYMBOL, name, reply, sizeof reply - 1);
    if (error)
        return error;
    memcpy(&info, reply, sizeof info);
    if (address)
        *address = info.address;
    if (bytes)
        *bytes = info.bytes;
    return 0;
}

int maf_init_managed(void *module)
{
    struct maf_module *m = module;
    int error = maf_slab_holds(&module_slab, m) ? maf_enter_device() : MAF_E_INVALID_HANDLE;
    for (uint32_t i = 0; !error && i < m->name_count; i++) {
        uint64_t address = 0, bytes = 0;
        if (m->names[i].flags & MAF_VARIABLE_MANAGED)
            error = maf_module_variable(m, m->names[i].name, &address, &bytes);
        if (m->names[i].flags & MAF_VARIABLE_MANAGED && !error && !(error = maf_memory_show(address, bytes)))
            *(void **)(uintptr_t)m->names[i].host = (void *)(uintptr_t)address;
    }
    return error;
}

int maf_host_variable(const void *host, uint64_t *address, uint64_t *bytes)
{
    struct maf_module *module = NULL;
    const char *name = NULL;
    maf_lock(&registry_lock);
    struct host_entry *e = find_host(host);
    if (e && e->module->names[e->index].bytes != KERNEL) {
        module = e->module;
        name = module->names[e->index].name;
    }
    maf_unlock(&registry_lock);
    /* The name of a managed variable stands for its memory in host code, not for the symbol. */
    const struct maf_extent *managed = module ? NULL : maf_memory_shown((uint64_t)(uintptr_t)host);
    if (managed && address)
        *address = managed->address;
    if (managed && bytes)
        *bytes = managed->bytes;
    int error = module    ? maf_module_variable(module, name, address, bytes)
                : managed ? 0
                          : MAF_E_INVALID_SYMBOL;
    return error == MAF_E_NOT_FOUND ? MAF_E_INVALID_SYMBOL : error;
}
