/* The first process of a container with --init: it passes signals on, and waits for what other programs leave behind. */
#ifndef LAUNCHER_REAPER_H
#define LAUNCHER_REAPER_H

#include "launcher_report.h"
#include <linux/capability.h>
#include <linux/prctl.h>

#define REAPER_SIGCHLD 17
#define REAPER_SIGKILL 9
#define REAPER_WNOHANG 1

/* As a shell tells it: the exit status, or 128 and the number of the signal. */
static int told_status(int status) { return (status & 0x7f) == 0 ? status >> 8 & 0xff : 128 + (status & 0x7f); }

/* Ends with the program; the kernel then ends all that is left in its pid namespace. */
static __attribute__((noreturn)) void reap_for(int program) {
  uint64_t all = ~0ull;
  for (;;) {
    int status = 0;
    long ended;
    while ((ended = SYS(wait4, -1, &status, REAPER_WNOHANG, 0)) > 0)
      if (ended == program) leave(told_status(status));
    long signal = SYS(rt_sigtimedwait, &all, 0, 0, sizeof all);
    /* Stops from the terminal are for who runs in the background of it: that is this process, not the program. */
    bool is_stop = signal == 20 /* SIGTSTP */ || signal == 21 /* SIGTTIN */ || signal == 22 /* SIGTTOU */;
    if (signal > 0 && signal != REAPER_SIGCHLD && !is_stop) SYS(kill, program, signal);
  }
}

/*
 * All signals must be blocked: as the first process of a pid namespace it would lose those that it does not catch. The
 * program returns from here as a child, in a process group of its own, which has the terminal if there is one: else keys
 * would reach it twice.
 */
static void become_reaper(void) {
  long program = check(SYS(clone, REAPER_SIGCHLD, 0, 0, 0, 0), "clone", "");
  if (program == 0) {
    SYS(prctl, PR_SET_PDEATHSIG, REAPER_SIGKILL, 0, 0, 0);
    SYS(setpgid, 0, 0);
    int group = (int)SYS(getpid);
    SYS(ioctl, 0, 0x5410 /* TIOCSPGRP */, &group);
    return;
  }
  /* Where the pid namespace is shared, orphans come here all the same. */
  SYS(prctl, PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
  SYS(prctl, PR_SET_NAME, "init", 0, 0, 0);
  /* From the program the kernel takes them at its exec. */
  if (SYS(getuid) != 0) {
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct none[2] = {{0, 0, 0}, {0, 0, 0}};
    check(SYS(capset, &header, none), "capset", "");
  }
  /* The other end hears of the program's start by the end of the child's copy. */
  SYS(close, self.sync);
  reap_for((int)program);
}

#endif
