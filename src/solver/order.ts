import type { Digest } from '../core/index.ts';
import type { Vertex } from './types.ts';

/** Each vertex once, after all that it stands on. Without recursion: a chain of thousands must not be a stack of thousands. */
export function inputsFirst<R>(target: Vertex<R>): readonly Vertex<R>[] {
  const order = new Map<Digest, Vertex<R>>();
  const open = [{ vertex: target, next: 0 }];
  const begun = new Set([target.id]);
  for (let top = open.at(-1); top !== undefined; top = open.at(-1)) {
    const input = top.vertex.inputs[top.next++];
    if (input === undefined) {
      order.set(top.vertex.id, top.vertex);
      open.pop();
    } else if (!begun.has(input.id)) {
      begun.add(input.id);
      open.push({ vertex: input, next: 0 });
    }
  }
  return [...order.values()];
}
