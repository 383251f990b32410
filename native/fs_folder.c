/* What is in a folder: names alone, or names with what lstat(2) says of each. */
#include "fs.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>

/* Each followed by a slash, which no name can hold. */
struct names {
  char *bytes;
  size_t used;
  size_t count;
};

struct kernel_dirent {
  uint64_t ino;
  int64_t offset;
  unsigned short length;
  unsigned char type;
  char name[];
};

static bool is_dots(const char *name, size_t length) {
  return name[0] == '.' && (length == 1 || (length == 2 && name[1] == '.'));
}

/* All names of an open folder but `.` and `..`: 0, or an errno. The caller frees the bytes either way. */
static int read_names(int fd, struct names *names) {
  size_t room = 4096;
  *names = (struct names){.bytes = malloc(room)};
  if (names->bytes == NULL) return ENOMEM;
  _Alignas(struct kernel_dirent) char buffer[32768];
  for (;;) {
    long got = syscall(SYS_getdents64, fd, buffer, sizeof buffer);
    if (got < 0) return errno;
    if (got == 0) return 0;
    for (long at = 0; at < got;) {
      const struct kernel_dirent *entry = (const struct kernel_dirent *)(buffer + at);
      size_t length = strlen(entry->name);
      at += entry->length;
      if (is_dots(entry->name, length)) continue;
      if (names->used + length + 1 > room) {
        room = room * 2 + length + 1;
        char *more = realloc(names->bytes, room);
        if (more == NULL) return ENOMEM;
        names->bytes = more;
      }
      memcpy(names->bytes + names->used, entry->name, length);
      names->used += length;
      names->bytes[names->used++] = '/';
      names->count++;
    }
  }
}

/* readdir(descriptor) → the names, each followed by a slash: one string crosses the boundary much faster than many. */
static napi_value run_readdir(napi_env env, napi_callback_info info) {
  struct call call = begin_call(env, info);
  int fd = take_int(&call, 0);
  if (call.error != 0) return give_refusal(&call);
  struct names names;
  int error = read_names(fd, &names);
  napi_value result = error == 0 ? give_bytes(env, names.bytes, names.used) : give_number(env, -error);
  free(names.bytes);
  return result;
}

static int compare_names(const void *a, const void *b) {
  return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Ends each name with NUL and gives them in bytewise order; NULL without memory. The caller frees it. */
static const char **sorted(struct names *names) {
  const char **list = malloc((names->count + 1) * sizeof *list);
  if (list == NULL) return NULL;
  char *next = names->bytes;
  for (size_t i = 0; i < names->count; i++) {
    list[i] = next;
    next = strchr(next, '/');
    *next++ = 0;
  }
  qsort(list, names->count, sizeof *list, compare_names);
  return list;
}

/* More than that in one folder is refused (EFBIG) before it fills the memory. */
#define MOST_ENTRIES (1u << 22)

/* Fills the numbers and the names of what is still there, and counts them: 0, or an errno. */
static int stat_all(int fd, const char **list, size_t count, double *numbers, struct names *kept) {
  for (size_t i = 0; i < count; i++) {
    struct stat st;
    if (fstatat(fd, list[i], &st, AT_SYMLINK_NOFOLLOW) != 0) {
      if (errno == ENOENT) continue;
      return errno;
    }
    put_stat(numbers + kept->count * STAT_NUMBERS, &st);
    size_t length = strlen(list[i]);
    memcpy(kept->bytes + kept->used, list[i], length);
    kept->used += length;
    kept->bytes[kept->used++] = '/';
    kept->count++;
  }
  return 0;
}

static napi_value give_entries(napi_env env, const double *numbers, const struct names *names) {
  size_t size = names->count * STAT_NUMBERS * sizeof(double);
  double count = (double)names->count;
  char *data = NULL;
  napi_value buffer = NULL, result = NULL;
  if (napi_create_arraybuffer(env, sizeof count + size + names->used, (void **)&data, &buffer) != napi_ok) {
    return give_number(env, -ENOMEM);
  }
  memcpy(data, &count, sizeof count);
  memcpy(data + sizeof count, numbers, size);
  memcpy(data + sizeof count + size, names->bytes, names->used);
  napi_create_typedarray(env, napi_uint8_array, sizeof count + size + names->used, buffer, 0, &result);
  return result;
}

/*
 * readEntries(descriptor) → bytes: how many, as a double; the numbers of each, as those of fstatat; their names, each
 * followed by a slash. In bytewise order of the names, so that the same entries are the same bytes. Nothing is followed,
 * and what goes meanwhile is left out.
 */
static napi_value run_read_entries(napi_env env, napi_callback_info info) {
  struct call call = begin_call(env, info);
  int fd = take_int(&call, 0);
  if (call.error != 0) return give_refusal(&call);
  struct names names, kept = {0};
  int error = read_names(fd, &names);
  if (error == 0 && names.count > MOST_ENTRIES) error = EFBIG;
  const char **list = error == 0 ? sorted(&names) : NULL;
  double *numbers = error == 0 ? malloc((names.count * STAT_NUMBERS + 1) * sizeof(double)) : NULL;
  kept.bytes = error == 0 ? malloc(names.used + 1) : NULL;
  if (error == 0 && (list == NULL || numbers == NULL || kept.bytes == NULL)) error = ENOMEM;
  if (error == 0) error = stat_all(fd, list, names.count, numbers, &kept);
  napi_value result = error == 0 ? give_entries(env, numbers, &kept) : give_number(env, -error);
  free(kept.bytes);
  free(numbers);
  free(list);
  free(names.bytes);
  return result;
}

/* fileClock() → milliseconds since the epoch: the clock that the kernel takes the times of files from */
static napi_value run_file_clock(napi_env env, napi_callback_info info) {
  (void)info;
  struct timespec now;
  if (clock_gettime(CLOCK_REALTIME_COARSE, &now) != 0) return give_result(env, -1);
  return give_number(env, (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6);
}

void define_folders(napi_env env, napi_value exports) {
  static const struct function functions[] = {
      {"readdir", run_readdir},
      {"readEntries", run_read_entries},
      {"fileClock", run_file_clock},
  };
  define_functions(env, exports, functions, sizeof functions / sizeof functions[0]);
}
