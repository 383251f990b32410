/** Up to this size bytes are compared and written at once: a stream that is staged costs a dozen calls of its own. */
const gatherLimit = 32 * 1024;

/** The whole of a short stream; else one of the same bytes. */
export async function gathered(
  bytes: AsyncIterable<Uint8Array>,
): Promise<Uint8Array | AsyncIterable<Uint8Array>> {
  const source = bytes[Symbol.asyncIterator]();
  const first: Uint8Array[] = [];
  for (let size = 0; ;) {
    const next = await source.next();
    if (next.done === true) return Buffer.concat(first);
    size += next.value.length;
    // Only what is passed on before the next is asked for may be the source's own buffer.
    if (size > gatherLimit) return joined([...first, next.value], source);
    first.push(Uint8Array.from(next.value));
  }
}

/** No generator: one that nobody has begun to read would not end its source, with the files and threads of that. */
function joined(
  first: readonly Uint8Array[],
  source: AsyncIterator<Uint8Array>,
): AsyncIterableIterator<Uint8Array> {
  const left = [...first];
  return {
    async next() {
      const value = left.shift();
      return value === undefined ? source.next() : { done: false, value };
    },
    async return() {
      await source.return?.();
      return { done: true, value: undefined };
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}
