/* Runs a program in a session that has a keyring of its own, with a key named tsbuild-probe: WITH-KEY PROGRAM ARGS. */
#define _GNU_SOURCE
#include <sys/syscall.h>
#include <unistd.h>

int main(int argc, char **argv) {
  if (argc < 2 || syscall(SYS_keyctl, 1 /* join session */, NULL) < 0) return 2;
  if (syscall(SYS_add_key, "user", "tsbuild-probe", "secret", 6, -3 /* the session's */) < 0) return 2;
  execv(argv[1], argv + 1);
  return 2;
}
