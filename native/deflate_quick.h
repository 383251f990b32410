/*
 * The lower levels of deflate: the two newest places by the hash of the four bytes there, and the newest by that of
 * three, whatever comes first taken. Chains of places cost a quarter more for one per cent of size. See fs_deflate.c.
 */
#ifndef TSBUILD_DEFLATE_QUICK_H
#define TSBUILD_DEFLATE_QUICK_H

#include "deflate_match.h"

#define QUICK_HASH_BITS 14
#define QUICK_PLACES 2

/* Of a place only its lowest 16 bits are kept, as by the other finder. */
struct quick {
  const uint8_t *bytes;
  uint32_t end;
  /* Matches of three bytes as well. */
  bool takes_short;
  /* The newest place lowest. */
  uint32_t places[1 << QUICK_HASH_BITS];
  uint16_t newest_short[1 << SHORT_HASH_BITS];
};

static uint32_t note_places(struct quick *quick, uint32_t at, uint32_t bytes) {
  uint32_t *places = &quick->places[hash(bytes, QUICK_HASH_BITS)];
  uint32_t before = *places;
  *places = before << 16 | (uint16_t)at;
  return before;
}

static uint16_t note_three(struct quick *quick, uint32_t at, uint32_t bytes) {
  uint16_t *newest = &quick->newest_short[hash(bytes << 8, SHORT_HASH_BITS)];
  uint16_t before = *newest;
  *newest = (uint16_t)at;
  return before;
}

/* The last places of all have no eight bytes to be compared by. */
static void note_range(struct quick *quick, uint32_t from, uint32_t to) {
  if (to + 7 > quick->end) to = quick->end < 7 ? 0 : quick->end - 7;
  for (uint32_t at = from; at < to; at++) {
    uint32_t bytes = load32(quick->bytes + at);
    note_places(quick, at, bytes);
    if (quick->takes_short) note_three(quick, at, bytes);
  }
}

/* The longer of the two that may match here, the nearer if they are as long. The place is noted. */
static struct match find_quickly(struct quick *quick, uint32_t at) {
  if (quick->end - at < 8) return none;
  const uint8_t *here = quick->bytes + at;
  uint64_t bytes = load64(here);
  uint32_t places = note_places(quick, at, (uint32_t)bytes);
  uint32_t nearest = quick->takes_short ? (uint16_t)(at - note_three(quick, at, (uint32_t)bytes)) : 0;
  __builtin_prefetch(&quick->places[hash((uint32_t)(bytes >> 8), QUICK_HASH_BITS)], 1);
  uint32_t farthest = at < WINDOW ? at : WINDOW;
  struct match best = none, found[QUICK_PLACES];
  /* No branch that depends on what is there: half of them would be guessed wrong. */
  for (unsigned i = 0; i < QUICK_PLACES; i++) {
    uint32_t distance = (uint16_t)(at - (places >> (16 * i)));
    bool is_near = distance > 0 && distance <= farthest;
    uint64_t differ = load64(here - (is_near ? distance : 0)) ^ bytes;
    unsigned length = differ == 0 ? 8 : (unsigned)__builtin_ctzll(differ) / 8;
    found[i] = (struct match){is_near ? length : 0, distance};
    if (found[i].length > best.length) best = found[i];
  }
  if (best.length >= 8) {
    unsigned limit = quick->end - at < LONGEST_MATCH ? quick->end - at : LONGEST_MATCH;
    best.length = 0;
    for (unsigned i = 0; i < QUICK_PLACES; i++) {
      if (found[i].length < 8) continue;
      unsigned length = common(here, here - found[i].distance, 8, limit);
      if (length > best.length) best = (struct match){length, found[i].distance};
    }
  }
  if (best.length >= 4) return best;
  bool is_short = nearest > 0 && nearest <= farthest && nearest <= FARTHEST_SHORT;
  if (is_short && ((load32(here - nearest) ^ (uint32_t)bytes) & 0xffffff) == 0) return (struct match){3, nearest};
  return none;
}

/* As `pack` of fs_deflate.c. */
static void pack_quickly(struct quick *quick, struct block *block, uint32_t known) {
  const uint8_t *bytes = quick->bytes;
  uint32_t end = quick->end, start = known, at = known, in_vain = 0;
  note_range(quick, known > WINDOW ? known - WINDOW : 0, known);
  while (at < end) {
    struct match match = find_quickly(quick, at);
    if (match.length > 0) {
      add_match(block, match.length, match.distance);
      note_range(quick, at + 1, at + match.length);
      at += match.length;
      in_vain = 0;
    } else {
      add_literal(block, bytes[at++]);
      at = pass(block, bytes, at, end, in_vain++);
    }
    if (block->count < BLOCK_TOKENS) continue;
    write_block(block, bytes + start, at - start);
    start = at;
  }
  if (start < end) write_block(block, bytes + start, end - start);
  write_stored(&block->out, bytes, 0);
}

#endif
