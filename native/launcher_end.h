/* The end of a container: what is left of it is killed, its cgroups go, and then the launcher itself. */
#ifndef LAUNCHER_END_H
#define LAUNCHER_END_H

#include "launcher_relay.h"
#include <linux/time_types.h>
#include <linux/wait.h>

static void sleep_milliseconds(long milliseconds) {
  struct __kernel_timespec pause = {milliseconds / 1000, milliseconds % 1000 * 1000000};
  SYS(ppoll, 0, 0, &pause, 0, 0);
}

/* Kills every process of a list of numbers, in a file of the kernel's; false when there was none. Closes the descriptor. */
static bool kill_listed(int fd) {
  char bytes[4096];
  long length, number = 0;
  bool any = false;
  while ((length = SYS(read, fd, bytes, sizeof bytes)) > 0)
    for (long i = 0; i < length; i++) {
      if (bytes[i] >= '0' && bytes[i] <= '9') {
        number = number * 10 + bytes[i] - '0';
        continue;
      }
      if (number > 1) SYS(kill, number, SIGKILL), any = true;
      number = 0;
    }
  SYS(close, fd);
  return any;
}

/* Kills every process of one cgroup; false when there was none. */
static bool kill_cgroup(const char *folder) {
  struct text path = {.length = 0};
  add(&path, folder), add(&path, "/cgroup.kill");
  int fd = (int)SYS(openat, AT_FDCWD, path.bytes, O_WRONLY | O_CLOEXEC, 0);
  if (fd >= 0) SYS(write, fd, "1", 1), SYS(close, fd);
  path.length = 0;
  add(&path, folder), add(&path, "/cgroup.procs");
  fd = (int)SYS(openat, AT_FDCWD, path.bytes, O_RDONLY | O_CLOEXEC, 0);
  return fd >= 0 && kill_listed(fd);
}

/* What lost its parent is a child of this process, and so will be what that leaves behind. */
static void kill_orphans(void) {
  for (int round = 0; round < 1000; round++) {
    int fd = (int)SYS(openat, AT_FDCWD, "/proc/thread-self/children", O_RDONLY | O_CLOEXEC, 0);
    if (fd >= 0) kill_listed(fd);
    long ended;
    while ((ended = SYS(wait4, -1, 0, REAPER_WNOHANG, 0)) > 0) continue;
    if (ended == -ECHILD || fd < 0) return;
    sleep_milliseconds(2);
  }
}

/* Without a pid namespace of its own, what the program left behind is found through its cgroups and its session. */
static void kill_rest(void) {
  if (self.new_pid_namespace || outer.pid == 0) return;
  if (outer.leaves_rest && outer.exited && !outer.killed) return;
  SYS(kill, -outer.pid, SIGKILL);
  if (outer.reaps_rest) kill_orphans();
  for (int round = 0; round < 200; round++) {
    struct cursor folders = outer.cleanup;
    bool any = false;
    for (uint32_t i = 0; i < outer.cleanup_count; i++) any |= kill_cgroup(take_string(&folders));
    if (!any) break;
    sleep_milliseconds(5);
  }
}

static void remove_cgroups(void) {
  struct cursor folders = outer.cleanup;
  for (uint32_t i = 0; i < outer.cleanup_count; i++) {
    const char *folder = take_string(&folders);
    /* EBUSY: a process that has ended is still on its way out. */
    for (int tries = 0; tries < 200 && SYS(unlinkat, AT_FDCWD, folder, AT_REMOVEDIR) == -EBUSY; tries++)
      sleep_milliseconds(5);
  }
}

/* A frozen process of v1 does not die of SIGKILL until it is thawed. */
static void thaw(void) {
  struct cursor folders = outer.cleanup;
  for (uint32_t i = 0; i < outer.cleanup_count; i++) {
    struct text path = {.length = 0};
    add(&path, take_string(&folders)), add(&path, "/freezer.state");
    int fd = (int)SYS(openat, AT_FDCWD, path.bytes, O_WRONLY | O_CLOEXEC, 0);
    if (fd >= 0) SYS(write, fd, "THAWED", 6), SYS(close, fd);
  }
}

/* The builder let go, or died. */
static __attribute__((noreturn)) void finish(void) {
  if (outer.pidfd >= 0 && !outer.exited) {
    SYS(pidfd_send_signal, outer.pidfd, SIGKILL, 0, 0);
    thaw();
    char info[128];
    while (SYS(waitid, P_PIDFD, outer.pidfd, info, WEXITED, 0) == -EINTR) continue;
  }
  restore_terminal();
  kill_rest();
  remove_cgroups();
  leave(0);
}

/* After a failure of its own the outer process only waits to be let go. */
static __attribute__((noreturn)) void linger(void) {
  char bytes[64];
  long length;
  while ((length = SYS(read, CONTROL_FD, bytes, sizeof bytes)) > 0 || length == -EINTR) continue;
  finish();
}

#endif
