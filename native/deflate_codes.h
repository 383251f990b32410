/*
 * Prefix codes of deflate (RFC 1951, 3.2): made from counts, written as lengths. See fs_deflate.c.
 */
#ifndef TSBUILD_DEFLATE_CODES_H
#define TSBUILD_DEFLATE_CODES_H

#include <endian.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define LITLENS 286
/* With two that the fixed code has words for and no block uses. */
#define MOST_SYMBOLS 288
#define DISTANCES 30
#define LENGTHS 19

/* Symbols that do not occur have words of no bits. */
struct code {
  uint32_t count[MOST_SYMBOLS];
  uint16_t word[MOST_SYMBOLS];
  uint8_t bits[MOST_SYMBOLS];
};

struct bit_writer {
  uint8_t *at;
  uint64_t waiting;
  unsigned count;
};

static void put_bits(struct bit_writer *out, uint64_t value, unsigned count) {
  out->waiting |= value << out->count;
  out->count += count;
}

/* Makes room for 56 more bits. Writes eight bytes, of which some are to be overwritten. */
static void drain_bits(struct bit_writer *out) {
  uint64_t bytes = htole64(out->waiting);
  memcpy(out->at, &bytes, sizeof bytes);
  out->at += out->count >> 3;
  out->waiting >>= out->count & ~7u;
  out->count &= 7;
}

static void align_bits(struct bit_writer *out) {
  drain_bits(out);
  if (out->count > 0) out->at++;
  out->waiting = 0;
  out->count = 0;
}

struct leaf {
  uint32_t weight;
  uint16_t symbol;
};

/* By weight, which is below 2^16, and as they came among equals: a byte of the weight after the other. */
static void sort_leaves(struct leaf *leaves, int count) {
  struct leaf half[MOST_SYMBOLS];
  for (unsigned shift = 0; shift < 16; shift += 8) {
    const struct leaf *from = shift == 0 ? leaves : half;
    struct leaf *to = shift == 0 ? half : leaves;
    uint16_t next[257] = {0};
    for (int i = 0; i < count; i++) next[(from[i].weight >> shift & 0xff) + 1]++;
    for (unsigned byte = 1; byte < 256; byte++) next[byte] += next[byte - 1];
    for (int i = 0; i < count; i++) to[next[from[i].weight >> shift & 0xff]++] = from[i];
  }
}

/* Sorted weights become the lengths of their words in a code of least redundancy (Moffat and Katajainen, 1995). */
static void weights_to_lengths(struct leaf *leaves, int count) {
  int root = 0, leaf = 2;
  leaves[0].weight += leaves[1].weight;
  for (int next = 1; next < count - 1; next++) {
    for (int half = 0; half < 2; half++) {
      bool is_root = leaf >= count || (root < next && leaves[root].weight < leaves[leaf].weight);
      uint32_t weight = leaves[is_root ? root : leaf].weight;
      leaves[next].weight = half == 0 ? weight : leaves[next].weight + weight;
      if (is_root) leaves[root++].weight = (uint32_t)next;
      else leaf++;
    }
  }
  leaves[count - 2].weight = 0;
  for (int next = count - 3; next >= 0; next--) leaves[next].weight = leaves[leaves[next].weight].weight + 1;
  root = count - 2;
  int next = count - 1;
  for (int available = 1, depth = 0; available > 0; depth++) {
    int inner = 0;
    for (; root >= 0 && (int)leaves[root].weight == depth; root--) inner++;
    for (; available > inner; available--) leaves[next--].weight = (uint32_t)depth;
    available = 2 * inner;
  }
}

static uint16_t reversed(unsigned word, unsigned bits) {
  unsigned result = 0;
  for (; bits > 0; bits--, word >>= 1) result = result << 1 | (word & 1);
  return (uint16_t)result;
}

/* Canonical words (3.2.2), the first bit lowest. */
static void give_words(struct code *code, unsigned symbols) {
  unsigned lengths[16] = {0}, next[16], word = 0;
  for (unsigned i = 0; i < symbols; i++) lengths[code->bits[i]]++;
  lengths[0] = 0;
  for (unsigned bits = 1; bits < 16; bits++) next[bits] = word = (word + lengths[bits - 1]) << 1;
  for (unsigned i = 0; i < symbols; i++) {
    if (code->bits[i] > 0) code->word[i] = reversed(next[code->bits[i]]++, code->bits[i]);
  }
}

/* A code for the counts, with words of at most `longest` bits. */
static void make_code(struct code *code, unsigned symbols, unsigned longest) {
  struct leaf leaves[MOST_SYMBOLS];
  uint16_t symbol[MOST_SYMBOLS];
  int count = 0;
  memset(code->bits, 0, sizeof code->bits);
  for (unsigned i = 0; i < symbols; i++) {
    if (code->count[i] > 0) leaves[count++] = (struct leaf){code->count[i], (uint16_t)i};
  }
  /* Readers differ in what they take for a code of less than two words. */
  for (unsigned i = 0; count < 2; i++) {
    if (code->count[i] == 0) leaves[count++] = (struct leaf){1, (uint16_t)i};
  }
  sort_leaves(leaves, count);
  for (int i = 0; i < count; i++) symbol[i] = leaves[i].symbol;
  weights_to_lengths(leaves, count);
  /* Words that are too long are cut; others grow until no two of them begin alike (Kraft's sum is whole). */
  unsigned lengths[MOST_SYMBOLS] = {0};
  for (int i = 0; i < count; i++) lengths[leaves[i].weight < longest ? leaves[i].weight : longest]++;
  uint32_t sum = 0;
  for (unsigned bits = 1; bits <= longest; bits++) sum += lengths[bits] << (longest - bits);
  for (; sum > 1u << longest; sum--) {
    unsigned bits = longest - 1;
    while (lengths[bits] == 0) bits--;
    lengths[longest]--;
    lengths[bits]--;
    lengths[bits + 1] += 2;
  }
  for (unsigned bits = 1; bits <= longest; bits++) {
    for (; lengths[bits] > 0; lengths[bits]--) code->bits[symbol[--count]] = (uint8_t)bits;
  }
  give_words(code, symbols);
}

/* The codes of a block as the block's beginning tells them (3.2.7). */
struct told_codes {
  uint8_t symbols[LITLENS + DISTANCES];
  uint8_t extra[LITLENS + DISTANCES];
  unsigned count, litlens, distances, lengths;
  struct code code;
};

static const uint8_t order_of_lengths[LENGTHS] = {16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15};

static unsigned extra_of_length(unsigned symbol) {
  return symbol < 16 ? 0 : symbol == 16 ? 2 : symbol == 17 ? 3 : 7;
}

static void tell_length(struct told_codes *told, unsigned symbol, unsigned extra) {
  told->symbols[told->count] = (uint8_t)symbol;
  told->extra[told->count++] = (uint8_t)extra;
  told->code.count[symbol]++;
}

static void tell_codes(struct told_codes *told, const struct code *litlen, const struct code *distance) {
  uint8_t all[LITLENS + DISTANCES];
  memset(told, 0, sizeof *told);
  for (told->litlens = LITLENS; litlen->bits[told->litlens - 1] == 0;) told->litlens--;
  for (told->distances = DISTANCES; distance->bits[told->distances - 1] == 0;) told->distances--;
  memcpy(all, litlen->bits, told->litlens);
  memcpy(all + told->litlens, distance->bits, told->distances);
  unsigned total = told->litlens + told->distances;
  for (unsigned i = 0, run; i < total; i += run) {
    unsigned most = all[i] == 0 ? 138 : 7;
    for (run = 1; run < most && i + run < total && all[i + run] == all[i];) run++;
    if (all[i] == 0 && run >= 3) {
      tell_length(told, run < 11 ? 17 : 18, run < 11 ? run - 3 : run - 11);
    } else if (all[i] > 0 && run >= 4) {
      tell_length(told, all[i], 0);
      tell_length(told, 16, run - 4);
    } else {
      run = 1;
      tell_length(told, all[i], 0);
    }
  }
  make_code(&told->code, LENGTHS, 7);
  for (told->lengths = LENGTHS; told->lengths > 4 && told->code.bits[order_of_lengths[told->lengths - 1]] == 0;) {
    told->lengths--;
  }
}

static uint64_t bits_of_told_codes(const struct told_codes *told) {
  uint64_t bits = 14 + 3 * told->lengths;
  for (unsigned i = 0; i < LENGTHS; i++) {
    bits += (uint64_t)told->code.count[i] * (told->code.bits[i] + extra_of_length(i));
  }
  return bits;
}

static void write_told_codes(struct bit_writer *out, const struct told_codes *told) {
  put_bits(out, told->litlens - 257, 5);
  put_bits(out, told->distances - 1, 5);
  put_bits(out, told->lengths - 4, 4);
  for (unsigned i = 0; i < told->lengths; i++) {
    drain_bits(out);
    put_bits(out, told->code.bits[order_of_lengths[i]], 3);
  }
  for (unsigned i = 0; i < told->count; i++) {
    unsigned symbol = told->symbols[i];
    drain_bits(out);
    put_bits(out, told->code.word[symbol], told->code.bits[symbol]);
    put_bits(out, told->extra[i], extra_of_length(symbol));
  }
}

#endif
