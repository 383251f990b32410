/*
 * The file system of the container. Every path inside it is resolved below the root descriptor with symbolic links
 * confined to it, and every mount is attached by descriptor: an image whose /dev, /proc or /etc/resolv.conf is a link to
 * the host leads nowhere, and nothing can be exchanged between the check and the use.
 */
#ifndef LAUNCHER_MOUNTS_H
#define LAUNCHER_MOUNTS_H

#include "launcher_idmap.h"
#include <asm/statfs.h>
#include <linux/magic.h>
#include <linux/mount.h>
#include <linux/openat2.h>

#ifndef MOUNT_ATTR_SIZE_VER0
struct mount_attr {
  __u64 attr_set, attr_clr, propagation, userns_fd;
};
#endif
#define MNT_DETACH 2
#ifndef MOUNT_ATTR_IDMAP
#define MOUNT_ATTR_IDMAP 0x00100000
#endif
#ifndef AT_RECURSIVE
#define AT_RECURSIVE 0x8000
#endif

static struct {
  int fd;
  uint64_t mount;       /* its mount id: files created on other mounts never reach a layer */
  int null;             /* the host's /dev/null, verified, for masking files; -1 until needed */
  int empty;            /* an empty read-only directory, for masking directories; -1 until needed */
  int proc;             /* a procfs that no path leads to; -1 until needed */
} root = {.fd = -1, .null = -1, .empty = -1, .proc = -1};

static struct statx stat_of(int fd) {
  struct statx stat;
  memset(&stat, 0, sizeof stat);
  check(SYS(statx, fd, "", AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW,
            STATX_TYPE | STATX_MTIME | STATX_INO | STATX_MNT_ID, &stat), "statx", "");
  return stat;
}

static bool is_directory(int fd) { return (stat_of(fd).stx_mode & S_IFMT) == S_IFDIR; }

/* Opens below `below` as if that were `/`; magic links of procfs would jump out and are refused. */
static long open_below(int below, const char *path, uint64_t flags, uint64_t resolve) {
  struct open_how how = {.flags = flags | O_CLOEXEC, .mode = 0,
                         .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | resolve};
  long result = -EAGAIN;
  /* EAGAIN: something was renamed while `..` was being resolved, in a tree another container shares. */
  for (int tries = 0; result == -EAGAIN && tries < 32; tries++) result = SYS(openat2, below, path, &how, sizeof how);
  return result;
}

static long open_inside(const char *path, uint64_t flags) { return open_below(root.fd, path, flags | O_PATH, 0); }

static int host_directory(const char *path) {
  return (int)check(SYS(openat, AT_FDCWD, path, O_PATH | O_DIRECTORY | O_CLOEXEC, 0), "open", path);
}

struct point {
  bool directory;
  uint32_t mode;
  uint32_t uid, gid;
  bool reported; /* the caller takes it away again after the run */
};

static const struct point mount_directory = {.directory = true, .mode = 0755, .reported = true};
static const struct point mount_file = {.directory = false, .mode = 0644, .reported = true};

/* Where a descriptor is below the root, links resolved; needs the host's /proc, so only before the root is switched. */
static bool add_place(struct text *text, int fd) {
  char place[4096], top[4096];
  long length = SYS(readlinkat, AT_FDCWD, fd_path(fd).bytes, place, sizeof place);
  long above = SYS(readlinkat, AT_FDCWD, fd_path(root.fd).bytes, top, sizeof top);
  if (length < 0 || above < 0 || length < above || length == sizeof place) return false;
  add_bytes(text, place + above, (size_t)(length - above));
  return true;
}

/* Told with the parent's times before and after, so that whoever takes the point away can put back the first. */
static void report_created(const struct point *point, bool directory, int parent, const char *name,
                           const struct statx *before) {
  struct text path = {.length = 0};
  if (!point->reported || before->stx_mnt_id != root.mount || !add_place(&path, parent)) return;
  add(&path, "/");
  add(&path, name);
  struct statx after = stat_of(parent);
  struct frame frame = {.length = 0};
  put_u8(&frame, REPORT_CREATED);
  put_u32(&frame, directory);
  put_i64(&frame, before->stx_mtime.tv_sec);
  put_i64(&frame, before->stx_mtime.tv_nsec);
  put_i64(&frame, after.stx_mtime.tv_sec);
  put_i64(&frame, after.stx_mtime.tv_nsec);
  put_text(&frame, path.bytes);
  send_frame(&frame);
}

/*
 * Opens the path, creating what is missing of it. A dangling link in the middle (Ubuntu's /etc/resolv.conf into an
 * absent /run) is followed by hand, always from the root, so that its target comes into being inside.
 */
static int ensure(const char *path, const struct point *point) {
  static struct text wanted, next;
  wanted.length = 0, wanted.cut = false;
  add(&wanted, path);
  for (int links = 0; links < 40; links++) {
    int parent = (int)check(SYS(fcntl, root.fd, F_DUPFD_CLOEXEC, 0), "dup", path);
    size_t at = 0, before = 0;
    bool followed = false;
    if (wanted.cut) fail("create", path, -ENAMETOOLONG);
    for (;;) {
      while (wanted.bytes[at] == '/') at++;
      if (wanted.bytes[at] == 0) return parent;
      size_t name = at;
      while (wanted.bytes[at] != 0 && wanted.bytes[at] != '/') at++;
      char after = wanted.bytes[at];
      bool last = after == 0;
      bool directory = !last || point->directory;
      wanted.bytes[at] = 0;
      long found = open_inside(wanted.bytes, directory ? O_DIRECTORY : 0);
      if (found == -ENOENT) {
        struct statx stat = stat_of(parent);
        /* The folders above a file are folders: its mode would keep everybody out of them. */
        long made = directory ? SYS(mkdirat, parent, wanted.bytes + name, point->directory ? point->mode : 0755)
                              : SYS(openat, parent, wanted.bytes + name,
                                    O_CREAT | O_EXCL | O_NOFOLLOW | O_WRONLY | O_CLOEXEC, point->mode);
        if (made == -EEXIST) {
          long length;
          static char target[4096];
          length = check(SYS(readlinkat, parent, wanted.bytes + name, target, sizeof target), "readlink", path);
          next.length = 0, next.cut = false;
          if (length > 0 && target[0] != '/') add_bytes(&next, wanted.bytes, before), add(&next, "/");
          add_bytes(&next, target, (size_t)length);
          if (!last) add(&next, "/"), add(&next, wanted.bytes + at + 1);
          wanted = next;
          followed = true;
          SYS(close, parent);
          break;
        }
        check(made, "create", path);
        if (!directory) SYS(close, made);
        if (point->uid != 0 || point->gid != 0)
          check(SYS(fchownat, parent, wanted.bytes + name, point->uid, point->gid, AT_SYMLINK_NOFOLLOW), "chown", path);
        report_created(point, directory, parent, wanted.bytes + name, &stat);
        found = open_inside(wanted.bytes, directory ? O_DIRECTORY : 0);
      }
      check(found, "open", path);
      SYS(close, parent);
      parent = (int)found;
      wanted.bytes[at] = after;
      before = at;
    }
    if (!followed) break;
  }
  fail("create", path, -ELOOP);
}

/* The directory that holds the last name of a path, and where that name begins. */
static int ensure_parent(const char *path, const char **name) {
  size_t slash = 0;
  for (size_t i = 0; path[i] != 0; i++)
    if (path[i] == '/') slash = i;
  *name = path + slash + 1;
  if (path[0] != '/' || **name == 0 || text_equal(*name, ".") || text_equal(*name, ".."))
    fail("create", path, -EINVAL);
  struct text parent = {.length = 0};
  add_bytes(&parent, path, slash);
  return ensure(slash == 0 ? "/" : parent.bytes, &mount_directory);
}

/*
 * Attaches a detached mount. `real`: for procfs, sysfs and cgroups the target must be reached without any link, or an
 * image could have its own files taken for the kernel's (CVE-2019-19921 and its kin).
 */
static void attach(int tree, const char *destination, bool real) {
  bool directory = is_directory(tree);
  uint64_t flags = O_PATH | (directory ? O_DIRECTORY : 0);
  long target = open_below(root.fd, destination, flags, real ? RESOLVE_NO_SYMLINKS : 0);
  if (target == -ENOENT) target = ensure(destination, directory ? &mount_directory : &mount_file);
  check(target, real ? "open as a real directory" : "open", destination);
  /* The kernel has EINVAL for both, which explains nothing. */
  if (!directory && is_directory((int)target)) fail("mount a file over the directory", destination, -EISDIR);
  check(SYS(move_mount, tree, "", (int)target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH), "mount",
        destination);
  SYS(close, target);
}

static void set_attributes(int tree, uint64_t set, uint64_t clear, uint64_t propagation, bool recursive) {
  if (set == 0 && clear == 0 && propagation == 0) return;
  struct mount_attr attributes = {.attr_set = set, .attr_clr = clear, .propagation = propagation};
  check(SYS(mount_setattr, tree, "", AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0), &attributes, sizeof attributes),
        "mount_setattr", "");
}

static int clone_tree(int fd, bool recursive, const char *path) {
  return (int)check(SYS(open_tree, fd, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH |
                                               (recursive ? AT_RECURSIVE : 0)), "open_tree", path);
}

/* The kernel explains a failed mount in the file system's log. */
static __attribute__((noreturn)) void fail_mount(int fs, const char *type, long result) {
  struct text text = {.length = 0};
  char line[512];
  long length;
  add(&text, type);
  if ((length = SYS(read, fs, line, sizeof line)) > 2) {
    add(&text, ": ");
    add_bytes(&text, line + 2, (size_t)length - 2);
  }
  fail("mount", text.bytes, result);
}

static long set_option(int fs, const char *key, const char *value) {
  return value == NULL ? SYS(fsconfig, fs, FSCONFIG_SET_FLAG, key, 0, 0)
                       : SYS(fsconfig, fs, FSCONFIG_SET_STRING, key, value, 0);
}

static int new_mount(int fs, const char *type, uint32_t attributes) {
  long result = SYS(fsconfig, fs, FSCONFIG_CMD_CREATE, 0, 0, 0);
  if (result < 0) fail_mount(fs, type, result);
  int tree = (int)check(SYS(fsmount, fs, FSMOUNT_CLOEXEC, attributes), "fsmount", type);
  SYS(close, fs);
  return tree;
}

static void op_mount(struct cursor *fields) {
  const char *type = take_string(fields), *source = take_string(fields), *destination = take_string(fields);
  uint32_t attributes = take_u32(fields), propagation = take_u32(fields), real = take_u32(fields);
  uint32_t options = take_count(fields, 64);
  int fs = (int)check(SYS(fsopen, type, FSOPEN_CLOEXEC), "fsopen", type);
  long result = set_option(fs, "source", source);
  for (uint32_t i = 0; result >= 0 && i < options; i++) {
    const char *key = take_string(fields), *value = take_string(fields);
    result = set_option(fs, key, take_u32(fields) ? value : NULL);
  }
  if (result < 0) fail_mount(fs, type, result);
  int tree = new_mount(fs, type, attributes);
  set_attributes(tree, 0, 0, propagation, false);
  attach(tree, destination, real);
  SYS(close, tree);
}

/* A sub-path is resolved inside the source, so that whoever may write to it cannot lead the mount elsewhere. */
static int open_source(int source, const char *subpath) {
  if (subpath[0] == 0) return source;
  int inside = (int)check(open_below(source, subpath, O_PATH, 0), "open", subpath);
  SYS(close, source);
  return inside;
}

struct attributes {
  uint32_t set, clear, recursive_set, recursive_clear, propagation;
};

static struct attributes take_attributes(struct cursor *fields) {
  struct attributes a;
  a.set = take_u32(fields), a.clear = take_u32(fields);
  a.recursive_set = take_u32(fields), a.recursive_clear = take_u32(fields);
  a.propagation = take_u32(fields);
  return a;
}

static void attach_with(int tree, const char *destination, const struct attributes *a) {
  set_attributes(tree, a->set, a->clear, a->propagation, false);
  set_attributes(tree, a->recursive_set, a->recursive_clear, 0, true);
  attach(tree, destination, false);
  SYS(close, tree);
}

/* `map` counts from 1, in the order of the maps' operations; 0 is none. */
static void map_ids(int tree, uint32_t map, bool recursive, const char *source) {
  if (map == 0) return;
  if (map > id_map_count) fail("an unknown map of ids", source, -EINVAL);
  struct mount_attr attributes = {.attr_set = MOUNT_ATTR_IDMAP, .userns_fd = (uint64_t)id_maps[map - 1]};
  check(SYS(mount_setattr, tree, "", AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0), &attributes, sizeof attributes),
        "map the ids of", source);
}

static void op_bind(struct cursor *fields) {
  const char *source = take_string(fields), *subpath = take_string(fields), *destination = take_string(fields);
  uint32_t recursive = take_u32(fields);
  struct attributes attributes = take_attributes(fields);
  uint32_t map = take_u32(fields), map_recursive = take_u32(fields);
  int fd = (int)check(SYS(openat, AT_FDCWD, source, O_PATH | O_CLOEXEC, 0), "open", source);
  fd = open_source(fd, subpath);
  int tree = clone_tree(fd, recursive, source);
  SYS(close, fd);
  map_ids(tree, map, map_recursive, source);
  attach_with(tree, destination, &attributes);
}

static void op_propagation(struct cursor *fields) {
  const char *path = take_string(fields);
  uint32_t flags = take_u32(fields);
  check(SYS(mount, 0, path, 0, flags, 0), "set propagation of", path);
}

static void op_directory(struct cursor *fields) {
  const char *path = take_string(fields);
  struct point point = {.directory = true, .mode = take_u32(fields), .reported = true};
  SYS(close, ensure(path, &point));
}

static uint64_t device_number(uint32_t major, uint32_t minor) {
  return (minor & 0xff) | ((uint64_t)(major & 0xfff) << 8) | ((uint64_t)(minor & ~0xffu) << 12);
}

static void op_device(struct cursor *fields) {
  const char *path = take_string(fields), *name;
  uint32_t mode = take_u32(fields), major = take_u32(fields), minor = take_u32(fields);
  uint32_t uid = take_u32(fields), gid = take_u32(fields);
  int parent = ensure_parent(path, &name);
  check(SYS(mknodat, parent, name, mode, device_number(major, minor)), "mknod", path);
  if (uid != 0 || gid != 0) check(SYS(fchownat, parent, name, uid, gid, AT_SYMLINK_NOFOLLOW), "chown", path);
  SYS(close, parent);
}

static void op_symlink(struct cursor *fields) {
  const char *target = take_string(fields), *path = take_string(fields), *name;
  int parent = ensure_parent(path, &name);
  long result = SYS(symlinkat, target, parent, name);
  if (result != -EEXIST) check(result, "symlink", path);
  SYS(close, parent);
}

static bool is_null_device(int fd) {
  struct statx stat = stat_of(fd);
  return (stat.stx_mode & S_IFMT) == S_IFCHR && stat.stx_rdev_major == 1 && stat.stx_rdev_minor == 3;
}

/* If this were anything else than the null device, what the image put there would cover the kernel's files instead. */
static int null_device(void) {
  if (root.null >= 0) return root.null;
  root.null = (int)check(SYS(openat, AT_FDCWD, "/dev/null", O_PATH | O_NOFOLLOW | O_CLOEXEC, 0), "open", "/dev/null");
  if (!is_null_device(root.null))
    fail("/dev/null is not the null device", "", -ENODEV);
  return root.null;
}

static int empty_directory(void) {
  int fs = (int)check(SYS(fsopen, "tmpfs", FSOPEN_CLOEXEC), "fsopen", "tmpfs");
  check(set_option(fs, "source", "tmpfs"), "fsconfig", "tmpfs");
  return new_mount(fs, "tmpfs", MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
}

static void op_mask(struct cursor *fields) {
  const char *path = take_string(fields);
  long target = open_inside(path, 0);
  if (target == -ENOENT || target == -ENOTDIR) return;
  check(target, "open", path);
  int tree;
  if (!is_directory((int)target)) {
    tree = clone_tree(null_device(), false, path);
    /* It is the host's own node: without this, a chmod of the masked path would be one of the host's /dev/null. */
    set_attributes(tree, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC, 0, 0, false);
  } else {
    tree = root.empty >= 0 ? clone_tree(root.empty, false, path) : empty_directory();
  }
  check(SYS(move_mount, tree, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH), "mask", path);
  if (root.empty < 0 && is_directory(tree)) root.empty = tree;
  else SYS(close, tree);
  SYS(close, target);
}

static void op_readonly_path(struct cursor *fields) {
  const char *path = take_string(fields);
  long target = open_inside(path, 0);
  if (target == -ENOENT || target == -ENOTDIR) return;
  check(target, "open", path);
  int tree = clone_tree((int)target, true, path);
  set_attributes(tree, MOUNT_ATTR_RDONLY, 0, 0, true);
  check(SYS(move_mount, tree, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH), "mount", path);
  SYS(close, tree);
  SYS(close, target);
}

static void op_nodev_root(void) { set_attributes(root.fd, MOUNT_ATTR_NODEV, 0, 0, false); }

static void op_readonly_root(void) { set_attributes(root.fd, MOUNT_ATTR_RDONLY, 0, 0, false); }

static void op_pivot(void) {
  check(SYS(fchdir, root.fd), "chdir", "root");
  /* Onto itself: no folder for the old root is needed inside the new one; the old one, now on top, is detached. */
  check(SYS(pivot_root, ".", "."), "pivot_root", "");
  check(SYS(umount2, ".", MNT_DETACH), "umount", "the old root");
  check(SYS(chdir, "/"), "chdir", "/");
}

/* Written through a procfs of our own: the one the container sees may be covered by its mounts. */
static void op_sysctl(struct cursor *fields) {
  const char *path = take_string(fields), *value = take_string(fields);
  if (root.proc < 0) {
    int fs = (int)check(SYS(fsopen, "proc", FSOPEN_CLOEXEC), "fsopen", "proc");
    root.proc = new_mount(fs, "proc", 0);
  }
  struct statfs kind;
  check(SYS(fstatfs, root.proc, &kind), "statfs", "proc");
  if (kind.f_type != PROC_SUPER_MAGIC) fail("not a procfs", path, -EINVAL);
  int fd = (int)check(open_below(root.proc, path, O_WRONLY, RESOLVE_NO_SYMLINKS), "open", path);
  check(SYS(write, fd, value, text_length(value)), "write", path);
  SYS(close, fd);
}

/* a working directory that is missing belongs to the step's user. */
static void op_cwd(struct cursor *fields) {
  const char *path = take_string(fields);
  uint32_t create = take_u32(fields);
  struct point point = {.directory = true, .mode = 0755, .uid = take_u32(fields), .gid = take_u32(fields)};
  long fd = open_inside(path, O_DIRECTORY);
  if (fd == -ENOENT && create) fd = ensure(path, &point);
  check(fd, "open the working directory", path);
  check(SYS(fchdir, fd), "enter the working directory", path);
  SYS(close, fd);
  char where[4096];
  /* "(unreachable)…": the directory is outside the root, reached through a descriptor left open (CVE-2024-21626). */
  check(SYS(getcwd, where, sizeof where), "getcwd", path);
  if (where[0] != '/') fail("the working directory is outside the container", path, -EPERM);
}

#endif
