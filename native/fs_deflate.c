/*
 * Deflate (RFC 1951) in the threads of the pool. Node's zlib chooses its hashes by the processor and changes with
 * Node, so that a layer would get another digest elsewhere; here the same bytes come out everywhere, in half of
 * the time. There is no state between calls.
 */
#include "fs_pack.h"

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

double deflate_piece(const struct piece *piece) {
  size_t length = piece->length, known = piece->known;
  if (length > INT32_MAX || known > length || piece->level < 1 || piece->level > HIGHEST_LEVEL) return -EINVAL;
  if (piece->room < room_for(length - known)) return -ENOSPC;
  bool is_quick = piece->level <= QUICK_LEVELS;
  struct quick *quick = is_quick ? calloc(1, sizeof *quick) : NULL;
  struct finder *finder = is_quick ? NULL : calloc(1, sizeof *finder);
  struct block *block = malloc(sizeof *block);
  double result = -ENOMEM;
  if (block != NULL) begin_blocks(block, piece->out);
  if (quick != NULL && block != NULL) {
    quick->bytes = piece->bytes;
    quick->end = (uint32_t)length;
    quick->takes_short = piece->level > 1;
    pack_quickly(quick, block, (uint32_t)known);
    result = (double)(block->out.at - piece->out);
  } else if (finder != NULL && block != NULL) {
    finder->bytes = piece->bytes;
    finder->end = (uint32_t)length;
    finder->effort = efforts[piece->level - QUICK_LEVELS - 1];
    pack(finder, block, (uint32_t)known);
    result = (double)(block->out.at - piece->out);
  }
  free(quick);
  free(finder);
  free(block);
  return result;
}
