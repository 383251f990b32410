/** x⁶⁴ + x⁴ + x³ + x + 1, reflected: the upper half of what each byte brings; the lower one is always 0. */
const table = new Uint32Array(256).map((_, byte) => {
  let [high, low] = [0, byte];
  for (let bit = 0; bit < 8; bit++) {
    const carry = low & 1;
    low = (low >>> 1) | (high << 31);
    high >>>= 1;
    if (carry === 1) high ^= 0xd8000000;
  }
  return high >>> 0;
});

/** The CRC-64 of ISO 3309, as Go's hash/crc64 has it. */
export class Crc64 {
  #high = -1;
  #low = -1;

  update(bytes: Uint8Array): void {
    let high = this.#high;
    let low = this.#low;
    for (let at = 0; at < bytes.length; at++) {
      const brought = table[(low ^ (bytes[at] ?? 0)) & 0xff] ?? 0;
      low = (low >>> 8) | (high << 24);
      high = (high >>> 8) ^ brought;
    }
    this.#high = high;
    this.#low = low;
  }

  /** Eight bytes, the highest first. */
  digest(): Buffer {
    const sum = Buffer.alloc(8);
    sum.writeInt32BE(~this.#high, 0);
    sum.writeInt32BE(~this.#low, 4);
    return sum;
  }
}
