import { TsbuildError } from '../../core/index.ts';

/** Fields of a request, little-endian as the machines are. */
export class RequestWriter {
  #buffer = Buffer.allocUnsafe(16 * 1024);
  #length = 0;

  u32(value: number): this {
    this.#reserve(4);
    this.#length = this.#buffer.writeUInt32LE(value >>> 0, this.#length);
    return this;
  }

  u32s(values: readonly number[]): this {
    for (const value of values) this.u32(value);
    return this;
  }

  u64(value: bigint): this {
    this.#reserve(8);
    this.#length = this.#buffer.writeBigUInt64LE(value, this.#length);
    return this;
  }

  flag(value: boolean): this {
    return this.u32(value ? 1 : 0);
  }

  bytes(value: Uint8Array): this {
    this.u32(value.length);
    this.#reserve(value.length);
    this.#buffer.set(value, this.#length);
    this.#length += value.length;
    return this;
  }

  /** What `write` adds, with its length in bytes before it. */
  measured(write: () => unknown): this {
    this.u32(0);
    const start = this.#length;
    write();
    this.#buffer.writeUInt32LE(this.#length - start, start - 4);
    return this;
  }

  get length(): number {
    return this.#length;
  }

  /** The kernel would read only up to a NUL: such a string would not mean what was checked. */
  string(value: string): this {
    if (value.includes('\0')) {
      throw new TsbuildError('RUNTIME_SETUP', `a NUL character in ${JSON.stringify(value)}`);
    }
    const length = Buffer.byteLength(value);
    this.u32(length);
    this.#reserve(length + 1);
    this.#length += this.#buffer.write(value, this.#length);
    this.#length = this.#buffer.writeUInt8(0, this.#length);
    return this;
  }

  strings(values: readonly string[]): this {
    this.u32(values.length);
    for (const value of values) this.string(value);
    return this;
  }

  result(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }

  #reserve(more: number): void {
    if (this.#length + more <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, this.#length + more));
    this.#buffer.copy(larger, 0, 0, this.#length);
    this.#buffer = larger;
  }
}
