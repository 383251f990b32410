/*
 * Blocks of deflate (RFC 1951, 3.2.3 to 3.2.6): literals and matches are collected, then written in whichever way is
 * smallest. See fs_deflate.c.
 */
#ifndef TSBUILD_DEFLATE_BLOCKS_H
#define TSBUILD_DEFLATE_BLOCKS_H

#include "deflate_codes.h"

#define LONGEST_MATCH 258
#define END_OF_BLOCK 256
/* Few enough that codes follow the content, enough that they are worth their telling. */
#define BLOCK_TOKENS 9000
_Static_assert(BLOCK_TOKENS < 1 << 16, "sort_leaves sorts by 16 bits");
/* The most that one stored block takes. */
#define STORED_BYTES 65535

static const uint16_t length_base[29] = {3,  4,  5,  6,  7,  8,  9,  10, 11,  13,  15,  17,  19,  23, 27,
                                         31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258};
static const uint8_t length_extra[29] = {0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2,
                                         2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0};
static const uint16_t distance_base[DISTANCES] = {1,    2,    3,    4,    5,    7,    9,    13,    17,    25,
                                                  33,   49,   65,   97,   129,  193,  257,  385,   513,   769,
                                                  1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577};
static const uint8_t distance_extra[DISTANCES] = {0, 0, 0, 0, 1, 1, 2, 2,  3,  3,  4,  4,  5,  5,  6,
                                                  6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13};

struct block {
  uint8_t length_code[LONGEST_MATCH + 1];
  /* Of distances up to 256, then of every 128 of them. */
  uint8_t distance_code[512];
  /* A literal, or length << 16 | distance. */
  uint32_t tokens[BLOCK_TOKENS];
  uint32_t count;
  struct code litlen;
  struct code distance;
  struct bit_writer out;
};

static void empty_block(struct block *block) {
  block->count = 0;
  memset(block->litlen.count, 0, sizeof block->litlen.count);
  memset(block->distance.count, 0, sizeof block->distance.count);
}

static void begin_blocks(struct block *block, uint8_t *out) {
  for (unsigned code = 0; code < 29; code++) {
    unsigned end = length_base[code] + (1u << length_extra[code]);
    for (unsigned length = length_base[code]; length < end && length <= LONGEST_MATCH; length++) {
      block->length_code[length] = (uint8_t)code;
    }
  }
  for (unsigned code = 0; code < DISTANCES; code++) {
    unsigned end = distance_base[code] + (1u << distance_extra[code]);
    for (unsigned distance = distance_base[code]; distance < end; distance++) {
      block->distance_code[distance <= 256 ? distance - 1 : 256 + ((distance - 1) >> 7)] = (uint8_t)code;
    }
  }
  block->out = (struct bit_writer){out, 0, 0};
  empty_block(block);
}

static unsigned distance_code(const struct block *block, unsigned distance) {
  return block->distance_code[distance <= 256 ? distance - 1 : 256 + ((distance - 1) >> 7)];
}

static void add_literal(struct block *block, uint8_t byte) {
  block->tokens[block->count++] = byte;
  block->litlen.count[byte]++;
}

static void add_match(struct block *block, unsigned length, unsigned distance) {
  block->tokens[block->count++] = length << 16 | distance;
  block->litlen.count[257 + block->length_code[length]]++;
  block->distance.count[distance_code(block, distance)]++;
}

static uint64_t bits_of_tokens(const struct block *block, const uint8_t *litlen, const uint8_t *distance) {
  uint64_t bits = 0;
  for (unsigned i = 0; i < LITLENS; i++) {
    bits += (uint64_t)block->litlen.count[i] * (litlen[i] + (i > END_OF_BLOCK ? length_extra[i - 257] : 0u));
  }
  for (unsigned i = 0; i < DISTANCES; i++) {
    bits += (uint64_t)block->distance.count[i] * (distance[i] + distance_extra[i]);
  }
  return bits;
}

static void write_tokens(struct block *block) {
  struct bit_writer out = block->out;
  for (uint32_t i = 0; i < block->count; i++) {
    uint32_t token = block->tokens[i];
    drain_bits(&out);
    if (token < 256) {
      put_bits(&out, block->litlen.word[token], block->litlen.bits[token]);
      continue;
    }
    unsigned length = token >> 16, distance = token & 0xffff;
    unsigned code = block->length_code[length];
    put_bits(&out, block->litlen.word[257 + code], block->litlen.bits[257 + code]);
    put_bits(&out, length - length_base[code], length_extra[code]);
    code = distance_code(block, distance);
    put_bits(&out, block->distance.word[code], block->distance.bits[code]);
    put_bits(&out, distance - distance_base[code], distance_extra[code]);
  }
  drain_bits(&out);
  put_bits(&out, block->litlen.word[END_OF_BLOCK], block->litlen.bits[END_OF_BLOCK]);
  drain_bits(&out);
  block->out = out;
}

/* Of no bytes as well: the one block that ends on a byte's border and says nothing. */
static void write_stored(struct bit_writer *out, const uint8_t *bytes, uint32_t length) {
  do {
    uint32_t part = length < STORED_BYTES ? length : STORED_BYTES;
    put_bits(out, 0, 3);
    align_bits(out);
    put_bits(out, part | (uint64_t)(~part & 0xffff) << 16, 32);
    drain_bits(out);
    memcpy(out->at, bytes, part);
    out->at += part;
    bytes += part;
    length -= part;
  } while (length > 0);
}

/* Writes what was added, which stands for these bytes, as a block that is not the last. */
static void write_block(struct block *block, const uint8_t *bytes, uint32_t length) {
  uint8_t fixed_litlen[MOST_SYMBOLS], fixed_distance[DISTANCES];
  for (unsigned i = 0; i < MOST_SYMBOLS; i++) fixed_litlen[i] = i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : 8;
  memset(fixed_distance, 5, sizeof fixed_distance);
  struct told_codes told;
  block->litlen.count[END_OF_BLOCK] = 1;
  make_code(&block->litlen, LITLENS, 15);
  make_code(&block->distance, DISTANCES, 15);
  tell_codes(&told, &block->litlen, &block->distance);
  uint64_t own = bits_of_told_codes(&told) + bits_of_tokens(block, block->litlen.bits, block->distance.bits);
  uint64_t fixed = bits_of_tokens(block, fixed_litlen, fixed_distance);
  uint64_t stored = 8 * (uint64_t)length + 40 * (length / STORED_BYTES + 1);
  if (stored < own && stored < fixed) {
    write_stored(&block->out, bytes, length);
  } else if (own < fixed) {
    put_bits(&block->out, 2 << 1, 3);
    write_told_codes(&block->out, &told);
    write_tokens(block);
  } else {
    memcpy(block->litlen.bits, fixed_litlen, sizeof fixed_litlen);
    memcpy(block->distance.bits, fixed_distance, sizeof fixed_distance);
    give_words(&block->litlen, MOST_SYMBOLS);
    give_words(&block->distance, DISTANCES);
    put_bits(&block->out, 1 << 1, 3);
    write_tokens(block);
  }
  empty_block(block);
}

#endif
