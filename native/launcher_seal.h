/* The launcher's own executable, out of the reach of what it launches. */
#ifndef LAUNCHER_SEAL_H
#define LAUNCHER_SEAL_H

#include "launcher_report.h"
#include <linux/memfd.h>
#include <linux/mman.h>

#define ALL_SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

/*
 * CVE-2019-5736: a container that gets hold of the launcher's executable, through the /proc/PID/exe of a launcher that
 * enters it or by letting it execute /proc/self/exe or a script with that interpreter, could write to the host's file.
 * Not being dumpable closes /proc/PID/exe until the exec, but not the second way, and not to CAP_SYS_PTRACE. So the
 * process that goes inside runs from a sealed copy in memory, which cannot be written to by anyone: 50 KB and one exec.
 */
static void seal_self(const long *stack) {
  int own = (int)SYS(openat, AT_FDCWD, "/proc/self/exe", O_RDONLY | O_CLOEXEC, 0);
  if (own < 0) fail("open", "/proc/self/exe", own);
  if (SYS(fcntl, own, F_GET_SEALS, 0) == ALL_SEALS) {
    SYS(close, own);
    return;
  }
  /* 0x10 is MFD_EXEC, which kernels before 6.3 do not know. */
  int copy = (int)SYS(memfd_create, "tsbuild-launcher", MFD_CLOEXEC | MFD_ALLOW_SEALING | 0x10);
  if (copy == -EINVAL) copy = (int)SYS(memfd_create, "tsbuild-launcher", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  check(copy, "memfd_create", "");
  long sent;
  while ((sent = SYS(sendfile, copy, own, 0, 1 << 24)) > 0) continue;
  check(sent, "copy", "/proc/self/exe");
  check(SYS(fcntl, copy, F_ADD_SEALS, ALL_SEALS), "seal", "the launcher");
  long argument_count = stack[0];
  const long *arguments = stack + 1, *environment = arguments + argument_count + 1;
  check(SYS(execveat, copy, "", arguments, environment, AT_EMPTY_PATH), "exec", "the launcher");
}


#endif
