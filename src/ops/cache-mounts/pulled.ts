import type { TarSink } from '../../tar/index.ts';

/** Bytes that the writer may be ahead of the reader. */
const ahead = 4 * 2 ** 20;

/**
 * What a writer pushes, for a reader that pulls. A reader that leaves early makes the writer's next push fail. Chunks are
 * read after their push has settled: they must not be used again.
 */
export async function* pulled(
  write: (sink: TarSink) => Promise<void>,
): AsyncGenerator<Uint8Array, void, undefined> {
  const ready: Uint8Array[] = [];
  const state = { bytes: 0, ended: false, left: false };
  let arrived = Promise.withResolvers<undefined>();
  let taken = Promise.withResolvers<undefined>();
  const isFull = (): boolean => state.bytes > ahead && !state.left;
  const push = async (chunk: Uint8Array): Promise<void> => {
    if (state.left) throw new Error('nobody reads any more');
    ready.push(chunk);
    state.bytes += chunk.length;
    arrived.resolve(undefined);
    while (isFull()) await taken.promise;
  };
  const writing = write(push).finally(() => {
    state.ended = true;
    arrived.resolve(undefined);
  });
  writing.catch(() => undefined); // heard below
  try {
    for (;;) {
      const chunk = ready.shift();
      if (chunk !== undefined) {
        state.bytes -= chunk.length;
        taken.resolve(undefined);
        taken = Promise.withResolvers();
        yield chunk;
      } else if (state.ended) {
        await writing;
        return;
      } else {
        await arrived.promise;
        arrived = Promise.withResolvers();
      }
    }
  } finally {
    state.left = true;
    taken.resolve(undefined);
    await writing.catch(() => undefined);
  }
}
