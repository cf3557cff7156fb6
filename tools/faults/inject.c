/* Preloaded into a process: counts the system calls that write below one folder, and lets one of them fail.
 *
 * fault_arm(folder, call, error) is called through ctypes. The call-th call that writes below the folder fails with
 * `error` (errno); with error 0 the process is killed instead, before the call takes effect. All later calls fail too
 * when `sticky` is set, as on a disk that stays full. fault_count() returns the number of calls seen so far.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static char root[PATH_MAX];
static long target = -1;
static long seen = 0;
static int error_number = 0;
static int sticky = 0;

void fault_arm(const char *folder, long call, int error, int keep) {
    snprintf(root, sizeof root, "%s/", folder);
    target = call;
    error_number = error;
    sticky = keep;
    seen = 0;
}

long fault_count(void) { return seen; }

static int below(const char *path) { return root[0] && strncmp(path, root, strlen(root)) == 0; }

static int path_counts(int folder, const char *path) {
    char full[PATH_MAX * 2];
    if (!root[0] || !path) return 0;
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
    if (!root[0]) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t n = readlink(link, path, sizeof path - 1);
    if (n < 0) return 0;
    path[n] = 0;
    return below(path);
}

/* Count one call; return whether it must fail, with errno set. */
static int fails(void) {
    long now = __sync_add_and_fetch(&seen, 1);
    if (target < 0 || now < target || (now > target && !sticky)) return 0;
    if (error_number == 0) kill(getpid(), SIGKILL);
    errno = error_number;
    return 1;
}

#define REAL(name) \
    static __typeof__(name) *real = NULL; \
    if (!real) real = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)

ssize_t write(int fd, const void *data, size_t size) {
    REAL(write);
    if (descriptor_counts(fd) && fails()) return -1;
    return real(fd, data, size);
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
    REAL(writev);
    if (descriptor_counts(fd) && fails()) return -1;
    return real(fd, parts, count);
}

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at) {
    REAL(pwrite64);
    if (descriptor_counts(fd) && fails()) return -1;
    return real(fd, data, size, at);
}

ssize_t copy_file_range(int from, off64_t *at, int to, off64_t *place, size_t size, unsigned flags) {
    REAL(copy_file_range);
    if (descriptor_counts(to) && fails()) return -1;
    return real(from, at, to, place, size, flags);
}

ssize_t sendfile64(int to, int from, off64_t *at, size_t size);
ssize_t sendfile64(int to, int from, off64_t *at, size_t size) {
    REAL(sendfile64);
    if (descriptor_counts(to) && fails()) return -1;
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
