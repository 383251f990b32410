import type { Digest } from '../core/index.ts';
import type { Vertex } from './types.ts';

/** Each vertex below the targets once, after all that it stands on. Without recursion: a chain of thousands must not be a stack of thousands. */
export function inputsFirst<R>(...targets: readonly Vertex<R>[]): readonly Vertex<R>[] {
  const order = new Map<Digest, Vertex<R>>();
  const begun = new Set<Digest>();
  for (const target of targets) {
    if (begun.has(target.id)) continue;
    begun.add(target.id);
    const open = [{ vertex: target, next: 0 }];
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
  }
  return [...order.values()];
}
