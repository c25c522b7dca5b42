// file.c: reads and writes that survive signals and short counts; whole files.
#include "config.h"

#include "io/file.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/path.h"

#define DIGEST_BLOCK ((size_t)64 << 10)
#define READ_AT_ONCE ((size_t)1 << 30) // Linux moves less than 2 GiB a call

// A descriptor that somebody else made non-blocking is waited for.
static bool may_retry(int fd, short events)
{
    if (errno == EINTR)
        return true;
    if (errno != EAGAIN)
        return false;
    struct pollfd wait = {.fd = fd, .events = events};
    return poll(&wait, 1, -1) >= 0 || errno == EINTR;
}

grus_file_facts grus_file_facts_of(const struct stat *about)
{
    if (!S_ISREG(about->st_mode))
        return (grus_file_facts){0};
    return (grus_file_facts){
        .regular = true,
        .bytes = (uint64_t)about->st_size,
        .inode = about->st_ino,
        .modified = (int64_t)about->st_mtim.tv_sec * 1000000000 + about->st_mtim.tv_nsec,
    };
}

bool grus_fd_facts(int fd, grus_file_facts *facts)
{
    struct stat about;
    bool known = fstat(fd, &about) == 0;
    *facts = known ? grus_file_facts_of(&about) : (grus_file_facts){0};
    return known;
}

bool grus_fd_read(int fd, void *data, size_t size, size_t *got)
{
    *got = 0;
    while (*got < size) {
        ssize_t n = read(fd, (char *)data + *got, grus_min(size - *got, READ_AT_ONCE));
        if (n == 0)
            return true;
        if (n > 0)
            *got += (size_t)n;
        else if (!may_retry(fd, POLLIN))
            return false;
    }
    return true;
}

bool grus_fd_write(int fd, const void *data, size_t size)
{
    for (size_t done = 0; done < size;) {
        ssize_t n = write(fd, (const char *)data + done, grus_min(size - done, READ_AT_ONCE));
        if (n > 0)
            done += (size_t)n;
        else if (n == 0 || !may_retry(fd, POLLOUT)) {
            if (n == 0)
                errno = EIO;
            return false;
        }
    }
    return true;
}

bool grus_block_fill(char *block, size_t capacity, size_t *used, const char **data, size_t *size)
{
    if (*size == 0)
        return false;
    size_t part = grus_min(*size, capacity - *used);
    memcpy(block + *used, *data, part);
    *used += part;
    *data += part;
    *size -= part;
    return *used == capacity;
}

// Interrupted it has failed at nothing: any other failure is final.
bool grus_fd_sync(int fd)
{
    int result;
    do
        result = fsync(fd);
    while (result != 0 && errno == EINTR);
    return result == 0;
}

grus_status grus_fail_errno(grus_error *error, grus_status status, const char *path, const char *what)
{
    return grus_fail(error, status, path, NULL, "%s: %s", what, strerror(errno));
}

bool grus_errno_is_want(void)
{
    return errno == EMFILE || errno == ENFILE || errno == ENOMEM;
}

static int open_file(const char *path, bool regular, grus_status status, grus_error *error)
{
    int fd;
    // Opening the reading end of a pipe waits for a writer. On a regular file O_NONBLOCK means nothing.
    do
        fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | (regular ? O_NONBLOCK : 0));
    while (fd < 0 && errno == EINTR);
    if (fd < 0) {
        grus_fail_errno(error, status, path, "cannot be opened");
        return -1;
    }
    struct stat about;
    if (fstat(fd, &about) != 0)
        grus_fail_errno(error, status, path, "cannot be examined");
    else if (S_ISDIR(about.st_mode))
        grus_fail(error, status, path, NULL, "is a directory, not a file");
    else if (regular && !S_ISREG(about.st_mode))
        grus_fail(error, status, path, NULL, "is not a regular file");
    else
        return fd;
    close(fd);
    return -1;
}

int grus_fd_open(const char *path, grus_status status, grus_error *error)
{
    return open_file(path, false, status, error);
}

int grus_fd_open_regular(const char *path, grus_status status, grus_error *error)
{
    return open_file(path, true, status, error);
}

DIR *grus_dir_open(const char *path)
{
    DIR *stream;
    do
        stream = opendir(path);
    while (!stream && errno == EINTR);
    return stream;
}

// Some file systems keep their directories in order by themselves, and refuse in many ways to be told so. EIO and ENOSPC
// are a loss.
static bool keeps_order(int reason)
{
    static const int refusals[] = {EINVAL, ENOTSUP, ENOSYS, ENOTTY, EBADF, EACCES, EPERM, ENOENT};
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++)
        if (reason == refusals[i])
            return true;
    return false;
}

grus_status grus_dir_sync_of(const char *path, grus_error *error)
{
    char *dir = grus_path_dir(path);
    if (!dir)
        return grus_fail_memory(error, strlen(path));
    grus_status status = GRUS_OK;
    int fd;
    do
        fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    while (fd < 0 && errno == EINTR);
    if (fd < 0)
        status = grus_fail_errno(error, GRUS_E_OUTPUT, dir, "cannot be opened");
    else if (!grus_fd_sync(fd) && !keeps_order(errno))
        status = grus_fail_errno(error, GRUS_E_OUTPUT, dir, "cannot be brought to the disk (fsync)");
    int reason = errno;
    if (fd >= 0)
        close(fd);
    free(dir);
    errno = reason;
    return status;
}

static grus_status read_all(int fd, const char *path, size_t limit, grus_status status, grus_buffer *content,
                            grus_error *error)
{
    char chunk[16384];
    size_t total = 0;
    for (;;) {
        size_t got;
        if (!grus_fd_read(fd, chunk, sizeof chunk, &got))
            return grus_fail_errno(error, status, path, "cannot be read");
        total += got;
        if (total > limit)
            return grus_fail(error, status, path, NULL, "is too large: more than %zu bytes", limit);
        grus_buffer_append(content, chunk, got);
        if (content->failed)
            return grus_fail_memory(error, total);
        if (got < sizeof chunk)
            return GRUS_OK;
    }
}

grus_status grus_file_read(const char *path, size_t limit, grus_status status, grus_buffer *content, grus_error *error)
{
    int fd = grus_fd_open_regular(path, status, error);
    if (fd < 0)
        return status;
    grus_status result = read_all(fd, path, limit, status, content, error);
    close(fd);
    return result;
}

grus_status grus_file_digest(const char *path, grus_status status, uint64_t *bytes, uint64_t *xxh64, grus_error *error)
{
    int fd = grus_fd_open_regular(path, status, error);
    if (fd < 0)
        return status;
    char *block = malloc(DIGEST_BLOCK);
    XXH64_state_t *hash = XXH64_createState();
    grus_status result = block && hash ? GRUS_OK : grus_fail_memory(error, DIGEST_BLOCK);
    *bytes = 0;
    if (!result)
        XXH64_reset(hash, 0);
    for (size_t got = 1; !result && got > 0;) {
        if (!grus_fd_read(fd, block, DIGEST_BLOCK, &got))
            result = grus_fail_errno(error, status, path, "cannot be read");
        XXH64_update(hash, block, got);
        *bytes += got;
    }
    if (!result)
        *xxh64 = XXH64_digest(hash);
    XXH64_freeState(hash);
    free(block);
    close(fd);
    return result;
}
