/*
 * What a program in a container sees, as lines `key value`: PROBE [PATH …]. Each path is looked at and opened. Control
 * characters of values are printed as `?`. Static, and without a library beyond libc, so that it runs in an empty root.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

extern char **environ;

static void line(const char *key, const char *value) {
  printf("%s ", key);
  for (; *value; value++) putchar((unsigned char)*value < ' ' ? '?' : *value);
  putchar('\n');
}

static void number(const char *key, long long value) { printf("%s %lld\n", key, value); }

static void lines(const char *prefix, const char *path) {
  char text[4096], key[64];
  FILE *file = fopen(path, "re");
  if (file == NULL) {
    snprintf(key, sizeof key, "%s.error", prefix);
    number(key, errno);
    return;
  }
  for (int at = 0; fgets(text, sizeof text, file); at++) {
    text[strcspn(text, "\n")] = 0;
    snprintf(key, sizeof key, "%s.%d", prefix, at);
    line(key, text);
  }
  fclose(file);
}

static void status(void) {
  static const char *wanted[] = {"Umask",  "Uid",    "Gid",    "Groups", "SigBlk",     "SigIgn",  "SigCgt",       "CapInh",
                                 "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp", "Cpus_allowed", "NSpid"};
  char text[4096], key[80];
  FILE *file = fopen("/proc/self/status", "re");
  while (file != NULL && fgets(text, sizeof text, file)) {
    char *value = strchr(text, ':');
    if (value == NULL) continue;
    *value++ = 0;
    value[strcspn(value, "\n")] = 0;
    for (char *tab = value; *tab; tab++)
      if (*tab == '\t') *tab = ' ';
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
      if (strcmp(text, wanted[i]) != 0) continue;
      snprintf(key, sizeof key, "status.%.60s", text);
      line(key, value + strspn(value, " "));
    }
  }
  if (file != NULL) fclose(file);
}

static void namespaces(void) {
  static const char *names[] = {"cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts"};
  char path[64], key[64], target[256];
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    snprintf(path, sizeof path, "/proc/self/ns/%s", names[i]);
    ssize_t length = readlink(path, target, sizeof target - 1);
    target[length < 0 ? 0 : length] = 0;
    snprintf(key, sizeof key, "ns.%s", names[i]);
    line(key, target);
  }
}

static void limits(void) {
  static const char *names[] = {"CPU",    "FSIZE", "DATA",  "STACK",      "CORE",     "RSS",      "NPROC", "NOFILE",
                                "MEMLOCK", "AS",    "LOCKS", "SIGPENDING", "MSGQUEUE", "NICE",     "RTPRIO", "RTTIME"};
  for (int i = 0; i < 16; i++) {
    struct rlimit limit;
    if (getrlimit(i, &limit) == 0)
      printf("rlimit.%s %lld %lld\n", names[i], (long long)limit.rlim_cur, (long long)limit.rlim_max);
  }
}

static void descriptors(void) {
  char path[64], key[64], target[4096];
  for (int fd = 0; fd < 1024; fd++) {
    struct stat entry;
    if (fstat(fd, &entry) != 0) continue;
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(path, target, sizeof target - 1);
    target[length < 0 ? 0 : length] = 0;
    snprintf(key, sizeof key, "fd.%d", fd);
    line(key, target);
    printf("fdstat.%d %o %u %u %d\n", fd, entry.st_mode, entry.st_uid, entry.st_gid,
           fcntl(fd, F_GETFL) & (O_ACCMODE | O_APPEND | O_NONBLOCK));
  }
}

/* Kind, mode, owner, device; what a link says; what opening answers, and how many bytes or names there are to read. */
static void look(const char *path) {
  char key[512], target[4096];
  struct stat entry;
  if (lstat(path, &entry) != 0) {
    printf("path.%s errno=%d\n", path, errno);
    return;
  }
  printf("path.%s %o %u:%u", path, entry.st_mode, entry.st_uid, entry.st_gid);
  if (S_ISCHR(entry.st_mode) || S_ISBLK(entry.st_mode)) printf(" %u,%u", major(entry.st_rdev), minor(entry.st_rdev));
  if (S_ISLNK(entry.st_mode)) {
    ssize_t length = readlink(path, target, sizeof target - 1);
    target[length < 0 ? 0 : length] = 0;
    printf(" -> %s", target);
  }
  putchar('\n');
  /* What the probe itself reads and writes: opening it would eat its own output. */
  if (strncmp(path, "/dev/std", 8) == 0) return;
  int directory = S_ISDIR(entry.st_mode);
  int in = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
  snprintf(key, sizeof key, "read.%s", path);
  if (in < 0) {
    printf("%s errno=%d\n", key, errno);
  } else if (directory) {
    DIR *folder = fdopendir(in);
    int names = 0;
    while (folder != NULL && readdir(folder) != NULL) names++;
    printf("%s names=%d\n", key, names - 2);
    if (folder != NULL) closedir(folder);
  } else {
    ssize_t length = read(in, target, 1024);
    printf("%s bytes=%zd errno=%d\n", key, length, length < 0 ? errno : 0);
    if (length > 0 && (strncmp(path, "/proc/sys/", 10) == 0 || strncmp(path, "/sys/fs/", 8) == 0)) {
      target[length - 1] = 0;
      snprintf(key, sizeof key, "text.%s", path);
      line(key, target);
    }
    close(in);
  }
  snprintf(key, sizeof key, "write.%s", path);
  if (directory) {
    char file[600];
    snprintf(file, sizeof file, "%s/probe-made", path);
    int made = open(file, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
    printf("%s errno=%d\n", key, made < 0 ? errno : 0);
    if (made >= 0) unlink(file), close(made);
  } else {
    int out = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    printf("%s errno=%d\n", key, out < 0 ? errno : 0);
    if (out >= 0) close(out);
  }
}

static void names(const char *path) {
  char key[512];
  struct dirent **entries;
  int count = scandir(path, &entries, NULL, alphasort);
  for (int i = 0; i < count; i++) {
    if (entries[i]->d_name[0] == '.') continue;
    snprintf(key, sizeof key, "name.%s", path);
    printf("%s/%s %d\n", key, entries[i]->d_name, entries[i]->d_type);
  }
}

/* Each in a child of its own: a filter may kill, and what succeeds must not change what is probed after it. */
#define IN_CHILD(name, expression)                                                       \
  do {                                                                                   \
    fflush(stdout);                                                                      \
    pid_t child = fork();                                                                \
    if (child == 0) {                                                                    \
      long answer = (expression);                                                        \
      _exit(answer < 0 ? errno : 0);                                                     \
    }                                                                                    \
    int how = 0;                                                                         \
    if (child < 0 || waitpid(child, &how, 0) < 0) printf("call.%s lost\n", name);        \
    else if (WIFSIGNALED(how)) printf("call.%s signal=%d\n", name, WTERMSIG(how));       \
    else printf("call.%s %d\n", name, WEXITSTATUS(how));                                 \
  } while (0)

/* Answers of the kernel to calls that change nothing even where they are allowed. */
static void calls(const char *name) {
  IN_CHILD("getpid", syscall(SYS_getpid));
  IN_CHILD("mount", mount("none", "/no-such-place", "tmpfs", 0, NULL));
  IN_CHILD("umount", umount2("/no-such-place", MNT_DETACH));
  IN_CHILD("unshare-user", unshare(CLONE_NEWUSER));
  IN_CHILD("unshare-mount", unshare(CLONE_NEWNS));
  IN_CHILD("clone3", syscall(SYS_clone3, NULL, 0));
  IN_CHILD("setns", setns(-1, 0));
  IN_CHILD("chroot", chroot("/"));
  IN_CHILD("mknod", mknod("/dev/probe-node", S_IFCHR | 0600, makedev(1, 3)));
  IN_CHILD("open-own-node", open("/dev/probe-node", O_RDONLY));
  unlink("/dev/probe-node");
  IN_CHILD("mknod-disk", mknod("/dev/probe-disk", S_IFBLK | 0600, makedev(254, 0)));
  IN_CHILD("open-own-disk", open("/dev/probe-disk", O_RDONLY));
  unlink("/dev/probe-disk");
  IN_CHILD("keyctl", syscall(SYS_keyctl, 0 /* get id */, -3 /* session */, 0));
  IN_CHILD("add_key", syscall(SYS_add_key, "user", "probe", "x", 1, -3));
  IN_CHILD("bpf", syscall(SYS_bpf, 0, NULL, 0));
  IN_CHILD("perf", syscall(SYS_perf_event_open, NULL, 0, -1, -1, 0));
  IN_CHILD("io_uring", syscall(SYS_io_uring_setup, 0, NULL));
  IN_CHILD("userfaultfd", syscall(SYS_userfaultfd, 0x80000000u));
  IN_CHILD("kexec", syscall(SYS_kexec_load, 0, 1000, NULL, 0));
  IN_CHILD("init_module", syscall(SYS_init_module, NULL, 0, ""));
  IN_CHILD("open_by_handle_at", syscall(SYS_open_by_handle_at, -1, NULL, 0));
  IN_CHILD("ptrace", syscall(SYS_ptrace, 0x4206 /* seize */, 1, 0, 0));
  IN_CHILD("personality-aslr", syscall(SYS_personality, 0x0040000));
  IN_CHILD("socket-raw", socket(AF_INET, SOCK_RAW, 1));
  IN_CHILD("socket-alg", socket(38, SOCK_SEQPACKET, 0));
  IN_CHILD("socket-vsock", socket(40, SOCK_STREAM, 0));
  IN_CHILD("sethostname", sethostname(name, strlen(name)));
  IN_CHILD("settimeofday", syscall(SYS_settimeofday, NULL, (int[]){0, 0}));
  IN_CHILD("setuid-0", setuid(0));
  IN_CHILD("setuid-1", setuid(1));
  IN_CHILD("kill-own", kill(getpid(), 0));
  IN_CHILD("nice", setpriority(PRIO_PROCESS, 0, -5));
  IN_CHILD("syslog", syscall(SYS_syslog, 10, NULL, 0));
  IN_CHILD("getcpu", syscall(SYS_getcpu, NULL, NULL, NULL));
  IN_CHILD("uname", syscall(SYS_uname, (char[600]){0}));
}

static void keyring(void) {
  char text[512];
  long length = syscall(SYS_keyctl, 6 /* describe */, -3, text, sizeof text);
  if (length < 0) number("keyring.errno", errno);
  else line("keyring.session", text);
  long id;
  /* Each as serial numbers of what it holds. */
  int32_t held[64];
  length = syscall(SYS_keyctl, 11 /* read */, -3, held, sizeof held);
  if (length >= 0) number("keyring.held", length / 4);
  id = syscall(SYS_keyctl, 10 /* search */, -3, "user", "tsbuild-probe", 0);
  number("keyring.found", id < 0 ? -errno : 1);
}

static void terminal(void) {
  struct termios settings;
  if (tcgetattr(0, &settings) != 0) return line("terminal", "none");
  printf("terminal %x %x %x %x", settings.c_iflag, settings.c_oflag, settings.c_cflag, settings.c_lflag);
  for (int i = 0; i < 17; i++) printf(" %d", settings.c_cc[i]);
  putchar('\n');
  struct winsize size = {0};
  ioctl(0, TIOCGWINSZ, &size);
  printf("terminal.size %d %d\n", size.ws_row, size.ws_col);
  number("terminal.foreground", tcgetpgrp(0));
  number("terminal.session", tcgetsid(0));
  struct stat entry;
  if (fstat(0, &entry) == 0)
    printf("terminal.owner %o %u:%u %u\n", entry.st_mode, entry.st_uid, entry.st_gid, major(entry.st_rdev));
}

int main(int argc, char **argv) {
  struct utsname name;
  char text[4096];
  /* Among the calls are some that would change a machine on which all of them are allowed. */
  if (access("/etc/os-release", F_OK) == 0) {
    fputs("probe: for containers only\n", stderr);
    return 2;
  }
  /* Before anything is opened. */
  descriptors();
  status();
  namespaces();
  limits();
  for (char **variable = environ; *variable; variable++) {
    snprintf(text, sizeof text, "env.%ld", variable - environ);
    line(text, *variable);
  }
  uname(&name);
  line("hostname", name.nodename);
  line("domainname", name.domainname);
  line("cwd", getcwd(text, sizeof text) ? text : "(none)");
  for (int i = 0; i < argc && i < 1; i++) line("argv.0", argv[i]);
  number("pid", getpid());
  number("ppid", getppid());
  number("pgid", getpgid(0));
  number("sid", getsid(0));
  number("nice", getpriority(PRIO_PROCESS, 0));
  number("scheduler", sched_getscheduler(0));
  number("ioprio", syscall(SYS_ioprio_get, 1, 0));
  number("personality", syscall(SYS_personality, 0xffffffff));
  number("dumpable", prctl(PR_GET_DUMPABLE));
  number("securebits", prctl(PR_GET_SECUREBITS));
  int death = -1;
  prctl(PR_GET_PDEATHSIG, &death);
  number("pdeathsig", death);
  number("subreaper", (prctl(PR_GET_CHILD_SUBREAPER, &death), death));
  number("keepcaps", prctl(PR_GET_KEEPCAPS));
  number("timerslack", prctl(PR_GET_TIMERSLACK));
  lines("oom_score_adj", "/proc/self/oom_score_adj");
  lines("uid_map", "/proc/self/uid_map");
  lines("gid_map", "/proc/self/gid_map");
  lines("setgroups", "/proc/self/setgroups");
  lines("cgroup", "/proc/self/cgroup");
  lines("mount", "/proc/self/mountinfo");
  names("/");
  names("/dev");
  names("/dev/pts");
  names("/sys/class/net");
  struct ifreq interface = {.ifr_name = "lo"};
  int control = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (ioctl(control, SIOCGIFFLAGS, &interface) == 0) number("loopback.flags", interface.ifr_flags);
  close(control);
  terminal();
  for (int i = 1; i < argc; i++) look(argv[i]);
  keyring();
  calls(name.nodename);
  return 0;
}
