/*
 * What all ways of looking for matches share. See fs_deflate.c.
 */
#ifndef TSBUILD_DEFLATE_MATCH_H
#define TSBUILD_DEFLATE_MATCH_H

#include "deflate_blocks.h"

#define WINDOW 32768
#define SHORT_HASH_BITS 13
/* A match of three bytes from further away costs more than the three. */
#define FARTHEST_SHORT 4096

struct match {
  unsigned length;
  unsigned distance;
};

static const struct match none = {0, 0};

/* In one order on every processor, since hashes are made of it. */
static uint32_t load32(const uint8_t *from) {
  uint32_t value;
  memcpy(&value, from, sizeof value);
  return le32toh(value);
}

static uint64_t load64(const uint8_t *from) {
  uint64_t value;
  memcpy(&value, from, sizeof value);
  return le64toh(value);
}

static unsigned hash(uint32_t bytes, unsigned bits) {
  return (bytes * 0x9e3779b1u) >> (32 - bits);
}

/* How many bytes are the same, of which so many are known to be. */
static unsigned common(const uint8_t *one, const uint8_t *other, unsigned known, unsigned limit) {
  unsigned length = known;
  for (; length + 8 <= limit; length += 8) {
    uint64_t differ = load64(one + length) ^ load64(other + length);
    if (differ != 0) return length + (unsigned)__builtin_ctzll(differ) / 8;
  }
  while (length < limit && one[length] == other[length]) length++;
  return length;
}

/*
 * Passes some bytes unlooked at, after so many looks in vain: what nothing matches for long is mostly packed already,
 * and the more of it the less is looked at. Where it stands then.
 */
static uint32_t pass(struct block *block, const uint8_t *bytes, uint32_t at, uint32_t end, uint32_t in_vain) {
  uint32_t left = in_vain < 16 * 256 ? in_vain / 256 : 16;
  for (; left > 0 && at < end && block->count < BLOCK_TOKENS; left--) add_literal(block, bytes[at++]);
  return at;
}

#endif
