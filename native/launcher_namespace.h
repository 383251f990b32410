/*
 * The other use of the launcher: to put its caller, one process with one thread, into a user and a mount namespace,
 * and then to become the program that the caller names. It stays the same process throughout, so that whoever waits for
 * it, signals it or shares its terminal sees one program.
 *
 *   launcher namespace new UID-MAPPER UID-MAP GID-MAPPER GID-MAP OWN-UID-MAP OWN-GID-MAP PROGRAM ARGUMENT...
 *   launcher namespace join USER-NAMESPACE MOUNT-NAMESPACE FOLDER PROGRAM ARGUMENT...
 *
 * A map is the text that /proc/PID/uid_map takes. A mapper is a program as newuidmap(1), or `=` for a caller that may map
 * any id by itself, being root outside; an empty one, or one that fails,
 * leaves the own map, of one id, which every process may write for itself. The program is executed whatever fails,
 * with the failure in its environment: `TSBUILD_NAMESPACE_ERROR=errno call`.
 */
#ifndef LAUNCHER_NAMESPACE_H
#define LAUNCHER_NAMESPACE_H

#include "launcher_enter.h"

#define WAIT_FOR_ALL 0x40000000 /* __WALL */
#define MAP_WORDS 1024

/* Program and arguments of the second use, at the end of the command line. */
static char **become;
static char **surroundings;

static __attribute__((noreturn)) void become_program(void) {
  long result = SYS(execve, become[0], become + 1, surroundings);
  struct text line = {.length = 0};
  add(&line, "tsbuild: cannot execute "), add(&line, become[0]), add(&line, "\n");
  SYS(write, 2, line.bytes, line.length);
  leave(result == -ENOENT ? 127 : 126);
}

/* The names stand for calls, not for people: whoever reads the variable makes the sentence. */
static __attribute__((noreturn)) void become_with_failure(const char *call, long result) {
  static const char *variables[8192];
  static struct text line;
  add(&line, "TSBUILD_NAMESPACE_ERROR="), add_number(&line, (uint64_t)-result), add(&line, " "), add(&line, call);
  size_t count = 0;
  variables[count++] = line.bytes;
  for (char **variable = surroundings; *variable != NULL && count + 1 < sizeof variables / sizeof *variables; variable++)
    variables[count++] = *variable;
  surroundings = (char **)variables;
  become_program();
}

static void try(long result, const char *call) {
  if (result < 0) become_with_failure(call, result);
}

static long write_text(const char *path, const char *text) {
  long fd = SYS(openat, AT_FDCWD, path, O_WRONLY | O_CLOEXEC, 0);
  if (fd < 0) return fd;
  long result = SYS(write, fd, text, text_length(text));
  SYS(close, fd);
  return result;
}

/* A child that waits for the end of the pipe, and then maps ids of its parent. */
static long start_mapper(const char *program, char *map, const char *file, const int gate[2]) {
  if (program[0] == 0) return 0;
  struct text parent = {.length = 0};
  add_number(&parent, (uint64_t)SYS(getpid));
  /* Without SIGCHLD: a caller that ignores it would leave no status to wait for. */
  long child = SYS(clone, 0, 0, 0, 0, 0);
  if (child != 0) return child;
  char word;
  if (text_equal(program, "=")) {
    struct text path = {.length = 0};
    add(&path, "/proc/"), add(&path, parent.bytes), add(&path, "/"), add(&path, file);
    SYS(close, gate[1]);
    while (SYS(read, gate[0], &word, 1) == -EINTR) continue;
    leave(write_text(path.bytes, map) < 0);
  }
  static char *words[MAP_WORDS + 3];
  size_t count = 0;
  words[count++] = (char *)program, words[count++] = parent.bytes;
  for (char *at = map; *at != 0 && count < MAP_WORDS + 2;) {
    while (*at == ' ' || *at == '\n') *at++ = 0;
    if (*at == 0) break;
    words[count++] = at;
    while (*at != 0 && *at != ' ' && *at != '\n') at++;
  }
  SYS(close, gate[1]);
  while (SYS(read, gate[0], &word, 1) == -EINTR) continue;
  /* What it complains about is said better by whoever finds the map too small. */
  long nowhere = SYS(openat, AT_FDCWD, "/dev/null", O_RDWR | O_CLOEXEC, 0);
  if (nowhere >= 0) SYS(dup3, nowhere, 1, 0), SYS(dup3, nowhere, 2, 0);
  SYS(execve, program, words, surroundings);
  leave(127);
}

static bool has_mapped(long child) {
  int status = 0;
  if (child <= 0) return false;
  while (SYS(wait4, child, &status, WAIT_FOR_ALL, 0) == -EINTR) continue;
  return status == 0;
}

static void become_first_user(void) {
  try(SYS(setresgid, 0, 0, 0), "setresgid");
  /* Refused where the groups of the caller are frozen, as they are with a map that the caller wrote for itself. */
  SYS(setgroups, 0, 0);
  try(SYS(setresuid, 0, 0, 0), "setresuid");
}

static void new_namespaces(char **words) {
  int gate[2];
  try(SYS(pipe2, gate, O_CLOEXEC), "pipe");
  long uids = start_mapper(words[0], words[1], "uid_map", gate);
  long gids = start_mapper(words[2], words[3], "gid_map", gate);
  SYS(close, gate[0]);
  long made = SYS(unshare, CLONE_NEWUSER | CLONE_NEWNS);
  if (made < 0) {
    if (uids > 0) SYS(kill, uids, SIGKILL);
    if (gids > 0) SYS(kill, gids, SIGKILL);
  }
  SYS(close, gate[1]);
  bool uids_mapped = has_mapped(uids), gids_mapped = has_mapped(gids);
  try(made, "unshare");
  if (!uids_mapped) try(write_text("/proc/self/uid_map", words[4]), "uid_map");
  if (!gids_mapped) {
    /* The kernel's condition: else a group that takes rights away could be left like this. */
    try(write_text("/proc/self/setgroups", "deny"), "setgroups");
    try(write_text("/proc/self/gid_map", words[5]), "gid_map");
  }
  become_first_user();
  /* What is mounted here stays here; what the machine mounts still comes. */
  try(SYS(mount, 0, "/", 0, MS_REC | MS_SLAVE, 0), "mount");
}

static void join_namespaces(char **words) {
  static const uint32_t kinds[] = {CLONE_NEWUSER, CLONE_NEWNS};
  long opened[2];
  for (int i = 0; i < 2; i++) try(opened[i] = SYS(openat, AT_FDCWD, words[i], O_RDONLY | O_CLOEXEC, 0), "open");
  for (int i = 0; i < 2; i++) try(SYS(setns, opened[i], kinds[i]), "setns");
  become_first_user();
  /* The mount namespace came with a working directory of its own. */
  try(SYS(chdir, words[2]), "chdir");
}

static __attribute__((noreturn)) void enter_namespaces(long count, char **words, char **environment) {
  surroundings = environment;
  bool is_new = text_equal(words[2], "new");
  int used = is_new ? 6 : 3;
  if (count < 3 + used + 2) leave(2);
  become = words + 3 + used;
  if (is_new) new_namespaces(words + 3);
  else join_namespaces(words + 3);
  become_program();
}

#endif
