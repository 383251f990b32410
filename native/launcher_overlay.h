/* Where the root comes from, and other trees made of layers: overlay mounts, by descriptors so that no name is too long. */
#ifndef LAUNCHER_OVERLAY_H
#define LAUNCHER_OVERLAY_H

#include "launcher_mounts.h"

#define LAYER_LIMIT 512

struct overlay {
  int lowers[LAYER_LIMIT];
  uint32_t count;
  int upper, work; /* -1: none, the mount is read-only */
  bool is_volatile, user_xattrs;
  const char *context; /* of SELinux; empty: none */
};

static struct overlay take_overlay(struct cursor *fields) {
  struct overlay overlay = {.upper = -1, .work = -1};
  overlay.count = take_count(fields, LAYER_LIMIT);
  for (uint32_t i = 0; i < overlay.count; i++) overlay.lowers[i] = host_directory(take_string(fields));
  const char *upper = take_string(fields), *work = take_string(fields);
  if (upper[0] != 0) overlay.upper = host_directory(upper), overlay.work = host_directory(work);
  overlay.is_volatile = take_u32(fields), overlay.user_xattrs = take_u32(fields);
  overlay.context = take_string(fields);
  return overlay;
}

/* Whatever the host's defaults are: with any of these on, an upper directory would not mean what the differ reads. */
static const char *const overlay_options[] = {"redirect_dir", "metacopy", "index", "xino"};

/* -EINVAL also where the kernel does not know `lowerdir+` (before 6.8), which some only say at the creation. */
static long overlay_by_descriptors(const struct overlay *overlay, struct text *log) {
  int fs = (int)SYS(fsopen, "overlay", FSOPEN_CLOEXEC);
  if (fs < 0) return fs;
  long result = set_option(fs, "source", "overlay");
  for (uint32_t i = 0; result >= 0 && i < overlay->count; i++)
    result = set_option(fs, "lowerdir+", fd_path(overlay->lowers[i]).bytes);
  if (result >= 0 && overlay->upper >= 0) result = set_option(fs, "upperdir", fd_path(overlay->upper).bytes);
  if (result >= 0 && overlay->upper >= 0) result = set_option(fs, "workdir", fd_path(overlay->work).bytes);
  for (size_t i = 0; result >= 0 && i < 4; i++)
    /* With userxattr the kernel refuses to be told about the first two, and has them off. */
    if (!overlay->user_xattrs || i >= 2) result = set_option(fs, overlay_options[i], "off");
  if (result >= 0 && overlay->is_volatile) result = set_option(fs, "volatile", NULL);
  if (result >= 0 && overlay->user_xattrs) result = set_option(fs, "userxattr", NULL);
  if (result >= 0 && overlay->context[0] != 0) result = set_option(fs, "context", overlay->context);
  if (result >= 0) result = SYS(fsconfig, fs, FSCONFIG_CMD_CREATE, 0, 0, 0);
  if (result >= 0) result = SYS(fsmount, fs, FSMOUNT_CLOEXEC, overlay->upper < 0 ? MOUNT_ATTR_RDONLY : 0);
  if (result < 0) {
    char line[512];
    long length = SYS(read, fs, line, sizeof line);
    if (length > 2) add_bytes(log, line + 2, (size_t)length - 2);
  }
  SYS(close, fs);
  return result;
}

/* mount(2) takes one page of options: from /proc/self/fd, a layer's name is its descriptor number. */
static long overlay_by_names(const struct overlay *overlay, const char *scratch) {
  struct text options = {.length = 0};
  for (uint32_t i = 0; i < overlay->count; i++) {
    add(&options, i == 0 ? "lowerdir=" : ":");
    add_number(&options, (uint64_t)overlay->lowers[i]);
  }
  if (overlay->upper >= 0) {
    add(&options, ",upperdir=");
    add_number(&options, (uint64_t)overlay->upper);
    add(&options, ",workdir=");
    add_number(&options, (uint64_t)overlay->work);
  }
  for (size_t i = overlay->user_xattrs ? 2 : 0; i < 4; i++)
    add(&options, ","), add(&options, overlay_options[i]), add(&options, "=off");
  if (overlay->is_volatile) add(&options, ",volatile");
  if (overlay->user_xattrs) add(&options, ",userxattr");
  /* In quotes, since its categories have commas between them. */
  if (overlay->context[0] != 0) add(&options, ",context=\""), add(&options, overlay->context), add(&options, "\"");
  if (options.cut || options.length > 4094) return -E2BIG;
  long result = SYS(chdir, "/proc/self/fd");
  if (result >= 0)
    result = SYS(mount, "overlay", scratch, "overlay", overlay->upper < 0 ? MS_RDONLY : 0, options.bytes);
  SYS(chdir, "/");
  return result;
}

/* Mounts the overlay over the folder `scratch`, seen in this mount namespace only; returns its root. */
static int mount_overlay(const struct overlay *overlay, const char *scratch) {
  struct text log = {.length = 0};
  long tree = overlay_by_descriptors(overlay, &log);
  if (tree >= 0) {
    int target = host_directory(scratch);
    check(SYS(move_mount, tree, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH), "mount", scratch);
    SYS(close, target);
  } else {
    long named = tree == -EINVAL ? overlay_by_names(overlay, scratch) : tree;
    if (named < 0) fail("mount overlay", log.bytes, named);
    tree = host_directory(scratch);
  }
  /* Without a folder of its own in the work folder, as on a full disk, the kernel mounts it read-only and tells its log. */
  struct statfs about;
  if (overlay->upper >= 0 && SYS(fstatfs, tree, &about) >= 0 && (about.f_flags & MS_RDONLY) != 0) {
    long tried = SYS(mkdirat, overlay->work, "tried", 0700);
    fail("mount overlay", "its work folder takes none of the kernel's", tried < 0 ? tried : -EROFS);
  }
  for (uint32_t i = 0; i < overlay->count; i++) SYS(close, overlay->lowers[i]);
  if (overlay->upper >= 0) SYS(close, overlay->upper), SYS(close, overlay->work);
  return (int)tree;
}

static void op_overlay(struct cursor *fields) {
  const char *scratch = take_string(fields), *subpath = take_string(fields), *destination = take_string(fields);
  struct attributes attributes = take_attributes(fields);
  struct overlay overlay = take_overlay(fields);
  int mounted = mount_overlay(&overlay, scratch);
  /* A second mount of it, since only a mount of this namespace may be cloned from a path inside; then the first goes. */
  int inside = open_source(mounted, subpath);
  int tree = clone_tree(inside, false, destination);
  check(SYS(umount2, scratch, MNT_DETACH), "umount", scratch);
  SYS(close, inside);
  attach_with(tree, destination, &attributes);
}

static void set_root(int fd) {
  root.fd = fd;
  root.mount = stat_of(fd).stx_mnt_id;
}

static void op_root_overlay(struct cursor *fields) {
  const char *scratch = take_string(fields);
  struct overlay overlay = take_overlay(fields);
  set_root(mount_overlay(&overlay, scratch));
}

static void op_root_bind(struct cursor *fields) {
  const char *scratch = take_string(fields), *path = take_string(fields);
  int source = host_directory(path), target = host_directory(scratch);
  int tree = clone_tree(source, true, path);
  check(SYS(move_mount, tree, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH), "mount", scratch);
  SYS(close, source);
  SYS(close, target);
  set_root(tree);
}

#endif
