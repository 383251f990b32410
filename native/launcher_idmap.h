/* Maps of ids for mounts: user namespaces that nobody is in, made while /proc still shows this process's children. */
#ifndef LAUNCHER_IDMAP_H
#define LAUNCHER_IDMAP_H

#include "launcher_report.h"
#include <linux/sched.h>
#include <linux/wait.h>

#define ID_MAPS 64

static int id_maps[ID_MAPS];
static uint32_t id_map_count;

static struct text process_path(long pid, const char *file) {
  struct text path = {.length = 0};
  add(&path, "/proc/"), add_number(&path, (uint64_t)pid), add(&path, "/"), add(&path, file);
  return path;
}

/* Kept open for the mounts of the inner process, which inherits it. */
static void op_id_map(struct cursor *fields) {
  const char *uid_map = take_string(fields), *gid_map = take_string(fields);
  if (id_map_count == ID_MAPS) fail("too many mapped mounts", "", -E2BIG);
  int life[2];
  check(SYS(pipe2, life, O_CLOEXEC), "pipe", "");
  long pid = check(SYS(clone, CLONE_NEWUSER | 17 /* SIGCHLD */, 0, 0, 0, 0), "clone", "a user namespace");
  if (pid == 0) {
    /* Ends with the launcher, however that ends: it has the builder's descriptors, too, and their end would never be seen. */
    char word;
    SYS(close, life[1]);
    while (SYS(read, life[0], &word, 1) == -EINTR) continue;
    leave(0);
  }
  SYS(close, life[0]);
  write_file(AT_FDCWD, process_path(pid, "uid_map").bytes, uid_map);
  write_file(AT_FDCWD, process_path(pid, "gid_map").bytes, gid_map);
  struct text path = process_path(pid, "ns/user");
  id_maps[id_map_count++] = (int)check(SYS(openat, AT_FDCWD, path.bytes, O_RDONLY | O_CLOEXEC, 0), "open", path.bytes);
  SYS(close, life[1]);
  while (SYS(wait4, pid, 0, 0, 0) == -EINTR) continue;
}

#endif
