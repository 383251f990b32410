/* What the program is allowed to be: names, limits, ids, capabilities, filter; and at last the program itself. */
#ifndef LAUNCHER_PROCESS_H
#define LAUNCHER_PROCESS_H

#include "launcher_hooks.h"
#include "launcher_reaper.h"
#include <asm/ioctls.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <linux/keyctl.h>
#include <linux/prctl.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <linux/termios.h>

#define AF_UNIX 1
#define AF_INET 2
#define SOCK_DGRAM 2
#define SOCK_SEQPACKET 5
#define SOL_SOCKET 1
#define SCM_RIGHTS 1
#define SIGKILL 9
#define SIGCHLD 17
#define SIGWINCH 28
#define SIG_BLOCK 0
#define SIG_SETMASK 2

/* <linux/socket.h> leaves these to the C library. */
struct iovec {
  void *base;
  size_t length;
};

struct message {
  void *name;
  int name_length;
  struct iovec *parts;
  size_t part_count;
  void *control;
  size_t control_length;
  unsigned flags;
};

/* One descriptor as ancillary data: a cmsghdr and its int, padded. */
struct rights {
  size_t length;
  int level, type;
  int fd, padding;
};

static void op_join_cgroup(struct cursor *fields) {
  uint32_t count = take_count(fields, 32);
  for (uint32_t i = 0; i < count; i++) write_file(AT_FDCWD, take_string(fields), "0");
}

static void op_unshare(struct cursor *fields) { check(SYS(unshare, take_u32(fields)), "unshare", ""); }

static void op_hostname(struct cursor *fields) {
  const char *name = take_string(fields);
  long result = SYS(sethostname, name, text_length(name));
  /* In a namespace of its own: a filter around us forbids the call to everybody (podman's does). */
  if (result == -EPERM) warn("the host name is not set to", name, result);
  else check(result, "sethostname", name);
}

static void op_domainname(struct cursor *fields) {
  const char *name = take_string(fields);
  check(SYS(setdomainname, name, text_length(name)), "setdomainname", name);
}

static void op_loopback(void) {
  /* struct ifreq, of which only the flags are used; IFF_UP is 1. */
  struct {
    char name[16];
    int16_t flags;
    char rest[22];
  } request = {.name = "lo"};
  int fd = (int)check(SYS(socket, AF_INET, SOCK_DGRAM | O_CLOEXEC, 0), "socket", "");
  check(SYS(ioctl, fd, 0x8913 /* SIOCGIFFLAGS */, &request), "ioctl", "lo");
  request.flags |= 1;
  check(SYS(ioctl, fd, 0x8914 /* SIOCSIFFLAGS */, &request), "ioctl", "lo");
  SYS(close, fd);
}

static void op_keyring(void) {
  long result = SYS(keyctl, KEYCTL_JOIN_SESSION_KEYRING, 0);
  /* ENOSYS: no keyrings at all. EPERM: a filter around us forbids the call, then to the program as well. */
  if (result < 0 && result != -ENOSYS && result != -EPERM) warn("keyctl", "join session keyring", result);
}

static void op_rlimit(struct cursor *fields) {
  uint32_t resource = take_u32(fields);
  uint64_t limits[2] = {take_u64(fields), take_u64(fields)};
  check(SYS(prlimit64, 0, resource, limits, 0), "setrlimit", "");
}

static void op_bounding(struct cursor *fields) {
  uint64_t kept = take_u64(fields);
  for (unsigned capability = 0; capability < 64; capability++) {
    if (kept >> capability & 1) continue;
    long result = SYS(prctl, PR_CAPBSET_DROP, capability, 0, 0, 0);
    if (result == -EINVAL) break; /* past the last one this kernel has */
    check(result, "drop from the bounding set", "");
  }
}

static struct __user_cap_header_struct capability_header = {_LINUX_CAPABILITY_VERSION_3, 0};

static void set_capabilities(uint64_t effective, uint64_t permitted, uint64_t inheritable) {
  struct __user_cap_data_struct data[2] = {
      {(uint32_t)effective, (uint32_t)permitted, (uint32_t)inheritable},
      {(uint32_t)(effective >> 32), (uint32_t)(permitted >> 32), (uint32_t)(inheritable >> 32)}};
  check(SYS(capset, &capability_header, data), "capset", "");
}

#define KEPT_GROUPS 0xffffffffu

static void op_user(struct cursor *fields) {
  uint32_t uid = take_u32(fields), gid = take_u32(fields);
  static uint32_t groups[65536];
  struct cursor before = *fields;
  bool kept = take_u32(fields) == KEPT_GROUPS;
  if (!kept) *fields = before;
  uint32_t count = kept ? 0 : take_count(fields, 65536);
  for (uint32_t i = 0; i < count; i++) groups[i] = take_u32(fields);
  if (fields->bad) fail("read the user", "", -EBADMSG);
  /* Also with none, else the caller's own groups would stay; unless nobody here may change them. */
  if (!kept) check(SYS(setgroups, count, groups), "setgroups", "");
  check(SYS(prctl, PR_SET_KEEPCAPS, 1, 0, 0, 0), "keep capabilities", "");
  check(SYS(setresgid, gid, gid, gid), "setresgid", "");
  check(SYS(setresuid, uid, uid, uid), "setresuid", "");
  check(SYS(prctl, PR_SET_KEEPCAPS, 0, 0, 0, 0), "keep capabilities", "");
  /* The change of user emptied the effective set; a filter without no_new_privs still needs CAP_SYS_ADMIN. */
  struct __user_cap_data_struct data[2];
  check(SYS(capget, &capability_header, data), "capget", "");
  uint64_t permitted = data[0].permitted | (uint64_t)data[1].permitted << 32;
  set_capabilities(permitted, permitted, 0);
  /* The change of user also made the kernel forget the death signal. */
  check(SYS(prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0), "set the death signal", "");
}

static void op_capabilities(struct cursor *fields) {
  uint64_t effective = take_u64(fields), permitted = take_u64(fields);
  uint64_t inheritable = take_u64(fields), ambient = take_u64(fields);
  set_capabilities(effective, permitted, inheritable);
  for (unsigned capability = 0; capability < 64; capability++)
    if (ambient >> capability & 1)
      check(SYS(prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0), "raise an ambient capability", "");
}

static void op_seccomp(struct cursor *fields) {
  uint32_t flags = take_u32(fields);
  struct cursor filter = take_bytes(fields);
  struct {
    unsigned short length;
    const void *filter;
  } program = {(unsigned short)((size_t)(filter.end - filter.at) / 8), filter.at};
  check(SYS(seccomp, SECCOMP_SET_MODE_FILTER, flags, &program), "seccomp", "");
}

static void send_master(int master) {
  uint8_t kind = REPORT_MASTER;
  struct iovec part = {&kind, 1};
  struct rights rights = {sizeof(size_t) + 3 * sizeof(int), SOL_SOCKET, SCM_RIGHTS, master, 0};
  struct message message = {.parts = &part, .part_count = 1, .control = &rights, .control_length = sizeof rights};
  check(SYS(sendmsg, self.sync, &message, MSG_NOSIGNAL), "send", "the terminal");
}

static void mount_console(int slave) {
  const char *name;
  int device_folder = ensure_parent("/dev/console", &name);
  long made = SYS(openat, device_folder, name, O_CREAT | O_NOFOLLOW | O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0600);
  check(made, "create", "/dev/console");
  SYS(close, made);
  int console = (int)check(SYS(openat, device_folder, name, O_PATH | O_NOFOLLOW | O_CLOEXEC, 0), "open", "/dev/console");
  int tree = clone_tree(slave, false, "/dev/console");
  check(SYS(move_mount, tree, "", console, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH), "mount",
        "/dev/console");
}

static void op_terminal(struct cursor *fields) {
  struct winsize size = {.ws_col = 0};
  size.ws_col = (unsigned short)take_u32(fields), size.ws_row = (unsigned short)take_u32(fields);
  uint32_t uid = take_u32(fields);
  int unlocked = 0;
  int master = (int)check(open_below(root.fd, "/dev/pts/ptmx", O_RDWR | O_NOCTTY, RESOLVE_NO_SYMLINKS), "open",
                          "/dev/pts/ptmx");
  struct statfs kind;
  check(SYS(fstatfs, master, &kind), "statfs", "/dev/pts");
  if (kind.f_type != DEVPTS_SUPER_MAGIC) fail("/dev/pts is not a devpts", "", -EINVAL);
  check(SYS(ioctl, master, TIOCSPTLCK, &unlocked), "unlock", "the terminal");
  /* The other end straight from the master: no path of the container is trusted to lead to it. */
  int slave = (int)check(SYS(ioctl, master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC), "open", "the terminal");
  if (size.ws_col != 0) check(SYS(ioctl, slave, TIOCSWINSZ, &size), "set the size of", "the terminal");
  check(SYS(fchown, slave, uid, -1), "chown", "the terminal");

  /* The console is the terminal that a container was made with. */
  if (!self.entered) mount_console(slave);
  send_master(master);
  check(SYS(ioctl, slave, TIOCSCTTY, 0), "take", "the terminal");
  for (int fd = 0; fd < 3; fd++) check(SYS(dup3, slave, fd, 0), "dup", "the terminal");
  /* All else is closed before the program starts. */
}

/*
 * Whoever runs as root may change mode and owner of what it has open: of the host's /dev/null, if that were its input. And
 * without root it may open its own output again (/dev/stdout) only if the pipe is its own.
 */
static void op_stdio(struct cursor *fields) {
  uint32_t uid = take_u32(fields);
  for (int fd = 0; fd < 3; fd++) {
    struct statx stat = stat_of(fd);
    /* Not allowed in a user namespace that lacks the pipe's owner. */
    if ((stat.stx_mode & S_IFMT) == S_IFIFO) SYS(fchown, fd, uid, -1);
    if (!is_null_device(fd)) continue;
    long own = open_below(root.fd, "/dev/null", O_RDWR | O_CLOEXEC, RESOLVE_NO_SYMLINKS);
    /* A container without a /dev of its own has none. */
    if (own < 0) continue;
    if (is_null_device((int)own)) check(SYS(dup3, own, fd, 0), "dup", "/dev/null");
    SYS(close, own);
  }
}

/* Only the errors that execvp(3) goes on after; the first other one is the answer. */
static bool keep_searching(long result) {
  return result == -ENOENT || result == -ENOTDIR || result == -EACCES || result == -ENAMETOOLONG;
}

static long search_and_exec(const char **arguments, const char **environment) {
  const char *file = arguments[0], *directories = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
  if (file[0] == 0) return -ENOENT;
  for (const char *at = file; *at != 0; at++)
    if (*at == '/') return SYS(execve, file, arguments, environment);
  for (const char **variable = environment; *variable != NULL; variable++)
    if (starts_with(*variable, "PATH=")) directories = *variable + 5;
  bool denied = false;
  for (const char *end = directories;; directories = ++end) {
    struct text path = {.length = 0};
    while (*end != 0 && *end != ':') end++;
    /* An empty entry is the working directory. */
    add_bytes(&path, directories, (size_t)(end - directories));
    if (path.length != 0) add(&path, "/");
    add(&path, file);
    long result = path.cut ? -ENAMETOOLONG : SYS(execve, path.bytes, arguments, environment);
    if (!keep_searching(result)) return result;
    if (result == -EACCES) denied = true;
    if (*end == 0) return denied ? -EACCES : -ENOENT;
  }
}

/* Waits for the start with one descriptor left, then becomes the program. */
static __attribute__((noreturn)) void op_exec(struct cursor *fields) {
  static const char *arguments[32768], *environment[32768];
  uint32_t count = take_count(fields, 32767);
  for (uint32_t i = 0; i < count; i++) arguments[i] = take_string(fields);
  uint32_t variables = take_count(fields, 32767);
  for (uint32_t i = 0; i < variables; i++) environment[i] = take_string(fields);
  if (fields->bad || count == 0) fail("read the program", "", -EBADMSG);

  /* Nothing the launcher had open may be reachable from the program, nor from its path (/proc/self/fd/N/…). */
  if (self.sync != 3) check(SYS(dup3, self.sync, 3, O_CLOEXEC), "dup", "the socket");
  self.sync = 3;
  check(SYS(close_range, 4, ~0u, 0), "close_range", "");

  struct frame frame = {.length = 0};
  put_u8(&frame, REPORT_READY);
  send_frame(&frame);
  char word;
  /* End of file: the outer process is gone, and with it whoever wanted this. */
  if (SYS(read, self.sync, &word, 1) != 1) leave(1);
  run_start_hooks();
  if (self.reaper) become_reaper();
  uint64_t none = 0;
  check(SYS(rt_sigprocmask, SIG_SETMASK, &none, 0, sizeof none), "unblock signals", "");

  long result = search_and_exec(arguments, environment);
  if (result == -ENOENT && SYS(faccessat, AT_FDCWD, arguments[0], 0) == 0)
    fail_as(1, "the interpreter does not exist of", arguments[0], result);
  fail_as(1, "exec", arguments[0], result);
}

#endif
