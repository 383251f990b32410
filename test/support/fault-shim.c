/*
 * Preloaded into a node process, it counts the calls that touch the files below a folder, and makes the n-th of them fail,
 * or kills the process there (faults.ts says how it is told).
 *
 * Why this way: node, libuv and the native addon call the kernel through libc's functions, so that what is preloaded sees
 * all of them (test/faults/shim.test.ts holds that against strace), in the order in which the process makes them, threads
 * together, at the cost of 0.1 s of processor a build. strace counts each thread by itself, so that "the n-th" means another
 * call from run to run, and stops the process twice a call: a build takes more than twice as long. A seccomp filter sees no paths.
 * The launcher is static and not reached: what it does is the kernel's, in namespaces that die with the process.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

enum kind { READS = 1, OPENS = 2, GROWS = 4, NAMES = 8, CHANGES = 16, SYNCS = 32 };

/* Which calls a file system may answer so: rename(2), open(2), write(2) and their like. */
static const struct {
  const char *name;
  int number;
  int kinds;
} errors[] = {
    {"ENOSPC", ENOSPC, GROWS | NAMES},
    {"EDQUOT", EDQUOT, GROWS | NAMES},
    {"EIO", EIO, READS | OPENS | GROWS | NAMES | CHANGES | SYNCS},
    {"EMFILE", EMFILE, OPENS},
    {"EROFS", EROFS, NAMES | CHANGES},
};

static char root[PATH_MAX];
static size_t root_length;
static int log_fd = -1;
static long fault_at;
static int fault_kinds;
static int fault_errno;
static int is_kill, is_half, is_lasting;
static const char *copy_when_synced;
static atomic_long calls;
static atomic_int struck;
static long (*real_syscall)(long, ...);

#define RAW(...) real_syscall(__VA_ARGS__)

static void die(void) {
  RAW(SYS_kill, getpid(), SIGKILL);
  for (;;) pause();
}

__attribute__((constructor)) static void begin(void) {
  real_syscall = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
  const char *folder = getenv("FAULT_ROOT");
  /* The shell that picks the node, and host tools, are not meant. */
  if (folder == NULL || strcmp(program_invocation_short_name, "node") != 0) return;
  if (strlen(folder) >= sizeof root) abort();
  strcpy(root, folder);
  const char *log = getenv("FAULT_LOG");
  if (log != NULL) {
    int fd = (int)RAW(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    /* The lowest numbers are those that programs hand to each other. */
    log_fd = fcntl(fd, F_DUPFD_CLOEXEC, 900);
    RAW(SYS_close, fd);
    if (log_fd < 0) abort();
  }
  copy_when_synced = getenv("FAULT_SYNCED");
  const char *at = getenv("FAULT_AT"), *what = getenv("FAULT_DO");
  if (at != NULL && what != NULL) {
    fault_at = atol(at);
    is_lasting = getenv("FAULT_LASTS") != NULL;
    is_half = strcmp(what, "half") == 0;
    is_kill = is_half || strcmp(what, "kill") == 0;
    if (is_kill) fault_kinds = is_half ? GROWS : OPENS | GROWS | NAMES | CHANGES | SYNCS;
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++)
      if (strcmp(what, errors[i].name) == 0) {
        fault_errno = errors[i].number;
        fault_kinds = errors[i].kinds;
      }
    if (fault_kinds == 0) abort();
  }
  root_length = strlen(root);
}

/* Files of an overlay that is mounted nowhere have no path below the folder: any file of an overlay counts. */
static int is_overlay(int fd) {
  struct statfs found;
  return fd >= 0 && fstatfs(fd, &found) == 0 && found.f_type == 0x794c7630;
}

static int is_below(const char *path) {
  return strncmp(path, root, root_length) == 0 && (path[root_length] == '/' || path[root_length] == 0);
}

static int path_of(int fd, char *path) {
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, PATH_MAX - 1);
  if (length < 0) return 0;
  path[length] = 0;
  return 1;
}

/* Whether the call is one that counts; its path for the log. */
static int concerns(int folder, const char *name, char *path) {
  if (root_length == 0) return 0;
  if (name != NULL && name[0] == '/') {
    int fd = -1, used = 0;
    if (sscanf(name, "/proc/self/fd/%d%n", &fd, &used) == 1) return concerns(fd, name[used] == 0 ? NULL : name + used + 1, path);
    strncpy(path, name, PATH_MAX - 1);
    path[PATH_MAX - 1] = 0;
    return is_below(path);
  }
  if (folder == AT_FDCWD) return 0;
  if (!path_of(folder, path)) return 0;
  if (!is_below(path) && !is_overlay(folder)) return 0;
  if (name != NULL) {
    strncat(path, "/", PATH_MAX - 1 - strlen(path));
    strncat(path, name, PATH_MAX - 1 - strlen(path));
  }
  return 1;
}

static void note(long number, const char *call, int kinds, const char *path) {
  if (log_fd < 0) return;
  char line[PATH_MAX + 128];
  int length = snprintf(line, sizeof line, "%ld %d %s %s\n", number, kinds, call, path);
  if (length >= (int)sizeof line) length = sizeof line - 1;
  RAW(SYS_write, log_fd, line, length);
}

/* 0: the call is to be made. Else it is the one that fails, with errno set, or it never comes back. `half` is told first. */
static int fails(const char *call, int kinds, const char *path, void (*half)(void *), void *context) {
  int before = errno;
  long number = atomic_fetch_add(&calls, 1) + 1;
  note(number, call, kinds, path);
  errno = before;
  if (fault_at == 0 || number < fault_at || (kinds & fault_kinds) == 0) return 0;
  if (!is_lasting && atomic_exchange(&struck, 1)) return 0;
  if (is_half && half != NULL) half(context);
  if (is_kill) die();
  errno = fault_errno;
  return 1;
}

#define GUARD(call, kinds, folder, name)                                              \
  do {                                                                                \
    char path_[PATH_MAX];                                                             \
    if (concerns(folder, name, path_) && fails(call, kinds, path_, NULL, NULL)) return -1; \
  } while (0)

static int kinds_of_open(long flags) {
  return OPENS | (flags & (O_CREAT | O_TRUNC) ? NAMES : 0) | ((flags & O_ACCMODE) != O_RDONLY ? CHANGES : 0);
}

static int open_at(int folder, const char *name, int flags, int mode) {
  /* What only looks up a place fails for want of descriptors alone. */
  GUARD("open", kinds_of_open(flags), folder, name);
  return (int)RAW(SYS_openat, folder, name, flags, mode);
}

#define MODE_OF(flags)                                 \
  ({                                                   \
    int mode_ = 0;                                     \
    if ((flags) & (O_CREAT | __O_TMPFILE)) {           \
      va_list list_;                                   \
      va_start(list_, flags);                          \
      mode_ = va_arg(list_, int);                      \
      va_end(list_);                                   \
    }                                                  \
    mode_;                                             \
  })

int open(const char *name, int flags, ...) { return open_at(AT_FDCWD, name, flags, MODE_OF(flags)); }
int open64(const char *name, int flags, ...) { return open_at(AT_FDCWD, name, flags | O_LARGEFILE, MODE_OF(flags)); }
int openat(int folder, const char *name, int flags, ...) { return open_at(folder, name, flags, MODE_OF(flags)); }
int openat64(int folder, const char *name, int flags, ...) { return open_at(folder, name, flags, MODE_OF(flags)); }

/* By which node lists a folder. */
int scandir(const char *name, struct dirent ***list, int (*wanted)(const struct dirent *),
            int (*order)(const struct dirent **, const struct dirent **)) {
  GUARD("open", OPENS, AT_FDCWD, name);
  int (*next)(const char *, struct dirent ***, int (*)(const struct dirent *),
              int (*)(const struct dirent **, const struct dirent **)) = dlsym(RTLD_NEXT, "scandir");
  return next(name, list, wanted, order);
}
int scandir64(const char *name, struct dirent64 ***list, int (*wanted)(const struct dirent64 *),
              int (*order)(const struct dirent64 **, const struct dirent64 **)) {
  return scandir(name, (struct dirent ***)list, (void *)wanted, (void *)order);
}
DIR *opendir(const char *name) {
  char path[PATH_MAX];
  if (concerns(AT_FDCWD, name, path) && fails("open", OPENS, path, NULL, NULL)) return NULL;
  DIR *(*next)(const char *) = dlsym(RTLD_NEXT, "opendir");
  return next(name);
}

struct part {
  int fd;
  const void *bytes;
  size_t length;
  off_t offset;
};

static void write_half(void *context) {
  struct part *part = context;
  if (part->offset < 0) RAW(SYS_write, part->fd, part->bytes, part->length / 2);
  else RAW(SYS_pwrite64, part->fd, part->bytes, part->length / 2, part->offset);
}

static int write_fails(const char *call, struct part part) {
  char path[PATH_MAX];
  return concerns(part.fd, NULL, path) && fails(call, GROWS, path, write_half, &part);
}

ssize_t write(int fd, const void *bytes, size_t length) {
  if (write_fails("write", (struct part){fd, bytes, length, -1})) return -1;
  return RAW(SYS_write, fd, bytes, length);
}
ssize_t pwrite(int fd, const void *bytes, size_t length, off_t offset) {
  if (write_fails("pwrite", (struct part){fd, bytes, length, offset})) return -1;
  return RAW(SYS_pwrite64, fd, bytes, length, offset);
}
ssize_t pwrite64(int fd, const void *bytes, size_t length, off_t offset) { return pwrite(fd, bytes, length, offset); }
ssize_t writev(int fd, const struct iovec *parts, int count) {
  if (write_fails("writev", (struct part){fd, parts->iov_base, parts->iov_len, -1})) return -1;
  return RAW(SYS_writev, fd, parts, count);
}
ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t offset) {
  if (write_fails("pwritev", (struct part){fd, parts->iov_base, parts->iov_len, offset})) return -1;
  return RAW(SYS_pwritev, fd, parts, count, offset, 0);
}
ssize_t pwritev64(int fd, const struct iovec *parts, int count, off_t offset) { return pwritev(fd, parts, count, offset); }
ssize_t sendfile(int to, int from, off_t *offset, size_t length) {
  GUARD("sendfile", GROWS, to, NULL);
  return RAW(SYS_sendfile, to, from, offset, length);
}
ssize_t sendfile64(int to, int from, off_t *offset, size_t length) { return sendfile(to, from, offset, length); }
ssize_t copy_file_range(int from, off64_t *at, int to, off64_t *offset, size_t length, unsigned flags) {
  GUARD("copy_file_range", GROWS, to, NULL);
  return RAW(SYS_copy_file_range, from, at, to, offset, length, flags);
}

ssize_t read(int fd, void *bytes, size_t length) {
  GUARD("read", READS, fd, NULL);
  return RAW(SYS_read, fd, bytes, length);
}
ssize_t pread(int fd, void *bytes, size_t length, off_t offset) {
  GUARD("pread", READS, fd, NULL);
  return RAW(SYS_pread64, fd, bytes, length, offset);
}
ssize_t pread64(int fd, void *bytes, size_t length, off_t offset) { return pread(fd, bytes, length, offset); }

static int rename_at(int from_folder, const char *from, int to_folder, const char *to, unsigned flags) {
  GUARD("rename", NAMES, to_folder, to);
  return (int)RAW(SYS_renameat2, from_folder, from, to_folder, to, flags);
}
int rename(const char *from, const char *to) { return rename_at(AT_FDCWD, from, AT_FDCWD, to, 0); }
int renameat(int from_folder, const char *from, int to_folder, const char *to) {
  return rename_at(from_folder, from, to_folder, to, 0);
}
int renameat2(int from_folder, const char *from, int to_folder, const char *to, unsigned flags) {
  return rename_at(from_folder, from, to_folder, to, flags);
}
int linkat(int from_folder, const char *from, int to_folder, const char *to, int flags) {
  GUARD("link", NAMES, to_folder, to);
  return (int)RAW(SYS_linkat, from_folder, from, to_folder, to, flags);
}
int link(const char *from, const char *to) { return linkat(AT_FDCWD, from, AT_FDCWD, to, 0); }
int symlinkat(const char *target, int folder, const char *name) {
  GUARD("symlink", NAMES, folder, name);
  return (int)RAW(SYS_symlinkat, target, folder, name);
}
int symlink(const char *target, const char *name) { return symlinkat(target, AT_FDCWD, name); }
int mkdirat(int folder, const char *name, mode_t mode) {
  GUARD("mkdir", NAMES, folder, name);
  return (int)RAW(SYS_mkdirat, folder, name, mode);
}
int mkdir(const char *name, mode_t mode) { return mkdirat(AT_FDCWD, name, mode); }
int mknodat(int folder, const char *name, mode_t mode, dev_t device) {
  GUARD("mknod", NAMES, folder, name);
  return (int)RAW(SYS_mknodat, folder, name, mode, device);
}
char *mkdtemp(char *name) {
  static char *(*next)(char *);
  if (next == NULL) next = (char *(*)(char *))dlsym(RTLD_NEXT, "mkdtemp");
  char path[PATH_MAX];
  if (concerns(AT_FDCWD, name, path) && fails("mkdtemp", NAMES, path, NULL, NULL)) return NULL;
  return next(name);
}

int unlinkat(int folder, const char *name, int flags) {
  /* A full disk takes removals. */
  GUARD(flags & AT_REMOVEDIR ? "rmdir" : "unlink", CHANGES, folder, name);
  return (int)RAW(SYS_unlinkat, folder, name, flags);
}
int unlink(const char *name) { return unlinkat(AT_FDCWD, name, 0); }
int rmdir(const char *name) { return unlinkat(AT_FDCWD, name, AT_REMOVEDIR); }
int remove(const char *name) {
  struct stat found;
  if (fstatat(AT_FDCWD, name, &found, AT_SYMLINK_NOFOLLOW) != 0) return -1;
  return S_ISDIR(found.st_mode) ? rmdir(name) : unlink(name);
}

int ftruncate(int fd, off_t length) {
  GUARD("ftruncate", CHANGES, fd, NULL);
  return (int)RAW(SYS_ftruncate, fd, length);
}
int ftruncate64(int fd, off_t length) { return ftruncate(fd, length); }
int fchmod(int fd, mode_t mode) {
  GUARD("fchmod", CHANGES, fd, NULL);
  return (int)RAW(SYS_fchmod, fd, mode);
}
int chmod(const char *name, mode_t mode) {
  GUARD("chmod", CHANGES, AT_FDCWD, name);
  return (int)RAW(SYS_fchmodat, AT_FDCWD, name, mode);
}
int fchownat(int folder, const char *name, uid_t user, gid_t group, int flags) {
  GUARD("chown", CHANGES, folder, name);
  return (int)RAW(SYS_fchownat, folder, name, user, group, flags);
}
int chown(const char *name, uid_t user, gid_t group) { return fchownat(AT_FDCWD, name, user, group, 0); }
int lchown(const char *name, uid_t user, gid_t group) { return fchownat(AT_FDCWD, name, user, group, AT_SYMLINK_NOFOLLOW); }
int fchown(int fd, uid_t user, gid_t group) {
  GUARD("fchown", CHANGES, fd, NULL);
  return (int)RAW(SYS_fchown, fd, user, group);
}
int utimensat(int folder, const char *name, const struct timespec times[2], int flags) {
  GUARD("utimensat", CHANGES, folder, name);
  return (int)RAW(SYS_utimensat, folder, name, times, flags);
}
int futimens(int fd, const struct timespec times[2]) {
  GUARD("futimens", CHANGES, fd, NULL);
  return (int)RAW(SYS_utimensat, fd, NULL, times, 0);
}

/* Told by its number: the file gets its name afterwards. */
static int sync_one(const char *call, long number, int fd) {
  GUARD(call, SYNCS, fd, NULL);
  int result = (int)RAW(number, fd);
  char path[PATH_MAX], text[32];
  struct stat found;
  if (result == 0 && concerns(fd, NULL, path) && fstat(fd, &found) == 0) {
    snprintf(text, sizeof text, "%lu", (unsigned long)found.st_ino);
    note(0, "synced-file", 0, text);
  }
  return result;
}
int fsync(int fd) { return sync_one("fsync", SYS_fsync, fd); }
int fdatasync(int fd) { return sync_one("fdatasync", SYS_fdatasync, fd); }
int syncfs(int fd) {
  char path[PATH_MAX];
  if (concerns(fd, NULL, path)) {
    if (fails("syncfs", SYNCS, path, NULL, NULL)) return -1;
    if (copy_when_synced != NULL) {
      /* What is there now outlives a power loss. */
      pid_t child = fork();
      if (child == 0) {
        unsetenv("LD_PRELOAD");
        execlp("cp", "cp", "-a", "--reflink=auto", root, copy_when_synced, (char *)NULL);
        _exit(127);
      }
      int status;
      if (waitpid(child, &status, 0) != child || status != 0) abort();
      note(0, "synced", 0, root);
    }
  }
  return (int)RAW(SYS_syncfs, fd);
}

/* What libc has no function for, or node does not ask it for. */
long syscall(long number, ...) {
  va_list list;
  va_start(list, number);
  long a = va_arg(list, long), b = va_arg(list, long), c = va_arg(list, long);
  long d = va_arg(list, long), e = va_arg(list, long), f = va_arg(list, long);
  va_end(list);
  if (real_syscall == NULL) begin();
  if (number == SYS_openat2) GUARD("open", kinds_of_open((long)((struct open_how *)c)->flags), (int)a, (const char *)b);
  if (number == SYS_renameat2) return rename_at((int)a, (const char *)b, (int)c, (const char *)d, (unsigned)e);
#ifdef SYS_fchmodat2
  if (number == SYS_fchmodat2) GUARD("fchmodat", CHANGES, (int)a, (const char *)b);
#endif
#ifdef SYS_setxattrat
  if (number == SYS_setxattrat) GUARD("setxattr", NAMES, (int)a, (const char *)b);
  if (number == SYS_removexattrat) GUARD("removexattr", CHANGES, (int)a, (const char *)b);
#endif
  return RAW(number, a, b, c, d, e, f);
}
