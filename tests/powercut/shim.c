/* Preloaded into a process, this writes down what the process does to the files of one folder, in order: every write,
 * every sync, and the notes that the process itself makes about what it has promised. From that log the state of a disk
 * that lost its power at any moment can be made. Syncs themselves are left out: the log is the disk.
 *
 * POWERCUT_FOLDER: what is watched. POWERCUT_LOG: where the log goes. POWERCUT_SOCKETS: also what is sent, its beginning.
 * One event: seven 64-bit numbers (magic, kind, process, file, offset, length of path, length of data), path, data. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define MAGIC 0x4c5450574355541ULL
#define MOST_FILES 65536
#define SAID 96

static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
static char folder[PATH_MAX];
static size_t folder_length;
static int log_fd = -1;
static int with_sockets;
static uint64_t file_of[MOST_FILES];   /* inode of a watched file that is open, else 0 */
static char *directory_of[MOST_FILES]; /* path of a watched directory that is open */

#define REAL(name, type)                                                                                               \
    static __typeof__(type) real;                                                                                      \
    if (!real) real = (type)dlsym(RTLD_NEXT, name)

static ssize_t real_write(int fd, const void *data, size_t size) {
    REAL("write", ssize_t (*)(int, const void *, size_t));
    return real(fd, data, size);
}

__attribute__((constructor)) static void begin(void) {
    const char *watched = getenv("POWERCUT_FOLDER"), *log = getenv("POWERCUT_LOG");
    if (!watched || !log) return;
    folder_length = (size_t)snprintf(folder, sizeof folder, "%s", watched);
    with_sockets = getenv("POWERCUT_SOCKETS") != NULL;
    int (*real)(const char *, int, ...) = (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, "open");
    log_fd = real(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

static void tell(char kind, uint64_t file, uint64_t offset, const char *path, size_t path_length, const void *data,
                 size_t length) {
    uint64_t head[7] = {MAGIC, (uint64_t)kind, (uint64_t)getpid(), file, offset, path_length, length};
    size_t size = sizeof head + path_length + length;
    char *event = malloc(size);
    int before = errno;
    memcpy(event, head, sizeof head);
    if (path_length) memcpy(event + sizeof head, path, path_length);
    if (length) memcpy(event + sizeof head + path_length, data, length);
    if (real_write(log_fd, event, size) != (ssize_t)size) abort(); /* a log with a hole proves nothing */
    free(event);
    errno = before;
}

/* The path below the watched folder, or NULL. */
static const char *watched(const char *path, char *room) {
    if (log_fd < 0 || !path) return NULL;
    if (path[0] != '/') {
        char here[PATH_MAX];
        if (!getcwd(here, sizeof here)) return NULL;
        if (snprintf(room, PATH_MAX, "%s/%s", here, path) >= PATH_MAX) return NULL;
        path = room;
    }
    if (strncmp(path, folder, folder_length)) return NULL;
    if (path[folder_length] == '\0') return "";
    return path[folder_length] == '/' ? path + folder_length + 1 : NULL;
}

static int is_file(int fd) { return log_fd >= 0 && fd >= 0 && fd < MOST_FILES && file_of[fd]; }

/* ---- opening and closing ---------------------------------------------------------------------------------------- */

typedef int (*open_fn)(const char *, int, ...);

static int do_open(open_fn real, const char *path, int flags, mode_t mode) {
    char room[PATH_MAX];
    const char *name = watched(path, room);
    if (!name) return real(path, flags, mode);
    pthread_mutex_lock(&turn);
    struct stat before, after;
    int was_there = stat(path, &before) == 0;
    int fd = real(path, flags, mode);
    if (fd >= 0 && fd < MOST_FILES && fstat(fd, &after) == 0) {
        if (S_ISDIR(after.st_mode)) {
            free(directory_of[fd]);
            directory_of[fd] = strdup(name);
        } else {
            file_of[fd] = after.st_ino;
            tell(was_there ? 'O' : 'C', after.st_ino, 0, name, strlen(name), NULL, 0);
            if (was_there && (flags & O_TRUNC) && before.st_size) tell('T', after.st_ino, 0, NULL, 0, NULL, 0);
        }
    }
    pthread_mutex_unlock(&turn);
    return fd;
}

#define OPEN(name)                                                                                                     \
    int name(const char *path, int flags, ...) {                                                                       \
        REAL(#name, open_fn);                                                                                          \
        va_list more;                                                                                                  \
        va_start(more, flags);                                                                                         \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(more, mode_t) : 0;                                        \
        va_end(more);                                                                                                  \
        return do_open(real, path, flags, mode);                                                                       \
    }
OPEN(open)
OPEN(open64)

#define OPENAT(name, plain)                                                                                            \
    int name(int at, const char *path, int flags, ...) {                                                               \
        REAL(#name, int (*)(int, const char *, int, ...));                                                             \
        va_list more;                                                                                                  \
        va_start(more, flags);                                                                                         \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(more, mode_t) : 0;                                        \
        va_end(more);                                                                                                  \
        if (at == AT_FDCWD || path[0] == '/') return plain(path, flags, mode);                               \
        return real(at, path, flags, mode);                                                                            \
    }
OPENAT(openat, open)
OPENAT(openat64, open64)

int close(int fd) {
    REAL("close", int (*)(int));
    if (fd >= 0 && fd < MOST_FILES && (file_of[fd] || directory_of[fd])) {
        pthread_mutex_lock(&turn);
        file_of[fd] = 0;
        free(directory_of[fd]);
        directory_of[fd] = NULL;
        int result = real(fd);
        pthread_mutex_unlock(&turn);
        return result;
    }
    return real(fd);
}

/* ---- contents --------------------------------------------------------------------------------------------------- */

static void wrote(int fd, off_t at, const void *data, ssize_t size) {
    if (size > 0) tell('W', file_of[fd], (uint64_t)at, NULL, 0, data, (size_t)size);
}

ssize_t write(int fd, const void *data, size_t size) {
    if (!is_file(fd)) {
        struct stat what;
        if (with_sockets && fd != log_fd && fstat(fd, &what) == 0 && S_ISSOCK(what.st_mode)) {
            pthread_mutex_lock(&turn);
            tell('X', (uint64_t)fd, 0, NULL, 0, data, size < SAID ? size : SAID);
            pthread_mutex_unlock(&turn);
        }
        return real_write(fd, data, size);
    }
    pthread_mutex_lock(&turn);
    struct stat now;
    off_t at = (fcntl(fd, F_GETFL) & O_APPEND) && fstat(fd, &now) == 0 ? now.st_size : lseek(fd, 0, SEEK_CUR);
    ssize_t result = real_write(fd, data, size);
    wrote(fd, at, data, result);
    pthread_mutex_unlock(&turn);
    return result;
}

#define PWRITE(name, offset)                                                                                           \
    ssize_t name(int fd, const void *data, size_t size, offset at) {                                                   \
        REAL(#name, ssize_t (*)(int, const void *, size_t, offset));                                                   \
        if (!is_file(fd)) return real(fd, data, size, at);                                                             \
        pthread_mutex_lock(&turn);                                                                                     \
        ssize_t result = real(fd, data, size, at);                                                                     \
        wrote(fd, (off_t)at, data, result);                                                                            \
        pthread_mutex_unlock(&turn);                                                                                   \
        return result;                                                                                                 \
    }
PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)

#define FTRUNCATE(name, offset)                                                                                        \
    int name(int fd, offset size) {                                                                                    \
        REAL(#name, int (*)(int, offset));                                                                             \
        if (!is_file(fd)) return real(fd, size);                                                                       \
        pthread_mutex_lock(&turn);                                                                                     \
        int result = real(fd, size);                                                                                   \
        if (result == 0) tell('T', file_of[fd], (uint64_t)size, NULL, 0, NULL, 0);                                     \
        pthread_mutex_unlock(&turn);                                                                                   \
        return result;                                                                                                 \
    }
FTRUNCATE(ftruncate, off_t)
FTRUNCATE(ftruncate64, off64_t)

static int synced(int fd) {
    int known = 1;
    pthread_mutex_lock(&turn);
    if (is_file(fd)) tell('S', file_of[fd], 0, NULL, 0, NULL, 0);
    else if (fd >= 0 && fd < MOST_FILES && directory_of[fd])
        tell('D', 0, 0, directory_of[fd], strlen(directory_of[fd]), NULL, 0);
    else known = 0;
    pthread_mutex_unlock(&turn);
    return known;
}

int fsync(int fd) {
    REAL("fsync", int (*)(int));
    return synced(fd) ? 0 : real(fd);
}

int fdatasync(int fd) {
    REAL("fdatasync", int (*)(int));
    return synced(fd) ? 0 : real(fd);
}

/* ---- names ------------------------------------------------------------------------------------------------------ */

int unlink(const char *path) {
    REAL("unlink", int (*)(const char *));
    char room[PATH_MAX];
    const char *name = watched(path, room);
    if (!name) return real(path);
    pthread_mutex_lock(&turn);
    int result = real(path);
    if (result == 0) tell('U', 0, 0, name, strlen(name), NULL, 0);
    pthread_mutex_unlock(&turn);
    return result;
}

int unlinkat(int at, const char *path, int flags) {
    REAL("unlinkat", int (*)(int, const char *, int));
    return at == AT_FDCWD && !flags ? unlink(path) : real(at, path, flags);
}

int rename(const char *from, const char *to) {
    REAL("rename", int (*)(const char *, const char *));
    char room[PATH_MAX], room_to[PATH_MAX];
    const char *name = watched(from, room), *name_to = watched(to, room_to);
    if (!name || !name_to) return real(from, to);
    pthread_mutex_lock(&turn);
    int result = real(from, to);
    if (result == 0) tell('R', 0, 0, name, strlen(name), name_to, strlen(name_to));
    pthread_mutex_unlock(&turn);
    return result;
}

/* ---- what is said ----------------------------------------------------------------------------------------------- */

void powercut_note(const char *text, size_t length) {
    if (log_fd < 0) return;
    pthread_mutex_lock(&turn);
    tell('N', 0, 0, NULL, 0, text, length);
    pthread_mutex_unlock(&turn);
}

static void said(int fd, const void *data, size_t size) {
    if (!with_sockets || log_fd < 0) return;
    pthread_mutex_lock(&turn);
    tell('X', (uint64_t)fd, 0, NULL, 0, data, size < SAID ? size : SAID);
    pthread_mutex_unlock(&turn);
}

ssize_t send(int fd, const void *data, size_t size, int flags) {
    REAL("send", ssize_t (*)(int, const void *, size_t, int));
    said(fd, data, size);
    return real(fd, data, size, flags);
}

ssize_t sendto(int fd, const void *data, size_t size, int flags, const struct sockaddr *to, socklen_t length) {
    REAL("sendto", ssize_t (*)(int, const void *, size_t, int, const struct sockaddr *, socklen_t));
    said(fd, data, size);
    return real(fd, data, size, flags, to, length);
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags) {
    REAL("sendmsg", ssize_t (*)(int, const struct msghdr *, int));
    if (message->msg_iovlen) said(fd, message->msg_iov[0].iov_base, message->msg_iov[0].iov_len);
    return real(fd, message, flags);
}
