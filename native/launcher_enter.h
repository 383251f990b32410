/* Entering a container that runs: its namespaces, joined by a process that then becomes one of its own. */
#ifndef LAUNCHER_ENTER_H
#define LAUNCHER_ENTER_H

#include "launcher_process.h"

static void become_root(void) {
  check(SYS(setresgid, 0, 0, 0), "setresgid", "");
  check(SYS(setresuid, 0, 0, 0), "setresuid", "");
  /* The change of user made the kernel forget it. */
  check(SYS(prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0), "set the death signal", "");
}

static void join_namespace(int namespace, uint32_t flag) {
  check(SYS(setns, namespace, flag), "setns", "");
  if (flag == CLONE_NEWUSER) become_root();
}

/*
 * All are opened before the first is joined, while /proc is still the host's. The mount namespace comes with a root and a
 * working directory of its own, so that nothing of the host is left to climb out through (CVE-2024-21626).
 */
static void op_enter(struct cursor *fields) {
  uint32_t count = take_count(fields, 8), flags[8];
  int namespaces[8];
  for (uint32_t i = 0; i < count; i++) {
    flags[i] = take_u32(fields);
    const char *path = take_string(fields);
    namespaces[i] = (int)check(SYS(openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0), "open", path);
  }
  for (uint32_t i = 0; i < count; i++) {
    join_namespace(namespaces[i], flags[i]);
    SYS(close, namespaces[i]);
  }
  set_root(host_directory("/"));
  self.entered = true;
}

#endif
