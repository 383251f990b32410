/* A container without namespaces of its own: a root directory, and an end for what its program leaves behind. */
#ifndef LAUNCHER_CHROOT_H
#define LAUNCHER_CHROOT_H

#include "launcher_overlay.h"
#include <linux/prctl.h>

static void op_root_folder(struct cursor *fields) { set_root(host_directory(take_string(fields))); }

static void op_chroot(void) {
  check(SYS(fchdir, root.fd), "chdir", "root");
  check(SYS(chroot, "."), "chroot", "");
  check(SYS(chdir, "/"), "chdir", "/");
}

/* By the outer process: whoever loses its parent becomes a child of this one. */
static void op_reap_rest(void) { check(SYS(prctl, PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), "become the reaper", ""); }

#endif
