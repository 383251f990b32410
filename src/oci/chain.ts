import { digestOf, type Digest } from '../core/index.ts';

/** image-spec config.md, "Layer ChainID": the identity of a whole stack of layers. Undefined for an empty stack. */
export function chainId(diffIds: readonly Digest[]): Digest | undefined {
  return diffIds.reduce<Digest | undefined>(
    (below, diffId) => (below === undefined ? diffId : digestOf(`${below} ${diffId}`)),
    undefined,
  );
}

/** The chain ids of the stacks of one layer, of two, and so on. */
export function chainIds(diffIds: readonly Digest[]): readonly Digest[] {
  const chains: Digest[] = [];
  for (const diffId of diffIds)
    chains.push(chains.length === 0 ? diffId : digestOf(`${chains.at(-1)} ${diffId}`));
  return chains;
}
