/*
 * Deflate (RFC 1951) in the threads of the pool. Node's zlib chooses its hashes by the processor and changes with
 * Node, so that a layer would get another digest elsewhere; here the same bytes come out everywhere, in half of
 * the time. There is no state between calls.
 */
#include "fs.h"

#include "deflate_quick.h"

#define HASH_BITS 16
#define QUICK_LEVELS 2
#define HIGHEST_LEVEL 9

/* How hard to look: candidates per place, a length that is enough, whether a longer match a byte on is preferred. */
struct effort {
  unsigned candidates;
  unsigned enough;
  bool patient;
};

/* Of the levels that are not quick. */
static const struct effort efforts[HIGHEST_LEVEL - QUICK_LEVELS] = {
  {10, 48, false}, {8, 24, true},    {16, 48, true},   {32, 96, true},
  {64, 130, true}, {160, 258, true}, {400, 258, true},
};

/*
 * Places by the hash of four bytes that begin there, each with the one before it; and by the hash of three. Of a place
 * only its lowest 16 bits are kept: an entry may be of another place by now, and what stands there decides.
 */
struct finder {
  const uint8_t *bytes;
  uint32_t end;
  struct effort effort;
  uint16_t newest[1 << HASH_BITS];
  uint16_t newest_short[1 << SHORT_HASH_BITS];
  uint16_t before[WINDOW];
};

static uint16_t note(struct finder *finder, uint32_t at, uint32_t bytes) {
  uint16_t *newest = &finder->newest[hash(bytes, HASH_BITS)];
  uint16_t before = *newest;
  finder->before[at % WINDOW] = before;
  *newest = (uint16_t)at;
  return before;
}

static uint16_t note_short(struct finder *finder, uint32_t at, uint32_t bytes) {
  uint16_t *newest = &finder->newest_short[hash(bytes << 8, SHORT_HASH_BITS)];
  uint16_t before = *newest;
  *newest = (uint16_t)at;
  return before;
}

/* A place is hashed by four bytes, which the last three of all do not have. */
static void note_all(struct finder *finder, uint32_t from, uint32_t to) {
  if (to + 3 > finder->end) to = finder->end < 3 ? 0 : finder->end - 3;
  for (uint32_t at = from; at < to; at++) {
    uint32_t bytes = load32(finder->bytes + at);
    note(finder, at, bytes);
    note_short(finder, at, bytes);
  }
}

/* The longest match found at a place, of those longer than `least`, which is 2 or more. The place is noted. */
static struct match find(struct finder *finder, uint32_t at, unsigned least) {
  const uint8_t *here = finder->bytes + at;
  unsigned limit = finder->end - at < LONGEST_MATCH ? finder->end - at : LONGEST_MATCH;
  if (limit < 4) return none;
  uint32_t bytes = load32(here);
  uint32_t distance = (uint16_t)(at - note(finder, at, bytes));
  uint32_t nearest = (uint16_t)(at - note_short(finder, at, bytes));
  if (least >= limit) return none;
  struct match best = {least, 0};
  uint32_t farthest = at < WINDOW ? at : WINDOW;
  if (least < 3 && nearest > 0 && nearest <= farthest && nearest <= FARTHEST_SHORT) {
    if (((load32(here - nearest) ^ bytes) & 0xffffff) == 0) best = (struct match){3, nearest};
  }
  unsigned enough = finder->effort.enough < limit ? finder->effort.enough : limit;
  for (unsigned left = finder->effort.candidates; distance > 0 && distance <= farthest && best.length < limit; left--) {
    const uint8_t *there = here - distance;
    /* The byte that would make it longer first. */
    if (there[best.length] == here[best.length] && load32(there) == bytes) {
      unsigned length = common(here, there, 4, limit);
      if (length > best.length) best = (struct match){length, distance};
      if (length >= enough) break;
    }
    uint32_t next = (uint16_t)(at - finder->before[(at - distance) % WINDOW]);
    if (left == 1 || next <= distance) break;
    distance = next;
  }
  return best.distance > 0 ? best : none;
}

/* The bytes from `known` on as blocks of which none is the last, to a byte's border. */
static void pack(struct finder *finder, struct block *block, uint32_t known) {
  const uint8_t *bytes = finder->bytes;
  uint32_t end = finder->end, start = known, at = known, in_vain = 0;
  note_all(finder, known > WINDOW ? known - WINDOW : 0, known);
  while (at < end) {
    struct match match = find(finder, at, 2);
    uint32_t noted = at + 1;
    while (finder->effort.patient && match.length > 0 && match.length < finder->effort.enough) {
      if (block->count + 1 >= BLOCK_TOKENS) break;
      struct match later = find(finder, at + 1, match.length);
      noted = at + 2;
      if (later.length == 0) break;
      add_literal(block, bytes[at++]);
      match = later;
    }
    if (match.length > 0) {
      add_match(block, match.length, match.distance);
      at += match.length;
      note_all(finder, noted, at);
      in_vain = 0;
    } else {
      add_literal(block, bytes[at++]);
      if (!finder->effort.patient) at = pass(block, bytes, at, end, in_vain++);
    }
    if (block->count < BLOCK_TOKENS) continue;
    write_block(block, bytes + start, at - start);
    start = at;
  }
  if (start < end) write_block(block, bytes + start, end - start);
  write_stored(&block->out, bytes, 0);
}

/* What no input comes out larger than: stored blocks with their heads, and what the bit writer writes ahead. */
static size_t room_for(size_t length) {
  return length + 6 * (length / BLOCK_TOKENS + 2) + 16;
}

struct job {
  napi_async_work work;
  napi_deferred deferred;
  napi_ref out_kept, bytes_kept;
  uint8_t *out;
  const uint8_t *bytes;
  uint32_t known, length;
  unsigned level;
  double result;
};

static void run_job(napi_env env, void *data) {
  (void)env;
  struct job *job = data;
  bool is_quick = job->level <= QUICK_LEVELS;
  struct quick *quick = is_quick ? calloc(1, sizeof *quick) : NULL;
  struct finder *finder = is_quick ? NULL : calloc(1, sizeof *finder);
  struct block *block = malloc(sizeof *block);
  job->result = -ENOMEM;
  if (block != NULL) begin_blocks(block, job->out);
  if (quick != NULL && block != NULL) {
    quick->bytes = job->bytes;
    quick->end = job->length;
    quick->takes_short = job->level > 1;
    pack_quickly(quick, block, job->known);
    job->result = (double)(block->out.at - job->out);
  } else if (finder != NULL && block != NULL) {
    finder->bytes = job->bytes;
    finder->end = job->length;
    finder->effort = efforts[job->level - QUICK_LEVELS - 1];
    pack(finder, block, job->known);
    job->result = (double)(block->out.at - job->out);
  }
  free(quick);
  free(finder);
  free(block);
}

static void end_job(napi_env env, napi_status status, void *data) {
  struct job *job = data;
  napi_resolve_deferred(env, job->deferred, give_number(env, status == napi_ok ? job->result : -ECANCELED));
  napi_delete_reference(env, job->out_kept);
  napi_delete_reference(env, job->bytes_kept);
  napi_delete_async_work(env, job->work);
  free(job);
}

static uint8_t *take_buffer(struct call *call, size_t index, size_t *length) {
  napi_typedarray_type type;
  void *bytes = NULL;
  if (call->error != 0) return NULL;
  if (index >= call->count ||
      napi_get_typedarray_info(call->env, call->args[index], &type, length, &bytes, NULL, NULL) != napi_ok ||
      type != napi_uint8_array) {
    call->error = EINVAL;
  }
  return bytes;
}

/*
 * deflate(out, bytes, known, level) → a promise of the bytes written, or of -errno. The first `known` bytes only serve
 * to refer back to. Neither array may be touched meanwhile.
 */
static napi_value run_deflate(napi_env env, napi_callback_info info) {
  struct call call = begin_call(env, info);
  size_t room = 0, length = 0;
  uint8_t *out = take_buffer(&call, 0, &room), *bytes = take_buffer(&call, 1, &length);
  uint32_t known = take_uint32(&call, 2), level = take_uint32(&call, 3);
  if (length > INT32_MAX || known > length || level < 1 || level > HIGHEST_LEVEL) call.error = EINVAL;
  if (call.error == 0 && room < room_for(length - known)) call.error = ENOSPC;
  struct job *job = call.error == 0 ? calloc(1, sizeof *job) : NULL;
  if (call.error == 0 && job == NULL) call.error = ENOMEM;
  if (call.error != 0) return give_refusal(&call);
  *job = (struct job){.out = out, .bytes = bytes, .known = known, .length = (uint32_t)length, .level = level};
  napi_value promise = NULL, name = NULL;
  napi_create_reference(env, call.args[0], 1, &job->out_kept);
  napi_create_reference(env, call.args[1], 1, &job->bytes_kept);
  napi_create_promise(env, &job->deferred, &promise);
  napi_create_string_latin1(env, "deflate", NAPI_AUTO_LENGTH, &name);
  napi_create_async_work(env, NULL, name, run_job, end_job, job, &job->work);
  napi_queue_async_work(env, job->work);
  return promise;
}

void define_deflate(napi_env env, napi_value exports) {
  const struct function functions[] = {{"deflate", run_deflate}};
  define_functions(env, exports, functions, sizeof functions / sizeof functions[0]);
}
