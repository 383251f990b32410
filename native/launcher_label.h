/* What AppArmor and SELinux are to hold the program to. */
#ifndef LAUNCHER_LABEL_H
#define LAUNCHER_LABEL_H

#include "launcher_mounts.h"

/*
 * What the kernel's security modules are to make of the program when it is executed. Only the kernel's own file will do:
 * what else stands at its path would take the label, and the program would run without (CVE-2019-16884, CVE-2019-19921).
 */
static void op_label(struct cursor *fields) {
  const char *attribute = take_string(fields), *value = take_string(fields);
  struct text path = {.length = 0};
  add(&path, "thread-self/attr/"), add(&path, attribute);
  int proc = host_directory("/proc");
  struct statfs kind;
  check(SYS(fstatfs, proc, &kind), "statfs", "/proc");
  /* 1 is the root of procfs: a folder of it, bound there, is none. */
  if (kind.f_type != PROC_SUPER_MAGIC || stat_of(proc).stx_ino != 1) fail("/proc is not a procfs", "", -EINVAL);
  int fd = (int)check(open_below(proc, path.bytes, O_WRONLY, RESOLVE_NO_XDEV), "open", path.bytes);
  check(SYS(fstatfs, fd, &kind), "statfs", path.bytes);
  if (kind.f_type != PROC_SUPER_MAGIC) fail("not a file of procfs", path.bytes, -EINVAL);
  long written = check(SYS(write, fd, value, text_length(value)), "write", path.bytes);
  if ((size_t)written != text_length(value)) fail("write", path.bytes, -EMSGSIZE);
  SYS(close, fd);
  SYS(close, proc);
}

#endif
