/* Preloaded into a process: counts the system calls that write below one folder, and lets one of them fail.
 *
 * fault_arm(folder, call, error, keep) is called through ctypes. The call-th call that writes below the folder fails
 * with `error` (errno). With error 0 the process is killed instead, before the call takes effect. With error -1 only
 * calls that write data count, and the call reports success and writes nothing. All later calls fail too when `keep` is
 * set, as on a disk that stays full. fault_count() returns the number of calls seen so far, fault_data_count() of those
 * that write data.
 *
 * When AMCNET_FAULTS_SHARED names a file, its processes share one plan and one count, so that the call may be one of a
 * child process.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

struct plan {
    char root[PATH_MAX];
    long target;
    long seen;
    long data;
    int error;
    int keep;
};

static struct plan own = {.target = -1};
static struct plan *plan = &own;

__attribute__((constructor)) void fault_share(void) {
    const char *path = getenv("AMCNET_FAULTS_SHARED");
    int file = path ? open(path, O_RDWR) : -1;
    if (file < 0) return;
    void *shared = mmap(NULL, sizeof *plan, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    if (shared != MAP_FAILED) plan = shared;
}

long fault_plan_bytes(void) { return sizeof *plan; }

void fault_arm(const char *folder, long call, int error, int keep) {
    snprintf(plan->root, sizeof plan->root, "%s/", folder);
    plan->target = call;
    plan->error = error;
    plan->keep = keep;
    plan->seen = plan->data = 0;
}

long fault_count(void) { return plan->seen; }

long fault_data_count(void) { return plan->data; }

static int below(const char *path) { return plan->root[0] && strncmp(path, plan->root, strlen(plan->root)) == 0; }

static int path_counts(int folder, const char *path) {
    char full[PATH_MAX * 2];
    if (!plan->root[0] || !path) return 0;
    if (path[0] == '/') return below(path);
    char base[PATH_MAX];
    if (folder == AT_FDCWD) {
        if (!getcwd(base, sizeof base)) return 0;
    } else {
        char link[64];
        snprintf(link, sizeof link, "/proc/self/fd/%d", folder);
        ssize_t n = readlink(link, base, sizeof base - 1);
        if (n < 0) return 0;
        base[n] = 0;
    }
    snprintf(full, sizeof full, "%s/%s", base, path);
    return below(full);
}

static int descriptor_counts(int descriptor) {
    char link[64], path[PATH_MAX];
    if (!plan->root[0]) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t n = readlink(link, path, sizeof path - 1);
    if (n < 0) return 0;
    path[n] = 0;
    return below(path);
}

enum outcome { WORKS, FAILS, LOSES };

/* Count one call, and return what becomes of it; errno is set when it fails. */
static enum outcome outcome_of(int writes_data) {
    long now = __sync_add_and_fetch(&plan->seen, 1);
    if (writes_data) {
        long data = __sync_add_and_fetch(&plan->data, 1);
        if (plan->error < 0) now = data;
    } else if (plan->error < 0) {
        return WORKS;
    }
    if (plan->target < 0 || now < plan->target || (now > plan->target && !plan->keep)) return WORKS;
    if (plan->error == 0) kill(getpid(), SIGKILL);
    if (plan->error < 0) return LOSES;
    errno = plan->error;
    return FAILS;
}

static int fails(void) { return outcome_of(0) == FAILS; }

#define WRITES_TO(fd, size) \
    enum outcome outcome = descriptor_counts(fd) ? outcome_of(1) : WORKS; \
    if (outcome != WORKS) return outcome == LOSES ? (ssize_t)(size) : -1

#define REAL(name) \
    static __typeof__(name) *real = NULL; \
    if (!real) real = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)

ssize_t write(int fd, const void *data, size_t size) {
    REAL(write);
    WRITES_TO(fd, size);
    return real(fd, data, size);
}

static size_t total(const struct iovec *parts, int count) {
    size_t size = 0;
    for (int part = 0; part < count; part++) size += parts[part].iov_len;
    return size;
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
    REAL(writev);
    WRITES_TO(fd, total(parts, count));
    return real(fd, parts, count);
}

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at) {
    REAL(pwrite64);
    WRITES_TO(fd, size);
    return real(fd, data, size, at);
}

ssize_t copy_file_range(int from, off64_t *at, int to, off64_t *place, size_t size, unsigned flags) {
    REAL(copy_file_range);
    WRITES_TO(to, size);
    return real(from, at, to, place, size, flags);
}

ssize_t sendfile64(int to, int from, off64_t *at, size_t size);
ssize_t sendfile64(int to, int from, off64_t *at, size_t size) {
    REAL(sendfile64);
    WRITES_TO(to, size);
    return real(to, from, at, size);
}

int fsync(int fd) {
    REAL(fsync);
    if (descriptor_counts(fd) && fails()) return -1;
    return real(fd);
}

int ftruncate64(int fd, off64_t size) {
    REAL(ftruncate64);
    if (descriptor_counts(fd) && fails()) return -1;
    return real(fd, size);
}

int rename(const char *from, const char *to) {
    REAL(rename);
    if (path_counts(AT_FDCWD, to) && fails()) return -1;
    return real(from, to);
}

int renameat2(int from_folder, const char *from, int to_folder, const char *to, unsigned flags) {
    REAL(renameat2);
    if (path_counts(to_folder, to) && fails()) return -1;
    return real(from_folder, from, to_folder, to, flags);
}

int mkdir(const char *path, mode_t mode) {
    REAL(mkdir);
    if (path_counts(AT_FDCWD, path) && fails()) return -1;
    return real(path, mode);
}

int unlink(const char *path) {
    REAL(unlink);
    if (path_counts(AT_FDCWD, path) && fails()) return -1;
    return real(path);
}

int unlinkat(int folder, const char *path, int flags) {
    REAL(unlinkat);
    if (path_counts(folder, path) && fails()) return -1;
    return real(folder, path, flags);
}

int rmdir(const char *path) {
    REAL(rmdir);
    if (path_counts(AT_FDCWD, path) && fails()) return -1;
    return real(path);
}

int link(const char *from, const char *to) {
    REAL(link);
    if (path_counts(AT_FDCWD, to) && fails()) return -1;
    return real(from, to);
}

#define OPENS (O_CREAT | O_TRUNC | O_WRONLY | O_RDWR)

int open64(const char *path, int flags, ...) {
    REAL(open64);
    va_list more;
    va_start(more, flags);
    mode_t mode = va_arg(more, mode_t);
    va_end(more);
    if ((flags & OPENS) && path_counts(AT_FDCWD, path) && fails()) return -1;
    return real(path, flags, mode);
}

int openat64(int folder, const char *path, int flags, ...) {
    REAL(openat64);
    va_list more;
    va_start(more, flags);
    mode_t mode = va_arg(more, mode_t);
    va_end(more);
    if ((flags & OPENS) && path_counts(folder, path) && fails()) return -1;
    return real(folder, path, flags, mode);
}

FILE *fopen64(const char *path, const char *mode) {
    REAL(fopen64);
    if (strpbrk(mode, "wa+") && path_counts(AT_FDCWD, path) && fails()) return NULL;
    return real(path, mode);
}

FILE *fopen(const char *path, const char *mode) {
    REAL(fopen);
    if (strpbrk(mode, "wa+") && path_counts(AT_FDCWD, path) && fails()) return NULL;
    return real(path, mode);
}

int open(const char *path, int flags, ...) {
    REAL(open);
    va_list more;
    va_start(more, flags);
    mode_t mode = va_arg(more, mode_t);
    va_end(more);
    if ((flags & OPENS) && path_counts(AT_FDCWD, path) && fails()) return -1;
    return real(path, flags, mode);
}
